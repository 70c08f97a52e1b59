import { Failure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';

export interface RetryPolicy {
  /** How often a request is made at most, the first time included. */
  readonly tries: number;
  /** Upper end of the first wait, in ms; each further one doubles. */
  readonly firstMs: number;
  /** Upper end of any wait, in ms. */
  readonly longestMs: number;
}

/** Six tries ride out some 15 s, as long as a gateway takes to come back; what lasts longer is for the caller, who has other regions. */
export const defaultRetryPolicy: RetryPolicy = Object.freeze({ tries: 6, firstMs: 250, longestMs: 8_000 });

/** One retry, told before its wait. Holds no secrets. */
export interface RetryNote {
  readonly action: string;
  readonly code: string;
  /** Number of the try that failed, from 1. */
  readonly attempt: number;
  /** Wait until the next, in ms. */
  readonly waitMs: number;
  readonly why: string;
}

export interface Retrying {
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: ((note: RetryNote) => void) | undefined;
}

/**
 * Makes a request, and again while its failure allows it. `call` is told the number of its try, from 1. Full jitter, so that many parts
 * spread out (Marc Brooker, "Exponential Backoff And Jitter", AWS architecture blog, 2015). Rejects with the last failure.
 */
export async function withRetry<T>(
  action: string,
  call: (attempt: number) => Promise<T>,
  { policy, clock, random, log }: Retrying,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    try {
      return await orAborted(call(attempt), signal);
    } catch (caught) {
      if (!(caught instanceof Failure) || !mayRepeat(caught) || attempt >= policy.tries) throw caught;
      const waitMs = waitBefore(attempt, policy, random);
      log?.({ action, code: caught.code, attempt, waitMs, why: caught.message });
      await sleep(clock, waitMs, signal);
    }
  }
}

/** An upload that is gone does not come back. */
function mayRepeat({ kind, code }: Failure): boolean {
  return (kind === 'retryable' && code !== 'NoSuchUpload') || kind === 'throttled';
}

export function waitBefore(attempt: number, policy: RetryPolicy, random: Random): number {
  return Math.round(random.next() * Math.min(policy.longestMs, policy.firstMs * 2 ** (attempt - 1)));
}

/** The SDK's requests can't be called off: whoever waits for one is let go, and its time-out ends it. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    // The work itself may have called it off.
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    work.catch(() => undefined);
  }
}
