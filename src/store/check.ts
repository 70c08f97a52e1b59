import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

// The layout of LMDB's files (data version 2, as lmdb 3.5 writes them), from its mdb.c. All numbers are little-endian.
const HEADER_BYTES = 24;
const META_BYTES = HEADER_BYTES + 144;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
/** In a leaf's node: the value lies on pages of its own. */
const BIG_VALUE = 0x01;
const NODE_BYTES = 8;
const NO_ROOT = 0xffff_ffff_ffff_ffffn;
/** Deeper than any tree of ours: five levels hold more records than there are atoms of use to us. */
const DEEPEST = 32;

/**
 * What is wrong with an LMDB file; undefined if its trees are whole. LMDB itself trusts every pointer in its file: with a damaged one it
 * reads outside of the file and the process dies, so that nobody could say why. Values are not looked at: they have checksums.
 */
export function faultOfFile(path: string): string | undefined {
  const file = openSync(path, 'r');
  try {
    return new FileCheck(file).run();
  } catch (caught) {
    if (caught instanceof Fault) return caught.message;
    throw caught;
  } finally {
    closeSync(file);
  }
}

class Fault extends Error {}

class FileCheck {
  readonly file: number;
  readonly size: number;
  pageBytes = 0;
  seen = new Uint8Array(0);

  constructor(file: number) {
    this.file = file;
    this.size = fstatSync(file).size;
  }

  run(): string | undefined {
    const first = this.meta(0);
    this.pageBytes = first.pageBytes;
    const second = this.meta(first.pageBytes);
    if (second.pageBytes !== first.pageBytes) throw new Fault('its two headers contradict each other');
    const newest = first.transaction > second.transaction ? first : second;
    this.seen = new Uint8Array(Math.floor(this.size / this.pageBytes));
    for (const root of newest.roots) if (root !== NO_ROOT) this.tree(Number(root), 0);
    return undefined;
  }

  meta(at: number) {
    const page = this.read(at, META_BYTES, 'a header');
    const body = page.subarray(HEADER_BYTES);
    const flags = page.readUInt16LE(18);
    if ((flags & META) === 0 || body.readUInt32LE(0) !== MAGIC)
      throw new Fault('it is not a database: a header is damaged');
    const version = body.readUInt32LE(4) & 0xffff;
    if (version !== DATA_VERSION)
      throw new Fault(`its format has version ${version}, and this program knows ${DATA_VERSION}`);
    const pageBytes = body.readUInt32LE(24);
    if (pageBytes < 256 || pageBytes > 65_536 || (pageBytes & (pageBytes - 1)) !== 0) {
      throw new Fault(`a header says that pages have ${pageBytes} bytes`);
    }
    // The tree of the free pages, and ours.
    const roots = [body.readBigUInt64LE(24 + 40), body.readBigUInt64LE(72 + 40)];
    return { pageBytes, roots, transaction: body.readBigUInt64LE(128) };
  }

  tree(number: number, depth: number): void {
    if (depth > DEEPEST) throw new Fault('its tree has no end');
    const page = this.page(number);
    const flags = page.readUInt16LE(18);
    const isBranch = (flags & BRANCH) !== 0;
    if (isBranch === ((flags & LEAF) !== 0)) throw new Fault(`page ${number} is of no known kind`);
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
    if (lower > upper || upper > this.pageBytes - HEADER_BYTES)
      throw new Fault(`the bounds of page ${number} are damaged`);
    const children: number[] = [];
    for (let index = 0; index < lower >> 1; index++) {
      const at = HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + 2 * index);
      const fits = at >= HEADER_BYTES + upper && at + NODE_BYTES <= this.pageBytes;
      if (!fits) throw new Fault(`entry ${index} of page ${number} points out of it`);
      const low = page.readUInt32LE(at);
      const nodeFlags = page.readUInt16LE(at + 4);
      const keyEnd = at + NODE_BYTES + page.readUInt16LE(at + 6);
      if (isBranch) children.push(low + nodeFlags * 2 ** 32);
      else if ((nodeFlags & BIG_VALUE) !== 0) this.bigValue(page, keyEnd, low, number);
      const end = isBranch ? keyEnd : keyEnd + ((nodeFlags & BIG_VALUE) !== 0 ? 24 : low);
      if (end > this.pageBytes) throw new Fault(`entry ${index} of page ${number} is longer than the page`);
    }
    for (const child of children) this.tree(child, depth + 1);
  }

  bigValue(page: Buffer, at: number, bytes: number, number: number): void {
    if (at + 24 > this.pageBytes) throw new Fault(`an entry of page ${number} is longer than the page`);
    const first = Number(page.readBigUInt64LE(at));
    const head = this.page(first);
    const count = head.readUInt32LE(20);
    const needed = Math.ceil((HEADER_BYTES + bytes) / this.pageBytes);
    if ((head.readUInt16LE(18) & OVERFLOW) === 0 || count < needed || first + count > this.seen.length) {
      throw new Fault(`the pages of a long value at ${first} are damaged`);
    }
  }

  /** A page that is in the file, carries its own number, and is reached for the first time. */
  page(number: number): Buffer {
    if (!(number >= 2 && number < this.seen.length))
      throw new Fault(`page ${number} lies outside of the file`);
    if (this.seen[number] === 1) throw new Fault(`page ${number} is used twice`);
    this.seen[number] = 1;
    const page = this.read(number * this.pageBytes, this.pageBytes, `page ${number}`);
    if (Number(page.readBigUInt64LE(0)) !== number) throw new Fault(`page ${number} holds another page`);
    return page;
  }

  read(at: number, bytes: number, what: string): Buffer {
    const buffer = Buffer.allocUnsafe(bytes);
    if (readSync(this.file, buffer, 0, bytes, at) < bytes)
      throw new Fault(`it ends in the middle of ${what}`);
    return buffer;
  }
}
