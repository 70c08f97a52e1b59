import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';

/**
 * Does work that must end within `ms`. Its signal is aborted then, or with `signal`, and the promise rejects at once, whether or not the
 * work heeds it: with `TimedOut` (retryable), or with the signal's reason.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  what: string,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const own = new AbortController();
  const follow = () => own.abort(signal?.reason);
  signal?.addEventListener('abort', follow, { once: true });
  const cancel = clock.after(ms, () =>
    own.abort(
      new Failure({
        kind: 'retryable',
        code: 'TimedOut',
        message: `${what} did not end within ${ms / 1000} s`,
      }),
    ),
  );
  const aborted = new Promise<never>((_, reject) => {
    own.signal.addEventListener('abort', () => reject(own.signal.reason), { once: true });
  });
  aborted.catch(() => undefined);
  try {
    return await Promise.race([work(own.signal), aborted]);
  } catch (caught) {
    // Whatever of the work is still under way ends, too.
    own.abort(caught);
    throw caught;
  } finally {
    cancel();
    signal?.removeEventListener('abort', follow);
  }
}
