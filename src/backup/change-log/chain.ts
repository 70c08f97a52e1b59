import { follows, type SegmentName } from './segment-name.ts';

/** What a listing of segments shows to be wrong, or out of the ordinary. */
export interface ChainFaults {
  /** Revisions of which there is no segment: everything after them needs a newer backup. */
  readonly gaps: readonly { readonly first: number; readonly last: number }[];
  /** Segments whose predecessor is not there, and which begin no log. */
  readonly orphans: readonly SegmentName[];
  /** Two writers went on from the same segment. Both say the truth, so that either can be followed. */
  readonly forks: readonly { readonly after: SegmentName; readonly ways: readonly SegmentName[] }[];
}

/**
 * The segments that lead from `revision` (which the restored etcd has) as far as can be, in order: each one names the one before it.
 * Undefined if none leads on. The first of them may begin earlier.
 */
export function chainFrom(
  segments: readonly SegmentName[],
  revision: number,
): readonly SegmentName[] | undefined {
  const beyond = segments.filter(({ last }) => last > revision).sort((a, b) => b.last - a.last);
  const before = indexByEnd(segments);
  // Those from which no way leads back: each is walked once only.
  const dead = new Set<SegmentName>();
  for (const end of beyond) {
    const way: SegmentName[] = [];
    for (let head: SegmentName | undefined = end; head && !dead.has(head); ) {
      const current: SegmentName = head;
      way.push(current);
      if (current.first <= revision + 1) return way.reverse();
      head = before.get(current.first - 1)?.find((each) => follows(current, each));
    }
    for (const each of way) dead.add(each);
  }
  return undefined;
}

/** Looks for faults between the oldest and the newest segment of one history (safety 51). */
export function chainFaults(segments: readonly SegmentName[]): ChainFaults {
  const before = indexByEnd(segments);
  const predecessor = (name: SegmentName) => before.get(name.first - 1)?.find((each) => follows(name, each));
  const ways = new Map<SegmentName, SegmentName[]>();
  for (const name of segments) {
    const from = predecessor(name);
    if (from) ways.set(from, [...(ways.get(from) ?? []), name]);
  }
  const ordered = [...segments].sort((a, b) => a.first - b.first);
  const oldest = ordered[0]?.first;
  const gaps: { first: number; last: number }[] = [];
  let reached = ordered[0]?.last ?? 0;
  for (const { first, last } of ordered) {
    if (first > reached + 1) gaps.push({ first: reached + 1, last: first - 1 });
    reached = Math.max(reached, last);
  }
  return {
    gaps,
    // What the oldest ones named was removed by retention.
    orphans: segments.filter((name) => name.previous !== null && !predecessor(name) && name.first !== oldest),
    forks: [...ways].flatMap(([after, all]) => (all.length > 1 ? [{ after, ways: all }] : [])),
  };
}

function indexByEnd(segments: readonly SegmentName[]): ReadonlyMap<number, readonly SegmentName[]> {
  const index = new Map<number, SegmentName[]>();
  for (const name of segments) {
    const same = index.get(name.last);
    if (same) same.push(name);
    else index.set(name.last, [name]);
  }
  return index;
}
