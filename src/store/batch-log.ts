import { crc32 } from 'node:zlib';
import { z } from 'zod';
import type { StoreWrite } from '../runtime/types.ts';
import { CHECKSUM_BYTES, encodeValue } from './checksum.ts';
import { FileFault } from './meta.ts';

/** A stored value with its checksum, or null for a key that is removed. */
export type Stored = Buffer | null;

/** A batch as one value: what it writes stands one after the other, so that it costs one write of the disk and not one for each key. */
export interface LoggedBatch {
  readonly bytes: Buffer;
  readonly keys: readonly string[];
  /** Where each key's value ends in `bytes`; it begins where the one before ends. Numbers and not buffers: they stay for a while. */
  readonly ends: Uint32Array;
  /** Where the first value begins. */
  readonly start: number;
}

/** What a batch says of its key with this index. */
export function storedIn({ bytes, ends, start }: LoggedBatch, index: number): Stored {
  const from = index === 0 ? start : (ends[index - 1] ?? start);
  const to = ends[index] ?? from;
  // No value is empty: each has its checksum.
  return to === from ? null : bytes.subarray(from, to);
}

// Layout: length of the directory, its CRC-32 (both 32 bits, little-endian), the directory as JSON, the values.
const HEAD_BYTES = 8;
const REMOVED = -1;
const directorySchema = z.array(z.tuple([z.string(), z.number().int().min(REMOVED)]));

export function encodeBatch(batch: readonly StoreWrite[]): LoggedBatch {
  const texts = batch.map((write) => ('remove' in write ? null : JSON.stringify(write.value)));
  const directory = batch.map(({ key }, index): [string, number] => {
    const text = texts[index];
    return [key, typeof text === 'string' ? CHECKSUM_BYTES + Buffer.byteLength(text) : REMOVED];
  });
  const head = Buffer.from(JSON.stringify(directory));
  const total = directory.reduce((sum, [, size]) => sum + Math.max(0, size), HEAD_BYTES + head.length);
  const bytes = Buffer.allocUnsafeSlow(total);
  bytes.writeUInt32LE(head.length, 0);
  bytes.writeUInt32LE(crc32(head), 4);
  head.copy(bytes, HEAD_BYTES);
  const logged = layOut(bytes, HEAD_BYTES + head.length, directory);
  for (const [index, key] of logged.keys.entries()) {
    const text = texts[index];
    const stored = storedIn(logged, index);
    if (stored && typeof text === 'string') encodeValue(key, text, stored);
  }
  return logged;
}

/** Throws `FileFault` if it can't be known which keys the batch wrote. That a value is damaged shows when it is decoded. */
export function decodeBatch(bytes: Buffer): LoggedBatch {
  const length = bytes.length < HEAD_BYTES ? Number.POSITIVE_INFINITY : bytes.readUInt32LE(0);
  const head = bytes.subarray(HEAD_BYTES, HEAD_BYTES + length);
  if (head.length < length || crc32(head) !== bytes.readUInt32LE(4))
    throw new FileFault('a batch in its log is damaged');
  const directory = directorySchema.parse(JSON.parse(head.toString()));
  return layOut(bytes, HEAD_BYTES + length, directory);
}

function layOut(
  bytes: Buffer,
  start: number,
  directory: readonly (readonly [string, number])[],
): LoggedBatch {
  const ends = new Uint32Array(directory.length);
  let end = start;
  for (const [index, [, size]] of directory.entries()) {
    end += Math.max(0, size);
    ends[index] = end;
  }
  return { bytes, keys: directory.map(([key]) => key), ends, start };
}
