import type { Readable } from 'node:stream';
import { Failure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { crc64 } from './crc64.ts';
import { checksumMismatch, rejected } from './failures.ts';
import type { ReadOptions } from './port.ts';
import { orAborted, type Retrying, waitBefore } from './retry.ts';

/** How long nothing may come of a body before its connection counts as broken, in ms. */
const STALLED_MS = 30_000;

/** One answer to a GET. */
export interface ReadAnswer {
  readonly stream: Readable;
  /** 200 is the whole object, 206 a part of it. */
  readonly status: number;
  readonly etag: string;
  /** Bytes that come. */
  readonly length: number;
  /** Of the whole object; undefined if the service does not say. */
  readonly crc64: string | undefined;
}

export interface ReadSettings extends Retrying {
  /** Says what failed, as in `get oss://bucket/key`. */
  readonly tried: string;
  /** Asks once, for the bytes from `start` on, of the object with that ETag if there is one. Throws `Failure`. */
  ask(start: number, whole: boolean, etag: string | undefined): Promise<ReadAnswer>;
  readonly options: ReadOptions;
  /** `TooLarge` if more would come. */
  readonly mostBytes?: number | undefined;
}

/** Reads an object, and goes on where a connection broke. See `ObjectStore.read` for what holds. */
export async function* readResumed(settings: ReadSettings): AsyncGenerator<Uint8Array> {
  const { tried, options, mostBytes, policy, clock, random, log } = settings;
  const { signal } = options;
  const isWhole = options.start === undefined && options.end === undefined;
  const crc = crc64();
  let at = options.start ?? 0;
  let etag: string | undefined;
  let theirs: string | undefined;
  /** Failures since a byte came. */
  for (let failed = 0; ; ) {
    signal?.throwIfAborted();
    let answer: ReadAnswer | undefined;
    let left = Number.POSITIVE_INFINITY;
    try {
      answer = await orAborted(settings.ask(at, isWhole && at === 0, etag), signal);
      mustFit(answer, { tried, at, etag, mostBytes });
      etag = answer.etag;
      theirs ??= answer.crc64;
      left = answer.length;
      for await (const chunk of piecesOf(answer.stream, clock, tried, signal)) {
        failed = 0;
        at += chunk.length;
        left -= chunk.length;
        if (isWhole) crc.update(chunk);
        yield chunk;
      }
      if (left > 0) throw noAnswer(tried, 'the connection ended early');
      break;
    } catch (caught) {
      // It broke when all had come.
      if (left === 0 && !signal?.aborted) break;
      if (!(caught instanceof Failure) || (caught.kind !== 'retryable' && caught.kind !== 'throttled'))
        throw replaced(caught, tried, etag);
      failed += 1;
      if (failed >= policy.tries) throw caught;
      const waitMs = waitBefore(failed, policy, random);
      log?.({ action: tried, code: caught.code, attempt: failed, waitMs, why: caught.message });
      await sleep(clock, waitMs, signal);
    } finally {
      answer?.stream.destroy();
    }
  }
  if (!isWhole) return;
  if (theirs === undefined || theirs !== crc.digest())
    throw checksumMismatch(tried, 'rejected', crc.digest(), theirs ?? 'nothing');
}

function mustFit(
  answer: ReadAnswer,
  asked: {
    readonly tried: string;
    readonly at: number;
    readonly etag: string | undefined;
    readonly mostBytes: number | undefined;
  },
): void {
  const { tried, at, etag, mostBytes } = asked;
  if (etag !== undefined && answer.etag !== etag)
    throw rejected('ObjectChanged', `${tried}: it was replaced while it was read`);
  if (answer.status === 200 && at > 0)
    throw rejected('BadAnswer', `${tried}: asked for the bytes from ${at} on, all of them came`);
  if (mostBytes !== undefined && answer.length > mostBytes)
    throw rejected('TooLarge', `${tried}: it has ${answer.length} bytes, at most ${mostBytes} were expected`);
}

/** A condition on the ETag is only ever ours, of a read that goes on. */
function replaced(caught: unknown, tried: string, etag: string | undefined): unknown {
  const isOurs =
    caught instanceof Failure &&
    etag !== undefined &&
    ['PreconditionFailed', 'NoSuchKey'].includes(caught.code);
  return isOurs ? rejected('ObjectChanged', `${tried}: it was replaced while it was read`) : caught;
}

/** The stream's pieces, each within the time that one may take. The consumer's own time does not count. */
async function* piecesOf(
  stream: Readable,
  clock: Clock,
  tried: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const onAbort = () => stream.destroy(new Error('aborted'));
  signal?.addEventListener('abort', onAbort, { once: true });
  const pieces = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const calmed = clock.after(STALLED_MS, () =>
        stream.destroy(new Error(`nothing came for ${STALLED_MS} ms`)),
      );
      const next = await pieces.next().finally(calmed);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (caught) {
    signal?.throwIfAborted();
    throw noAnswer(tried, caught instanceof Error ? caught.message : String(caught));
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

function noAnswer(tried: string, why: string): Failure {
  return new Failure({
    kind: 'retryable',
    code: 'NoAnswer',
    message: `${tried}: the connection broke (${why})`,
  });
}
