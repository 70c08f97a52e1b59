import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc64 } from '../../../backup/objects/crc64.ts';
import type { Random } from '../../../runtime/random.ts';
import { OssError, ossErrors } from './oss-error.ts';
import type { Segment } from './records.ts';

/** Official documentation: the most that one PutObject or UploadPart takes. */
const MOST_BYTES = 5 * 1024 ** 3;
/** How much is read from a file at once. */
const READ_BYTES = 256 * 1024;

/** Bytes that were written to a file. `md5` is hex, `crc64` an unsigned decimal. */
export interface WrittenBytes extends Segment {
  readonly md5: string;
  readonly crc64: string;
}

/** Bytes as files, each written once and never changed (but by `flip`). */
export interface ByteFiles {
  /** @param contentMd5 base64, as in Content-MD5. @throws OssError InvalidDigest, EntityTooLarge; nothing is kept then */
  write(body: AsyncIterable<Uint8Array>, contentMd5: string | null): Promise<WrittenBytes>;
  /** Bytes `start` to `end`, both included, of the segments put together. */
  read(segments: readonly Segment[], start: number, end: number): AsyncIterable<Uint8Array>;
  /** Turns one bit over, as a disk that rots. */
  flip(segments: readonly Segment[], at: number): Promise<void>;
  discard(segments: readonly Segment[]): Promise<void>;
}

/** Opens them in a directory, which is made if need be. */
export async function openByteFiles(directory: string, random: Random): Promise<ByteFiles> {
  await mkdir(directory, { recursive: true });
  const pathOf = (file: string) => join(directory, file);
  const discard = async (segments: readonly Segment[]) => {
    for (const { file } of segments) await rm(pathOf(file), { force: true });
  };
  return {
    async write(body, contentMd5) {
      const file = `${random.hex(16)}.bytes`;
      try {
        const written = { file, ...(await writeFile(pathOf(file), body)) };
        const digest = Buffer.from(written.md5, 'hex').toString('base64');
        if (contentMd5 !== null && contentMd5 !== digest) throw new OssError(ossErrors.invalidDigest);
        return written;
      } catch (caught) {
        await rm(pathOf(file), { force: true });
        throw caught;
      }
    },
    async *read(segments, start, end) {
      let offset = 0;
      for (const { file, size } of segments) {
        const from = Math.max(0, start - offset);
        const to = Math.min(size - 1, end - offset);
        offset += size;
        if (from > to) continue;
        yield* createReadStream(pathOf(file), { start: from, end: to, highWaterMark: READ_BYTES });
      }
    },
    async flip(segments, at) {
      let offset = 0;
      for (const { file, size } of segments) {
        if (at < offset + size) return flipBit(pathOf(file), at - offset);
        offset += size;
      }
      throw new Error(`There is no byte ${at}: it has ${offset}.`);
    },
    discard,
  };
}

async function writeFile(path: string, body: AsyncIterable<Uint8Array>): Promise<Omit<WrittenBytes, 'file'>> {
  const md5 = createHash('md5');
  const crc = crc64();
  let size = 0;
  const handle = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of body) {
      size += chunk.length;
      if (size > MOST_BYTES) throw new OssError(ossErrors.entityTooLarge);
      md5.update(chunk);
      crc.update(chunk);
      await handle.writeFile(chunk);
    }
  } finally {
    await handle.close();
  }
  return { size, md5: md5.digest('hex'), crc64: crc.digest() };
}

async function flipBit(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, at);
    byte.writeUInt8(byte.readUInt8() ^ 1);
    await handle.write(byte, 0, 1, at);
  } finally {
    await handle.close();
  }
}
