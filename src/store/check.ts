import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { FileFault, HEADER_BYTES, newestMeta, type Tree } from './meta.ts';

// The layout of pages, from LMDB's mdb.c; the headers are in meta.ts.
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
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
    if (caught instanceof FileFault) return caught.message;
    throw caught;
  } finally {
    closeSync(file);
  }
}

interface Leaf {
  readonly key: Buffer;
  /** Where the value begins in the file, and its length. */
  readonly at: number;
  readonly bytes: number;
}

class FileCheck {
  readonly file: number;
  readonly size: number;
  pageBytes = 0;
  newest = 0n;
  seen = new Uint8Array(0);

  constructor(file: number) {
    this.file = file;
    this.size = fstatSync(file).size;
  }

  run(): string | undefined {
    const newest = newestMeta((at, bytes) => this.readSome(at, bytes));
    this.pageBytes = newest.pageBytes;
    this.newest = newest.transaction;
    this.seen = new Uint8Array(Math.min(Math.floor(this.size / this.pageBytes), newest.lastPage + 1));
    const freed: Leaf[] = [];
    this.tree(newest.free, (leaf) => freed.push(leaf));
    let last: Buffer | undefined;
    this.tree(newest.main, ({ key }) => {
      if (last && Buffer.compare(last, key) >= 0) throw new FileFault('its entries are out of order');
      last = Buffer.from(key);
    });
    for (const { at, bytes } of freed) this.freeList(this.read(at, bytes, 'a list of free pages'));
    return undefined;
  }

  tree({ root, depth }: Tree, visit: (node: Leaf) => void): void {
    if (root === NO_ROOT) return;
    if (depth > DEEPEST) throw new FileFault('its tree has no end');
    this.walk(Number(root), depth - 1, visit);
  }

  /** `below` is how many levels lie below this page. */
  walk(number: number, below: number, visit: (node: Leaf) => void): void {
    const page = this.page(number);
    const kind = below > 0 ? BRANCH : LEAF;
    if (below < 0 || page.readUInt32LE(16) !== kind * 2 ** 16)
      throw new FileFault(`page ${number} is not of the kind that it must be`);
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
    if (lower > upper || upper > this.pageBytes - HEADER_BYTES || lower % 2 !== 0) {
      throw new FileFault(`the bounds of page ${number} are damaged`);
    }
    for (let index = 0; index < lower >> 1; index++) {
      const node = HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + 2 * index);
      if (node < HEADER_BYTES + upper || node + NODE_BYTES > this.pageBytes) {
        throw new FileFault(`entry ${index} of page ${number} points out of it`);
      }
      const low = page.readUInt32LE(node);
      const flags = page.readUInt16LE(node + 4);
      const keyAt = node + NODE_BYTES;
      const valueAt = keyAt + page.readUInt16LE(node + 6);
      const bytes = kind === BRANCH ? 0 : flags === BIG_VALUE ? 24 : low;
      if (valueAt + bytes > this.pageBytes)
        throw new FileFault(`entry ${index} of page ${number} is longer than the page`);
      if (kind === BRANCH) {
        this.walk(low + flags * 2 ** 32, below - 1, visit);
        continue;
      }
      if (flags !== 0 && flags !== BIG_VALUE)
        throw new FileFault(`entry ${index} of page ${number} is of no known kind`);
      const key = page.subarray(keyAt, valueAt);
      const at = flags === BIG_VALUE ? this.bigValue(page, valueAt, low) : number * this.pageBytes + valueAt;
      visit({ key, at, bytes: low });
    }
  }

  /** Pages that may be written over: none of them may be one that is in use. */
  freeList(list: Buffer): void {
    const count = list.length < 8 ? -1 : Number(list.readBigInt64LE(0));
    if (count < 0 || 8 * (count + 1) > list.length)
      throw new FileFault('a list of its free pages is damaged');
    for (let index = 1; index <= count; index++) {
      const number = Number(list.readBigInt64LE(8 * index));
      // Numbers below zero are the lengths of blocks.
      if (number >= 2 && this.seen[number] === 1) throw new FileFault(`page ${number} is free and in use`);
    }
  }

  bigValue(page: Buffer, at: number, bytes: number): number {
    const first = Number(page.readBigUInt64LE(at));
    const head = this.page(first);
    const count = head.readUInt32LE(20);
    const needed = Math.ceil((HEADER_BYTES + bytes) / this.pageBytes);
    if (head.readUInt32LE(16) !== OVERFLOW * 2 ** 16 || count < needed || first + count > this.seen.length) {
      throw new FileFault(`the pages of a long value at ${first} are damaged`);
    }
    this.seen.fill(1, first, first + count);
    return first * this.pageBytes + HEADER_BYTES;
  }

  /** A page that is in the file, carries its own number, and is reached for the first time. */
  page(number: number): Buffer {
    if (!(number >= 2 && number < this.seen.length))
      throw new FileFault(`page ${number} lies outside of the file`);
    if (this.seen[number] === 1) throw new FileFault(`page ${number} is used twice`);
    this.seen[number] = 1;
    const page = this.read(number * this.pageBytes, this.pageBytes, `page ${number}`);
    if (Number(page.readBigUInt64LE(0)) !== number) throw new FileFault(`page ${number} holds another page`);
    // LMDB takes a page from the future for one that it has in memory itself.
    if (page.readBigUInt64LE(8) > this.newest) throw new FileFault(`page ${number} is newer than the file`);
    return page;
  }

  read(at: number, bytes: number, what: string): Buffer {
    const buffer = this.readSome(at, bytes);
    if (buffer.length < bytes) throw new FileFault(`it ends in the middle of ${what}`);
    return buffer;
  }

  readSome(at: number, bytes: number): Buffer {
    const buffer = Buffer.allocUnsafe(bytes);
    return buffer.subarray(0, readSync(this.file, buffer, 0, bytes, at));
  }
}
