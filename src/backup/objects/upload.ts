import { combineCrc64 } from './crc64.ts';
import { checksumMismatch, rejected } from './failures.ts';
import { cutIntoParts, type PartBytes } from './parts.ts';
import type { ObjectFacts, UploadOptions } from './port.ts';
import { orAborted } from './retry.ts';

/** Large enough that a request's overhead does not count, small enough that a broken one costs little: 80 GB in 10 000 of them. */
const DEFAULT_PART_BYTES = 8 * 1024 * 1024;
/** The service's limits. */
const LEAST_PART_BYTES = 100 * 1024;
const MOST_PARTS = 10_000;
/** Three keep a line busy while one is being answered; with the one that is being filled they hold 32 MiB. */
const DEFAULT_PARALLEL = 3;
/** More would be refused as too many requests, and hold too much. */
const MOST_PARALLEL = 32;

export interface SentPart {
  readonly number: number;
  readonly etag: string;
}

/** How parts get to the service. Each method tries again by itself. */
export interface UploadDoor {
  /** Says what failed, as in `upload oss://bucket/key`. */
  readonly tried: string;
  /** For what fits into one part. */
  put(part: PartBytes): Promise<ObjectFacts>;
  begin(signal: AbortSignal): Promise<string>;
  send(id: string, number: number, part: PartBytes, signal: AbortSignal): Promise<SentPart>;
  complete(id: string, parts: readonly SentPart[], size: number, crc64: string): Promise<ObjectFacts>;
  /** Never rejects. */
  abort(id: string): Promise<void>;
}

/** Sends a stream in parts, several at a time; or as one object if it is short. */
export async function uploadInParts(
  door: UploadDoor,
  content: AsyncIterable<Uint8Array>,
  options: UploadOptions,
): Promise<ObjectFacts> {
  const { partBytes = DEFAULT_PART_BYTES, parallel = DEFAULT_PARALLEL } = options;
  if (partBytes < LEAST_PART_BYTES)
    throw rejected('EntityTooSmall', `${door.tried}: parts of ${partBytes} bytes are too small`);
  const parts = cutIntoParts(content, partBytes);
  try {
    // The second is looked for before anything is sent: most objects are short.
    const begun: PartBytes[] = [];
    for (let part = await nextPart(parts, options.signal); part !== undefined; ) {
      begun.push(part);
      part = begun.length < 2 ? await nextPart(parts, options.signal) : undefined;
    }
    if (begun.length < 2) return await door.put(begun[0] ?? { chunks: [], size: 0, crc64: '0' });
    return await sendAll(door, begun, parts, Math.min(parallel, MOST_PARALLEL), options.signal);
  } finally {
    // Whoever made the stream learns that nobody reads it any more. Not waited for: a stream that stands still does not answer.
    parts.return(undefined).catch(() => undefined);
  }
}

async function nextPart(
  parts: AsyncGenerator<PartBytes>,
  signal: AbortSignal | undefined,
): Promise<PartBytes | undefined> {
  const next = await orAborted(parts.next(), signal);
  return next.done === true ? undefined : next.value;
}

async function sendAll(
  door: UploadDoor,
  begun: PartBytes[],
  rest: AsyncGenerator<PartBytes>,
  parallel: number,
  signal: AbortSignal | undefined,
): Promise<ObjectFacts> {
  const stopping = new AbortController();
  const stop = (reason: unknown) => stopping.abort(reason);
  const onAbort = () => stop(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const sending = new Set<Promise<void>>();
  const sent: SentPart[] = [];
  let id: string | undefined;
  try {
    const upload = await door.begin(stopping.signal);
    id = upload;
    let crc64 = '0';
    let size = 0;
    for (let number = 1; ; number += 1) {
      const part = begun.shift() ?? (await nextPart(rest, stopping.signal));
      if (part === undefined) break;
      if (number > MOST_PARTS)
        throw rejected('TooLarge', `${door.tried}: it has more than ${MOST_PARTS} parts`);
      crc64 = combineCrc64(crc64, part.crc64, part.size);
      size += part.size;
      while (sending.size >= parallel) await Promise.race(sending);
      stopping.signal.throwIfAborted();
      const work = door
        .send(upload, number, part, stopping.signal)
        .then((done) => void sent.push(done), stop)
        .finally(() => sending.delete(work));
      sending.add(work);
    }
    await Promise.all(sending);
    stopping.signal.throwIfAborted();
    const facts = await door.complete(
      upload,
      sent.sort((a, b) => a.number - b.number),
      size,
      crc64,
    );
    if (facts.crc64 !== crc64) throw checksumMismatch(door.tried, 'retryable', crc64, facts.crc64);
    return facts;
  } catch (caught) {
    stop(caught);
    await Promise.all(sending);
    if (id !== undefined) await door.abort(id);
    throw caught;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
