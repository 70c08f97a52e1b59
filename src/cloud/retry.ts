import { Failure } from '../failure.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { cloudCodes } from './errors.ts';

/**
 * Whether a call may be made again without being sure that it had no effect: `always` for one that reads, or sets the same again;
 * `token` for one with a ClientToken; `once` for the rest, of which only a refusal that proves it had no effect allows another.
 */
export type Repeatable = 'always' | 'token' | 'once';

export interface RetryPolicy {
  /** How often a call is made at most, the first time included. */
  readonly tries: number;
  /** No try begins later than this after the first, in ms. The last one may still take its own time-out. */
  readonly totalMs: number;
  /** Upper end of the first wait, in ms; each further one doubles. */
  readonly firstMs: number;
  /** The same after a refusal that time will lift, in ms: rates are counted by the second or the minute, what is busy takes seconds. */
  readonly firstRefusedMs: number;
  /** Upper end of any wait, in ms, unless the cloud asks for a longer one. */
  readonly longestMs: number;
}

/**
 * Six tries ride out a restart of the cloud's gateway and one window of its rate limits (a minute); what lasts longer is for the
 * caller, whose own waits and rungs are longer than this.
 */
export const defaultRetryPolicy: RetryPolicy = Object.freeze({
  tries: 6,
  totalMs: 60_000,
  firstMs: 250,
  firstRefusedMs: 1_000,
  longestMs: 20_000,
});

/** One retry, told before its wait. Holds no secrets. */
export interface RetryNote {
  readonly action: string;
  readonly code: string;
  /** Number of the try that failed, from 1. */
  readonly attempt: number;
  /** Wait until the next, in ms. */
  readonly waitMs: number;
  /** What came back. Not `message`, which loggers take for their own. */
  readonly why: string;
}

export interface RetryOptions {
  readonly action: string;
  readonly repeatable: Repeatable;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: ((note: RetryNote) => void) | undefined;
  /** Ends the waiting: the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** See `Asking.before`. */
  readonly before?: (() => Promise<void>) | undefined;
}

/**
 * Makes a call, and again while its failure allows it and the policy's limits do. Waits with full jitter, so that many callers spread
 * out (Marc Brooker, "Exponential Backoff And Jitter", AWS architecture blog, 2015). Rejects with the last failure.
 */
export async function withRetry<T>(call: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { policy, clock } = options;
  const start = clock.now();
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    if (options.before !== undefined) {
      await options.before();
      options.signal?.throwIfAborted();
    }
    try {
      return await call();
    } catch (caught) {
      if (!(caught instanceof Failure) || !mayRepeat(caught, options.repeatable)) throw caught;
      const waitMs = waitBefore(attempt, caught, options);
      if (attempt >= policy.tries || clock.now() - start + waitMs > policy.totalMs) throw caught;
      const { code, message } = caught;
      options.log?.({ action: options.action, code, attempt, waitMs, why: message });
      await sleep(clock, waitMs, options.signal);
    }
  }
}

/** Refused for now, certainly without effect. */
function isRefusedForNow(failure: Failure): boolean {
  return failure.kind === 'throttled' || failure.code === cloudCodes.busy;
}

/** Whether this failure lets the call be made again. */
function mayRepeat(failure: Failure, repeatable: Repeatable): boolean {
  if (isRefusedForNow(failure) || failure.code === cloudCodes.unreachable) return true;
  return failure.kind === 'retryable' && repeatable !== 'once';
}

function waitBefore(attempt: number, failure: Failure, { policy, random }: RetryOptions): number {
  const first = isRefusedForNow(failure) ? policy.firstRefusedMs : policy.firstMs;
  const ceiling = Math.min(policy.longestMs, first * 2 ** (attempt - 1));
  const jitter = Math.round(random.next() * ceiling);
  return (failure.retryAfterMs ?? 0) + jitter;
}
