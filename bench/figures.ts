/** One measured number. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it should reach, if anything was promised. */
  readonly reach?: { readonly atMost: number } | { readonly atLeast: number };
}

/** A benchmark: says on stderr what it is doing, and gives its figures. */
export type Benchmark = (say: (what: string) => void) => Promise<readonly Figure[]>;

/** Whether a figure reaches what was promised; undefined if nothing was. */
export function reaches({ value, reach }: Figure): boolean | undefined {
  if (!reach) return undefined;
  return 'atMost' in reach ? value <= reach.atMost : value >= reach.atLeast;
}

/** Bytes of JavaScript heap in use, after a collection. Needs `node --expose-gc`. */
export function heapBytes(): number {
  if (!globalThis.gc) throw new Error('run it as npm run bench, which gives node --expose-gc');
  // The second collection takes what the first one's finalizers let go.
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
