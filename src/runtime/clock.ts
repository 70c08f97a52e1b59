/** Time, injected. This file is the only one in `src/` that uses `Date` and timers (a test holds everybody to it). */
export interface Clock {
  /** Wall-clock time in ms since the epoch. Deadlines are kept in it, since they outlive the process. */
  now(): number;
  /** Calls `fire` once, `ms` from now (at once, but never synchronously, if `ms` is 0 or less). Returns the way to call it off. */
  after(ms: number, fire: () => void): () => void;
}

/** `setTimeout` fires at once beyond this many ms (24.8 days): longer waits are taken in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. Its timers keep the process alive only if `keepsAlive` is true. */
export function systemClock(options: { readonly keepsAlive?: boolean } = {}): Clock {
  return {
    now: () => Date.now(),
    after(ms, fire) {
      let timer: NodeJS.Timeout;
      const arm = (left: number) => {
        const piece = Math.min(Math.max(0, left), LONGEST_TIMER_MS);
        timer = setTimeout(() => (left > piece ? arm(left - piece) : fire()), piece);
        if (options.keepsAlive === false) timer.unref();
      };
      arm(ms);
      return () => clearTimeout(timer);
    },
  };
}

/** Waits `ms`, or until `signal` is aborted: then it rejects with the signal's reason. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when everything that waits only for promises has run. Takes no time on any clock. */
export function microtasksDone(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
