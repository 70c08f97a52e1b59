/** A span of time, in epoch ms: from `from` up to `to`. */
export interface Interval {
  readonly from: number;
  readonly to: number;
}

/** The same time as ordered, disjoint intervals; empty ones are left out. */
export function union(intervals: readonly Interval[]): readonly Interval[] {
  const merged: Interval[] = [];
  for (const next of intervals.filter(({ from, to }) => to > from).sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || next.from > last.to) merged.push(next);
    else merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, next.to) };
  }
  return merged;
}

/** What of `whole` is in none of `taken`. */
export function subtract(whole: Interval, taken: readonly Interval[]): readonly Interval[] {
  const left: Interval[] = [];
  let from = whole.from;
  for (const hole of union(taken)) {
    if (hole.to <= from || hole.from >= whole.to) continue;
    if (hole.from > from) left.push({ from, to: hole.from });
    from = Math.max(from, hole.to);
  }
  if (from < whole.to) left.push({ from, to: whole.to });
  return left;
}

/** What of `interval` lies in `bounds`, or null. */
export function within(interval: Interval, bounds: Interval): Interval | null {
  const from = Math.max(interval.from, bounds.from);
  const to = Math.min(interval.to, bounds.to);
  return to > from ? { from, to } : null;
}

/** The sum of their lengths, in ms. */
export function lengthOf(intervals: readonly Interval[]): number {
  return intervals.reduce((sum, { from, to }) => sum + (to - from), 0);
}
