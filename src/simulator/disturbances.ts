import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { FaultKind } from './faults.ts';
import type { Misfortune } from './world/calls.ts';
import type { Telling } from './world/kubernetes.ts';

/** How many of the requests, or tellings, a disturbance strikes while it lasts. */
const shareStruck = 0.3;
/** A late telling is at most this late, in ms: less than the watch may be silent. */
const latestMs = 8_000;

/** What lies on every request to the cloud, or every telling of the watch, for a while. */
export class Disturbances {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #until = new Map<FaultKind, number>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  begin(kind: FaultKind, forMs: number): void {
    this.#until.set(kind, this.#clock.now() + forMs);
  }

  calm(): void {
    this.#until.clear();
  }

  /** The fate of one request to the cloud. */
  misfortune(): Misfortune | null {
    if (this.#strikes('cloudThrottles')) return { how: 'throttled', afterEffect: false };
    if (this.#strikes('cloudLosesAnswers')) return { how: 'lost', afterEffect: true };
    if (this.#strikes('cloudFails'))
      return { how: this.#random.next() < 0.5 ? 'error' : 'lost', afterEffect: this.#random.next() < 0.3 };
    if (this.#strikes('cloudSlow')) return { how: 'slow', afterEffect: false };
    return null;
  }

  /** What becomes of one telling of the watch. */
  telling(): Telling {
    const lateMs = this.#strikes('watchLate') ? Math.ceil(this.#random.next() * latestMs) : 0;
    return { lateMs, lost: this.#strikes('watchLossy'), twice: this.#strikes('watchDoubled') };
  }

  #strikes(kind: FaultKind): boolean {
    return (this.#until.get(kind) ?? 0) > this.#clock.now() && this.#random.next() < shareStruck;
  }
}
