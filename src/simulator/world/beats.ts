import type { Clock } from '../../runtime/clock.ts';

/** A kubelet renews its lease this often, in ms. */
export const beatEveryMs = 10_000;

interface Beat {
  /** One renewal, in epoch ms. */
  readonly at: number;
  /** They go on from there, one each `beatEveryMs`. */
  readonly goesOn: boolean;
}

/**
 * The leases of all nodes. A kubelet that runs renews its lease by itself, and that is a matter of arithmetic: nothing happens for it. Ten
 * thousand of them would otherwise be all that a simulation does.
 */
export class Beats {
  readonly #clock: Clock;
  readonly #beats = new Map<string, Beat>();
  #awaySince: number | null = null;
  #seenSince = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When the lease was renewed last, in epoch ms; undefined if never. While the API is away no renewal arrives. */
  newest(node: string): number | undefined {
    const beat = this.#beats.get(node);
    return beat === undefined ? undefined : Math.max(this.#seenSince, this.#arrived(beat));
  }

  /** True while a kubelet renews it. */
  goesOn(node: string): boolean {
    return this.#beats.get(node)?.goesOn === true;
  }

  /** Renewed now. */
  beat(node: string): void {
    this.#beats.set(node, { at: this.#clock.now(), goesOn: this.goesOn(node) });
  }

  /** Renewed now, and from now on. */
  begin(node: string): void {
    this.#beats.set(node, { at: this.#clock.now(), goesOn: true });
  }

  /** What has arrived has arrived, and nothing follows. */
  stop(node: string): void {
    const beat = this.#beats.get(node);
    if (beat?.goesOn) this.#beats.set(node, { at: this.#arrived(beat), goesOn: false });
  }

  forget(node: string): void {
    this.#beats.delete(node);
  }

  /** The API is away, or back: then everybody's silence counts from now, for nobody could be seen. */
  setReachable(reachable: boolean): void {
    const now = this.#clock.now();
    if (reachable) this.#seenSince = now;
    this.#awaySince = reachable ? null : now;
  }

  #arrived({ at, goesOn }: Beat): number {
    const until = this.#awaySince ?? this.#clock.now();
    return goesOn && until > at ? until - ((until - at) % beatEveryMs) : at;
  }
}
