import { createHash } from 'node:crypto';
import { BufferPool, chunksOf } from './chunks.ts';
import { CHUNK_BYTES, type StreamKey, sealFrame } from './frame.ts';
import { compress } from './zstd.ts';

/** Chunks that are being compressed at the same time: each of Node's four worker threads has one. */
const PARALLEL_CHUNKS = 4;

/** What a stream is, for those who read it back. */
export interface StreamFacts {
  /** As it was given. */
  readonly plainBytes: number;
  readonly plainSha256: string;
  /** As it is stored: compressed and encrypted. */
  readonly storedBytes: number;
  readonly storedSha256: string;
}

/** A stream that is being sealed. */
export interface Sealing {
  /** Read once. What the source throws gets out. */
  readonly stored: AsyncIterable<Uint8Array>;
  /** Throws if `stored` has not been read to its end. */
  facts(): StreamFacts;
}

/**
 * Compresses and encrypts a stream, frame by frame, hashing it before and after: some two MiB of it are in memory. Each frame
 * is compressed by itself: several are at the same time, one that is damaged says which, and the whole, decrypted, is what `zstd -d` reads.
 * `known`: the source's SHA-256, in hex, once it has been read, if whoever gives it has made it. Asked at the end. That the stream holds
 * what it is of is seen when it is read back.
 */
export function seal(source: AsyncIterable<Uint8Array>, stream: StreamKey, known?: () => string): Sealing {
  const plain = createHash('sha256');
  const stored = createHash('sha256');
  let plainBytes = 0;
  let storedBytes = 0;
  let facts: StreamFacts | undefined;

  async function* frames(): AsyncIterable<Uint8Array> {
    const pool = new BufferPool(CHUNK_BYTES);
    const compressing: Promise<Buffer>[] = [];
    let number = 0;
    const next = async (last: boolean): Promise<Buffer> => {
      const frame = sealFrame(stream, number, last, (await compressing.shift()) ?? Buffer.alloc(0));
      number += 1;
      storedBytes += frame.length;
      stored.update(frame);
      return frame;
    };
    try {
      for await (const chunk of chunksOf(source, CHUNK_BYTES, pool)) {
        plainBytes += chunk.length;
        const compressed = compress(chunk).finally(() => pool.give(chunk));
        // It is awaited in its turn; until then a failure of it must not count as one that nobody handles.
        compressed.catch(() => undefined);
        compressing.push(compressed);
        if (known === undefined) plain.update(chunk);
        if (compressing.length > PARALLEL_CHUNKS) yield await next(false);
      }
      while (compressing.length > 1) yield await next(false);
      yield await next(true);
    } finally {
      await Promise.allSettled(compressing);
    }
    facts = {
      plainBytes,
      plainSha256: known?.() ?? plain.digest('hex'),
      storedBytes,
      storedSha256: stored.digest('hex'),
    };
  }

  return {
    stored: frames(),
    facts() {
      if (!facts) throw new Error(`the ${stream.name} has not been sealed to its end`);
      return facts;
    },
  };
}
