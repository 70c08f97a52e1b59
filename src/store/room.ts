import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { newestMeta } from './meta.ts';

/** The file grows by at least this much: growing is a write of its own. */
const STEP_BYTES = 1_048_576;
const ZEROS = Buffer.alloc(STEP_BYTES);

/**
 * Room in LMDB's file, taken before LMDB needs it. lmdb 3.5.6 writes beyond a buffer of 100 bytes when a write of its own fails
 * (mdb_page_flush composes a message of more), and the process dies of that at some later moment. So it must never meet a full disk: we do,
 * and in time.
 */
export interface Room {
  /** Sees to it that the file can take `bytes` more. Throws the system's error if it can't, and gives back what it took. */
  ensure(bytes: number): void;
  close(): void;
}

/** No transaction may be running on the file while `ensure` is called. */
export function makeRoomIn(path: string): Room {
  const file = openSync(path, 'r+');
  return {
    ensure(bytes) {
      const size = fstatSync(file).size;
      const { lastPage, pageBytes } = newestMeta((at, length) => read(file, at, length));
      const needed = (lastPage + 1) * pageBytes + bytes;
      if (needed <= size) return;
      try {
        for (let at = size; at < needed; at += STEP_BYTES) writeAll(file, at);
      } catch (caught) {
        ftruncateSync(file, size);
        throw caught;
      }
    },
    close: () => closeSync(file),
  };
}

function writeAll(file: number, at: number): void {
  for (let done = 0; done < STEP_BYTES; ) done += writeSync(file, ZEROS, done, STEP_BYTES - done, at + done);
}

function read(file: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes);
  return buffer.subarray(0, readSync(file, buffer, 0, bytes, at));
}
