import type { Clock } from '../../src/runtime/clock.ts';

/** A clock for tests of waits: nothing is slept. Whenever all that can run has run, it jumps to the next deadline. */
export function impatientClock(start = Date.UTC(2026, 0, 1)): Clock {
  let now = start;
  let scheduled = false;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  const jump = () => {
    scheduled = false;
    const [next] = [...timers].sort((a, b) => a.at - b.at);
    if (!next) return;
    timers.delete(next);
    now = Math.max(now, next.at);
    next.fire();
    schedule();
  };
  const schedule = () => {
    if (scheduled || timers.size === 0) return;
    scheduled = true;
    setImmediate(jump);
  };
  return {
    now: () => now,
    after(ms, fire) {
      const timer = { at: now + Math.max(0, ms), fire };
      timers.add(timer);
      schedule();
      return () => void timers.delete(timer);
    },
  };
}
