import { createHash } from 'node:crypto';
import { ByteReader } from './chunks.ts';
import {
  damaged,
  LENGTH_BYTES,
  MAX_CHUNK_BYTES,
  MAX_FRAME_BYTES,
  openFrame,
  type StreamKey,
  TAG_BYTES,
} from './frame.ts';
import type { StreamFacts } from './seal.ts';
import { decompress } from './zstd.ts';

/** Frames that are being decompressed at the same time: it is fast, and what comes out waits in memory for the garbage collector. */
const PARALLEL_FRAMES = 4;

/**
 * Decrypts and decompresses a stream that `seal` made. Every byte that comes out was authenticated; **that it is all of them counts only
 * when the iteration has ended without a failure**. Throws `BackupDamaged` for anything that was changed, cut off, added, repeated or put
 * in another order, and if it is not what `facts` say.
 */
export async function* open(
  stored: AsyncIterable<Uint8Array>,
  stream: StreamKey,
  facts?: StreamFacts,
): AsyncIterable<Buffer> {
  const plain = createHash('sha256');
  let plainBytes = 0;
  const decompressing: Promise<Buffer>[] = [];
  const account = (chunk: Buffer): Buffer => {
    plainBytes += chunk.length;
    plain.update(chunk);
    return chunk;
  };
  try {
    for await (const content of openFrames(stored, stream)) {
      const chunk = decompressFrame(content, stream);
      chunk.catch(() => undefined);
      decompressing.push(chunk);
      const first = decompressing.length > PARALLEL_FRAMES ? decompressing.shift() : undefined;
      if (first) yield account(await first);
    }
    for (let next = decompressing.shift(); next; next = decompressing.shift()) yield account(await next);
  } finally {
    await Promise.allSettled(decompressing);
  }
  if (!facts) return;
  if (plainBytes !== facts.plainBytes)
    throw damaged(stream.name, `it has ${plainBytes} bytes, and its manifest says ${facts.plainBytes}`);
  if (plain.digest('hex') !== facts.plainSha256)
    throw damaged(stream.name, 'its SHA-256 is not the one in its manifest');
}

/**
 * The frames' content, decrypted and as it was compressed. Reads one frame ahead, since only what follows tells whether one is the last.
 */
async function* openFrames(stored: AsyncIterable<Uint8Array>, stream: StreamKey): AsyncIterable<Buffer> {
  const reader = new ByteReader(stored);
  try {
    let sealed = await readFrame(reader, stream);
    if (!sealed) throw damaged(stream.name, 'it is empty');
    for (let number = 0; sealed; number += 1) {
      const following: Buffer | undefined = await readFrame(reader, stream);
      yield openFrame(stream, number, following === undefined, sealed);
      sealed = following;
    }
  } finally {
    await reader.leave();
  }
}

async function readFrame(reader: ByteReader, stream: StreamKey): Promise<Buffer | undefined> {
  const length = await reader.take(LENGTH_BYTES);
  if (length.length === 0) return undefined;
  const bytes = length.length === LENGTH_BYTES ? length.readUInt32BE() : 0;
  if (bytes < TAG_BYTES || bytes > MAX_FRAME_BYTES)
    throw damaged(stream.name, 'the length of one of its parts is none that is written');
  const sealed = await reader.take(bytes);
  if (sealed.length < bytes) throw damaged(stream.name, 'it was cut off');
  return sealed;
}

/** The end of an empty stream has nothing in it, which zstd would not read. */
async function decompressFrame(content: Buffer, stream: StreamKey): Promise<Buffer> {
  if (content.length === 0) return content;
  const chunk = await decompress(content).catch((cause: unknown) => {
    throw damaged(stream.name, 'a part of it can’t be decompressed', cause);
  });
  if (chunk.length > MAX_CHUNK_BYTES) throw damaged(stream.name, 'a part of it is longer than any is');
  return chunk;
}
