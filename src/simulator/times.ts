/** Spans of time, counted: by the whole seconds of their bucket. Plain data, so that it can go from one process to another. */
export interface CountedTimes {
  readonly count: number;
  readonly longestMs: number;
  /** Pairs of a bucket's lower bound in seconds and how many spans fell into it, ascending. */
  readonly buckets: readonly (readonly [number, number])[];
}

/** Bits of a span that a bucket keeps: 32 buckets between two powers of two, so a figure is at most a 32nd, and a second, too large. */
const kept = 6;

/** How many seconds the bucket is wide that these seconds fall into. */
function widthAt(seconds: number): number {
  return 2 ** Math.max(0, 32 - Math.clz32(seconds) - kept);
}

/** Counts spans in a room that does not grow with their number: the buckets are at most a 32nd of their value wide. */
export class Times {
  readonly #buckets = new Map<number, number>();
  #count = 0;
  #longestMs = 0;

  add(ms: number): void {
    const seconds = Math.round(ms / 1_000);
    this.#put(seconds - (seconds % widthAt(seconds)), 1);
    this.#longestMs = Math.max(this.#longestMs, ms);
  }

  merge({ longestMs, buckets }: CountedTimes): void {
    for (const [seconds, count] of buckets) this.#put(seconds, count);
    this.#longestMs = Math.max(this.#longestMs, longestMs);
  }

  /** The span that this share (0 to 1) of all spans are not longer than, in ms: the end of its bucket. 0 if there is none. */
  quantile(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [seconds, count] of this.#sorted()) {
      left -= count;
      if (left <= 0) return Math.min((seconds + widthAt(seconds) - 1) * 1_000, this.#longestMs);
    }
    return this.#longestMs;
  }

  data(): CountedTimes {
    return { count: this.#count, longestMs: this.#longestMs, buckets: this.#sorted() };
  }

  #put(bucket: number, count: number): void {
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + count);
    this.#count += count;
  }

  #sorted(): readonly (readonly [number, number])[] {
    return [...this.#buckets].sort(([a], [b]) => a - b);
  }
}
