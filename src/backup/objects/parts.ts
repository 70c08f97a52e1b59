import { crc64 } from './crc64.ts';

/** A part of an upload: the chunks as they came, not copied. */
export interface PartBytes {
  readonly chunks: readonly Uint8Array[];
  readonly size: number;
  readonly crc64: string;
}

/** So many small chunks are put into one, since each takes some hundred bytes more than it holds. */
const SMALL_BYTES = 16 * 1024;
const MOST_SMALL = 64;

/** Cuts a stream into parts of exactly `partBytes`, but for the last; an empty stream is one empty part. Reads no further than it must. */
export async function* cutIntoParts(
  content: AsyncIterable<Uint8Array>,
  partBytes: number,
): AsyncGenerator<PartBytes> {
  let part = startPart();
  let given = 0;
  for await (const whole of content) {
    let chunk = whole;
    while (chunk.length > 0) {
      // A full part goes out only when more comes, so that the last is never empty.
      if (part.size() === partBytes) {
        given += 1;
        yield part.end();
        part = startPart();
      }
      const taken = chunk.subarray(0, partBytes - part.size());
      part.add(taken);
      chunk = chunk.subarray(taken.length);
    }
  }
  if (part.size() > 0 || given === 0) yield part.end();
}

function startPart() {
  const crc = crc64();
  const chunks: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  let size = 0;
  const gather = () => {
    if (small.length > 0) chunks.push(Buffer.concat(small));
    small = [];
  };
  return {
    size: () => size,
    add(chunk: Uint8Array) {
      crc.update(chunk);
      size += chunk.length;
      if (chunk.length < SMALL_BYTES) small.push(chunk);
      if (chunk.length >= SMALL_BYTES || small.length >= MOST_SMALL) gather();
      if (chunk.length >= SMALL_BYTES) chunks.push(chunk);
    },
    end(): PartBytes {
      gather();
      return { chunks, size, crc64: crc.digest() };
    },
  };
}
