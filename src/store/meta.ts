// The headers of LMDB's files (data version 2, as lmdb 3.5 writes them), from its mdb.c. All numbers are little-endian.
export const HEADER_BYTES = 24;
const META_BYTES = HEADER_BYTES + 144;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** The kind of page that holds a header. */
const META = 0x08;
/** In the flags of the tree of free pages: its keys are numbers. */
const INTEGER_KEY = 0x08;

/** What is wrong with a file, in words. */
export class FileFault extends Error {}

/** Reads bytes of the file; gives fewer at its end. */
export type ReadAt = (at: number, bytes: number) => Buffer;

export interface Tree {
  /** Levels of pages; 0 for an empty tree. */
  readonly depth: number;
  /** Number of the page at the top. */
  readonly root: bigint;
}

/** What one commit left in the file's header. */
export interface Meta {
  readonly pageBytes: number;
  /** Pages that are free. */
  readonly free: Tree;
  readonly main: Tree;
  /** Number of the last page that was ever used. */
  readonly lastPage: number;
  readonly transaction: bigint;
}

/** The newest header. Throws `FileFault` if the two contradict each other or themselves. */
export function newestMeta(read: ReadAt): Meta {
  const first = metaAt(read, 0);
  const second = metaAt(read, first.pageBytes);
  // The headers take turns: the transaction with an even number writes the first one.
  const [newest, older, parity] =
    first.transaction > second.transaction ? [first, second, 0n] : [second, first, 1n];
  const takesTurns = newest.transaction === 0n || newest.transaction % 2n === parity;
  if (second.pageBytes !== first.pageBytes || !takesTurns || newest.transaction - older.transaction > 1n) {
    throw new FileFault('its two headers contradict each other');
  }
  return newest;
}

function metaAt(read: ReadAt, at: number): Meta {
  const page = read(at, META_BYTES);
  if (page.length < META_BYTES) throw new FileFault('it ends in the middle of a header');
  const body = page.subarray(HEADER_BYTES);
  if (page.readUInt16LE(18) !== META || body.readUInt32LE(0) !== MAGIC) {
    throw new FileFault('it is not a database: a header is damaged');
  }
  const version = body.readUInt32LE(4) & 0xffff;
  if (version !== DATA_VERSION) {
    throw new FileFault(`its format has version ${version}, and this program knows ${DATA_VERSION}`);
  }
  const pageBytes = body.readUInt32LE(24);
  if (pageBytes < 256 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) {
    throw new FileFault(`a header says that pages have ${pageBytes} bytes`);
  }
  const isOrdinary = body.readUInt32LE(72) === 0 && body.readUInt16LE(76) === 0;
  if ((body.readUInt16LE(28) & INTEGER_KEY) === 0 || !isOrdinary) {
    throw new FileFault('the flags in a header are damaged');
  }
  const treeAt = (from: number) => ({
    depth: body.readUInt16LE(from + 6),
    root: body.readBigUInt64LE(from + 40),
  });
  return {
    pageBytes,
    free: treeAt(24),
    main: treeAt(72),
    lastPage: Number(body.readBigUInt64LE(120)),
    transaction: body.readBigUInt64LE(128),
  };
}
