import type { Clock } from '../runtime/clock.ts';

/** A clock as one life reads it, and when it shows what the world's does not. */
export interface LifeClock extends Clock {
  /** A time of the world's clock in this one, in epoch ms. */
  ofWorld(at: number): number;
}

/**
 * The clock of the supervisor's machine: it may be wrong, be set, and run faster or slower than the world's. As the system's own
 * (src/runtime/clock.ts) it can only be set between two lives, as a process sees it (docs/decisions/clocks.md).
 */
export class OwnClock {
  readonly #world: Clock;
  #offsetMs = 0;
  #drift = 0;
  /** When a life last began with another clock than the one before it, in the world's epoch ms. */
  setAt = 0;
  #isChanged = false;
  /** Since when it drifts as it does. */
  #since: number;

  constructor(world: Clock) {
    this.#world = world;
    this.#since = world.now();
  }

  /** Somebody sets it forward, or back by a negative number of ms. */
  set(byMs: number): void {
    this.#offsetMs += byMs;
    this.#isChanged = true;
  }

  /** From now on it gains this share of the time that passes: 0.01 is a percent. */
  drift(share: number): void {
    const now = this.#world.now();
    this.#offsetMs = Math.round(this.#shows(now) - now);
    this.#since = now;
    this.#drift = share;
    this.#isChanged = true;
  }

  /** What a process that begins now reads. */
  forLife(): LifeClock {
    const world = this.#world;
    const began = world.now();
    if (this.#isChanged) this.setAt = began;
    this.#isChanged = false;
    const shown = this.#shows(began);
    const rate = 1 + this.#drift;
    const ofWorld = (at: number) => Math.floor(shown + (at - began) * rate);
    return {
      now: () => ofWorld(world.now()),
      after: (ms, fire) => world.after(Math.ceil(ms / rate), fire),
      ofWorld,
    };
  }

  #shows(at: number): number {
    return at + this.#offsetMs + Math.round((at - this.#since) * this.#drift);
  }
}
