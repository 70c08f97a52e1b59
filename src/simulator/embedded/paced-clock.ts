import type { Clock } from '../../runtime/clock.ts';
import { createVirtualClock } from '../../runtime/virtual-clock.ts';

/** Time that goes by `speed` times as fast as on the wall. Never back, whatever is done to the speed or to the machine's clock. */
export interface PacedClock extends Clock {
  /** A whole number, at least 1. */
  speed(): number;
  setSpeed(speed: number): void;
  /** Lets `ms` pass at once, as fast as the machine can. Only before `start`. */
  skip(ms: number): Promise<void>;
  /** From now on time goes by. */
  start(): void;
  stop(): void;
}

/** How often time is brought up to date, in ms of the wall: what a person takes for steady. */
const pieceMs = 50;
/**
 * The most that may have gone by on the wall since the last piece, in ms. The cluster lives in this process: while the process did not run
 * (a closed laptop, a busy machine), nothing happened in it either, and its heartbeats must not look old.
 */
const longestPieceMs = 1_000;

/** Virtual time, paced by the wall's: timers fire in the order of their times, exactly, at any speed. */
export function createPacedClock(wall: Clock, firstSpeed: number): PacedClock {
  const virtual = createVirtualClock(wall.now());
  let speed = firstSpeed;
  let lookedAt = wall.now();
  /** What has gone by on the cluster's clock, but was not given to it yet, in ms. */
  let owedMs = 0;
  let running = false;
  let cancel = () => {};

  function count(): void {
    const now = wall.now();
    owedMs += Math.min(Math.max(0, now - lookedAt), longestPieceMs) * speed;
    lookedAt = now;
  }

  async function piece(): Promise<void> {
    count();
    const passing = owedMs;
    owedMs = 0;
    await virtual.advance(passing);
    if (running) cancel = wall.after(pieceMs, () => void piece());
  }

  return {
    now: () => virtual.now(),
    after: (ms, fire) => virtual.after(ms, fire),
    speed: () => speed,
    setSpeed(next) {
      if (running) count();
      speed = next;
    },
    skip: (ms) => virtual.advance(ms),
    start() {
      if (running) return;
      running = true;
      lookedAt = wall.now();
      cancel = wall.after(pieceMs, () => void piece());
    },
    stop() {
      running = false;
      cancel();
    },
  };
}
