import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { FaultKind } from './faults.ts';
import type { Misfortune } from './world/calls.ts';
import type { Telling } from './world/watch.ts';

/** How many of the requests, or tellings, a disturbance strikes while it lasts. */
const shareStruck = 0.3;
/** A list of the cloud shows the state of at most so long ago, in ms. */
const listLagMs = 10_000;
/** How many of the instances a partial list lacks. */
const shareLacking = 0.2;
/** A late telling is at most this late, in ms: less than the watch may be silent. */
const latestMs = 8_000;

/** What can lie on the requests to one of those that are asked. */
interface CallKinds {
  readonly throttles: FaultKind | null;
  readonly losesAnswers: FaultKind;
  readonly fails: FaultKind;
  readonly slow: FaultKind;
}
const cloudKinds: CallKinds = {
  throttles: 'cloudThrottles',
  losesAnswers: 'cloudLosesAnswers',
  fails: 'cloudFails',
  slow: 'cloudSlow',
};
const apiKinds: CallKinds = {
  throttles: 'apiThrottles',
  losesAnswers: 'apiLosesAnswers',
  fails: 'apiFails',
  slow: 'apiSlow',
};
const etcdKinds: CallKinds = {
  throttles: null,
  losesAnswers: 'etcdLosesAnswers',
  fails: 'etcdFails',
  slow: 'etcdSlow',
};

/** What lies on every request to the cloud, to an API or to etcd, or every telling of the watch, for a while. */
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
    return this.#fate(cloudKinds);
  }

  /** The fate of one request to the Kubernetes API. */
  apiMisfortune(): Misfortune | null {
    return this.#fate(apiKinds);
  }

  /** The fate of one request to a member of etcd. */
  etcdMisfortune(): Misfortune | null {
    return this.#fate(etcdKinds);
  }

  #fate({ throttles, losesAnswers, fails, slow }: CallKinds): Misfortune | null {
    if (throttles !== null && this.#strikes(throttles)) return { how: 'throttled', afterEffect: false };
    if (this.#strikes(losesAnswers)) return { how: 'lost', afterEffect: true };
    if (this.#strikes(fails))
      return { how: this.#random.next() < 0.5 ? 'error' : 'lost', afterEffect: this.#random.next() < 0.3 };
    if (this.#strikes(slow)) return { how: 'slow', afterEffect: false };
    return null;
  }

  /** How old the state is that one list of the cloud shows, in ms. */
  listLagMs(): number {
    return this.#strikes('cloudListsLate') ? Math.ceil(this.#random.next() * listLagMs) : 0;
  }

  /** The same of the watch's tellings. */
  watchDisturbedWithin(ms: number): boolean {
    const kinds: readonly FaultKind[] = ['watchLate', 'watchLossy', 'watchDoubled'];
    return kinds.some((kind) => (this.#until.get(kind) ?? 0) > this.#clock.now() - ms);
  }

  /** Whether a list of the cloud lacks an instance that exists. */
  lacks(): boolean {
    return (
      (this.#until.get('cloudListsPartial') ?? 0) > this.#clock.now() && this.#random.next() < shareLacking
    );
  }

  /** True while any of them lies on the requests to the Kubernetes API, or has within the last `ms`. */
  apiDisturbedWithin(ms: number): boolean {
    const kinds: readonly FaultKind[] = ['apiThrottles', 'apiLosesAnswers', 'apiFails', 'apiSlow'];
    return kinds.some((kind) => (this.#until.get(kind) ?? 0) > this.#clock.now() - ms);
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
