import type { Clock } from '../../../src/runtime/clock.ts';

/** A clock on which every wait is over as soon as nothing else has to run; its time goes on by the wait. */
export function hastyClock(startMs = 1_700_000_000_000): Clock {
  let now = startMs;
  return {
    now: () => now,
    after(ms, fire) {
      let calledOff = false;
      setImmediate(() => {
        if (calledOff) return;
        now += Math.max(0, ms);
        fire();
      });
      return () => {
        calledOff = true;
      };
    },
  };
}
