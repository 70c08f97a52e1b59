import { type Clock, microtasksDone } from './clock.ts';

/** A clock that stands still until it is told to go on. */
export interface VirtualClock extends Clock {
  /** When the next timer is due, in epoch ms; undefined if there is none. */
  next(): number | undefined;
  /** Goes on to the next timer and fires it. False if there is none. Whoever waits has not run yet: see `advance`. */
  step(): boolean;
  /**
   * Lets `ms` pass: goes from timer to timer, those armed on the way included, and lets everything that one sets off come to rest
   * before the next. `settle` says when that is; by default when all promises have run.
   */
  advance(ms: number, settle?: () => Promise<unknown>): Promise<void>;
  /** Moves the time itself, as when somebody sets the machine's clock: the timers keep the wait that they have left. */
  jump(ms: number): void;
}

interface Timer {
  due: number;
  readonly fire: () => void;
}

/** Deterministic: timers fire in the order of their times, and those of one time in the order in which they were armed. */
export function createVirtualClock(startMs = 0): VirtualClock {
  let now = startMs;
  // Sorted by time. There are few: the runtime has one timer for all its deadlines.
  const timers: Timer[] = [];

  function step(): boolean {
    const timer = timers.shift();
    if (!timer) return false;
    now = Math.max(now, timer.due);
    timer.fire();
    return true;
  }

  return {
    now: () => now,
    after(ms, fire) {
      const timer = { due: now + Math.max(0, ms), fire };
      const at = timers.findLastIndex((other) => other.due <= timer.due) + 1;
      timers.splice(at, 0, timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    next: () => timers[0]?.due,
    step,
    async advance(ms, settle = microtasksDone) {
      const until = now + ms;
      await settle();
      for (let next = timers[0]; next && next.due <= until; next = timers[0]) {
        step();
        await settle();
      }
      now = Math.max(now, until);
    },
    jump(ms) {
      now += ms;
      for (const timer of timers) timer.due += ms;
    },
  };
}
