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
  readonly order: number;
  /** Null once it was called off: it is left where it is, and passed over. */
  fire: (() => void) | null;
}

/** Below this many timers, called-off ones are not worth clearing away. */
const clearFrom = 256;

/** Deterministic: timers fire in the order of their times, and those of one time in the order in which they were armed. */
export function createVirtualClock(startMs = 0): VirtualClock {
  let now = startMs;
  let order = 0;
  let timers: Timer[] = [];
  let calledOff = 0;

  /** The next timer that was not called off. */
  function next(): Timer | undefined {
    for (let first = timers[0]; first !== undefined; first = timers[0]) {
      if (first.fire !== null) return first;
      takeFirst(timers);
      calledOff -= 1;
    }
    return undefined;
  }

  function step(): boolean {
    const timer = next();
    if (timer === undefined) return false;
    takeFirst(timers);
    now = Math.max(now, timer.due);
    const { fire } = timer;
    timer.fire = null;
    fire?.();
    return true;
  }

  function callOff(timer: Timer): void {
    if (timer.fire === null) return;
    timer.fire = null;
    calledOff += 1;
    if (calledOff < clearFrom || 2 * calledOff < timers.length) return;
    // A sorted list is a heap.
    timers = timers.filter(({ fire }) => fire !== null).sort((a, b) => (isBefore(a, b) ? -1 : 1));
    calledOff = 0;
  }

  return {
    now: () => now,
    after(ms, fire) {
      const timer: Timer = { due: now + Math.max(0, ms), order: order++, fire };
      put(timers, timer);
      return () => callOff(timer);
    },
    next: () => next()?.due,
    step,
    async advance(ms, settle = microtasksDone) {
      const until = now + ms;
      await settle();
      for (let timer = next(); timer && timer.due <= until; timer = next()) {
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

function isBefore(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

/** Into a binary heap with the earliest on top. */
function put(heap: Timer[], timer: Timer): void {
  let at = heap.push(timer) - 1;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || isBefore(parent, timer)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = timer;
}

function takeFirst(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    let child = heap[down];
    if (child === undefined) break;
    const right = heap[down + 1];
    if (right !== undefined && isBefore(right, child)) {
      child = right;
      down += 1;
    }
    if (isBefore(last, child)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
}
