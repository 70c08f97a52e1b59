import type { Clock } from '../../src/runtime/clock.ts';

export interface VirtualClock extends Clock {
  /** Lets time pass from timer to timer until the promise has settled. Throws if nothing is left that could settle it. */
  runUntil<T>(promise: Promise<T>): Promise<T>;
}

/** Rounds of the microtask queue between two timers: more than the longest chain of awaits under test. */
const TURNS = 50;

/** A clock that stands still until it is told to run; then it jumps from timer to timer. */
export function virtualClock(): VirtualClock {
  let now = 1_700_000_000_000;
  const timers = new Set<{ at: number; fire: () => void }>();
  return {
    now: () => now,
    after(ms, fire) {
      const timer = { at: now + Math.max(0, ms), fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async runUntil(promise) {
      let settled = false;
      const watched = promise.finally(() => {
        settled = true;
      });
      watched.catch(() => {});
      for (;;) {
        for (let turn = 0; turn < TURNS && !settled; turn++) await Promise.resolve();
        if (settled) return watched;
        const [next] = [...timers].sort((a, b) => a.at - b.at);
        if (next === undefined)
          throw new Error('time stands still: no timer is left, and the promise has not settled');
        timers.delete(next);
        now = next.at;
        next.fire();
      }
    },
  };
}
