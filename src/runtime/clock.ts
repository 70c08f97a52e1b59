/** Time, injected. This file is the only one in `src/` that uses `Date` and timers (a test holds everybody to it). */
export interface Clock {
  /**
   * Time in ms since the epoch. Deadlines are kept in it, since they outlive the process. It never goes back, nor jumps, within a life:
   * whoever sets the machine's clock changes what the next life starts with, and nothing else (docs/decisions/clocks.md).
   */
  now(): number;
  /** What the machine's clock shows now, which may jump. Left out: `now`. Read it by `wallTime`. */
  readonly wall?: () => number;
  /** Calls `fire` once, `ms` from now (at once, but never synchronously, if `ms` is 0 or less). Returns the way to call it off. */
  after(ms: number, fire: () => void): () => void;
}

/** `setTimeout` fires at once beyond this many ms (24.8 days): longer waits are taken in pieces. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The machine's own clock: what it showed when this process began, and the time that has passed since, which nobody can set. Its timers
 * keep the process alive unless `keepsAlive` is false.
 */
export function systemClock(options: { readonly keepsAlive?: boolean } = {}): Clock {
  return {
    now: () => Math.floor(performance.timeOrigin + performance.now()),
    wall: () => Date.now(),
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

/** The time of day for others to read (when a token ends, when an Event happened), in epoch ms. Never compared with `now`. */
export function wallTime(clock: Clock): number {
  return clock.wall?.() ?? clock.now();
}

/** Waits `ms`, or until `signal` is aborted: then it rejects with the signal's reason. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal === undefined)
    return new Promise((resolve) => {
      clock.after(ms, resolve);
    });
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when everything that waits only for promises has run, and the event loop has turned once. Takes no time on any clock. */
export function microtasksDone(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Calls `turn` again and again, each time when everything that waits only for promises has run, until it returns false; rejects with what
 * it throws. Without turns of the event loop, which cost system calls: nothing that comes from outside the process is heard. Node runs
 * what waits for the next tick only when no promise has anything left to do.
 */
export function repeatAtRest(turn: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = () => {
      try {
        if (turn()) nothing.then(rest);
        else resolve();
      } catch (caught) {
        reject(caught);
      }
    };
    const rest = () => process.nextTick(next);
    next();
  });
}

const nothing = Promise.resolve();
