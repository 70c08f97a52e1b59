import { Failure, type FailureData, toFailure } from '../failure.ts';
import { type Clock, sleep } from '../runtime/clock.ts';

/** An answer of what is waited for: done, with its result, or not yet, and what was seen instead. */
export type Look<T> = { readonly done: T } | { readonly seen: string };

/**
 * Looks again and again until it is done. A retryable failure of the look counts as something seen, any other ends it. Rejects with
 * `Failure` `WaitOverdue` after `timeoutMs`, saying what was last seen; a look that hangs is not waited for beyond that.
 */
export async function waitUntil<T>(options: {
  /** What is waited for, as in `waited 60 s for ‹the API server›`. */
  readonly what: string;
  /** Ends the sentence of the error: what a person can do. */
  readonly advice: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly signal?: AbortSignal | undefined;
  look(): Promise<Look<T>>;
}): Promise<T> {
  const { clock, timeoutMs, intervalMs, signal } = options;
  const deadline = clock.now() + timeoutMs;
  let seen = 'nothing yet';
  const overdue = () =>
    new Failure({
      kind: 'retryable',
      code: 'WaitOverdue',
      message: `waited ${Math.round(timeoutMs / 1000)} s for ${options.what}; last seen: ${seen}. ${options.advice}`,
    });
  for (;;) {
    signal?.throwIfAborted();
    const look = await inTime(options.look(), clock, deadline - clock.now(), overdue);
    if ('done' in look) return look.done;
    seen = look.seen;
    if (clock.now() + intervalMs >= deadline) throw overdue();
    await sleep(clock, intervalMs, signal);
  }
}

/** Failures that time can mend are seen; the others are thrown. */
async function inTime<T>(
  look: Promise<Look<T>>,
  clock: Clock,
  ms: number,
  overdue: () => Failure,
): Promise<Look<T>> {
  let callOff = () => {};
  const late = new Promise<never>((_, reject) => {
    callOff = clock.after(ms, () => reject(overdue()));
  });
  try {
    return await Promise.race([look, late]);
  } catch (caught) {
    const failure: FailureData = toFailure(caught);
    if (failure.code === 'WaitOverdue' || !(caught instanceof Failure)) throw caught;
    if (failure.kind === 'rejected') throw caught;
    return { seen: failure.message };
  } finally {
    callOff();
  }
}
