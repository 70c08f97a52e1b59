import { Failure } from '../failure.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { KubernetesLimits } from './limits.ts';

/** Tries of one idempotent call: with the waits between them it ends within about a minute, well inside a machine's own waits. */
const MOST_TRIES = 4;
/** A longer time named by the API is left to the caller, who has a deadline. */
const LONGEST_RETRY_AFTER_MS = 30_000;

/** What retrying needs. `limits.backoffMs` is the first wait. */
export interface RetryContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: KubernetesLimits;
}

/** The wait before try number `failures` + 1: doubled each time up to a limit, and spread between half and all of it. */
export function backoff(failures: number, { random, limits }: RetryContext): number {
  const most = Math.min(limits.backoffMostMs, limits.backoffMs * 2 ** Math.min(failures - 1, 16));
  return most / 2 + (random.next() * most) / 2;
}

/**
 * The adapter's one retry policy: an idempotent call is tried again after a `retryable` or `throttled` failure, up to four times.
 * Throws the last failure; `rejected` and `notFound` at once.
 */
export async function retrying<T>(
  context: RetryContext,
  call: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (caught) {
      if (signal?.aborted || !(caught instanceof Failure) || tries >= MOST_TRIES) throw caught;
      if (caught.kind !== 'retryable' && caught.kind !== 'throttled') throw caught;
      const named = caught.retryAfterMs ?? 0;
      if (named > LONGEST_RETRY_AFTER_MS) throw caught;
      await sleep(context.clock, Math.max(named, backoff(tries, context)), signal);
    }
  }
}
