import type { AccountKey } from '../keys/account-key.ts';
import type { ObjectStore } from '../objects/port.ts';
import { type RegionProblem, regionProblem } from '../regions.ts';
import { MAX_SEGMENT_BYTES, type OpenedSegment, openSegment, type SegmentHeader } from './segment.ts';
import { historyPrefix, readSegmentKey, type SegmentName, segmentKey } from './segment-name.ts';

/** How many of the newest segments are tried: they are damaged one by one, not all. */
const TRIED_SEGMENTS = 16;
/** Segments that a listing may have: six hours of one a second, a few times over. Retention keeps it below. */
const MOST_SEGMENTS = 100_000;

/** A segment that can be gone on from. */
export interface LastSegment {
  readonly name: SegmentName;
  readonly header: SegmentHeader;
  readonly sha256: string;
}

/** All segments of a history, over all regions, and in which each is. */
export interface ListedLog {
  readonly segments: ReadonlyMap<SegmentName, readonly ObjectStore[]>;
  readonly problems: readonly RegionProblem[];
}

/** Lists a history in all regions. A region that doesn't answer is a problem; throws only if none does. */
export async function listLog(
  stores: readonly ObjectStore[],
  cluster: string,
  history: string,
  signal?: AbortSignal,
): Promise<ListedLog> {
  const prefix = historyPrefix(cluster, history);
  const byKey = new Map<string, { name: SegmentName; stores: ObjectStore[] }>();
  const problems: RegionProblem[] = [];
  const listed = await Promise.allSettled(
    stores.map((store) => store.list(prefix, { signal, most: MOST_SEGMENTS })),
  );
  signal?.throwIfAborted();
  for (const [index, store] of stores.entries()) {
    const result = listed[index];
    if (result?.status !== 'fulfilled') {
      problems.push(regionProblem(store.region, 'the list of the change log', result?.reason));
      continue;
    }
    for (const { key } of result.value) {
      const name = readSegmentKey(cluster, key);
      if (!name) continue;
      const known = byKey.get(key);
      if (known) known.stores.push(store);
      else byKey.set(key, { name, stores: [store] });
    }
  }
  const failed = listed.find((each) => each.status === 'rejected');
  if (problems.length === stores.length && failed?.status === 'rejected') throw failed.reason;
  return { segments: new Map([...byKey.values()].map((each) => [each.name, each.stores])), problems };
}

/** Reads a segment from the first region that has it whole. Throws the last region's failure. */
export async function readSegment(
  name: SegmentName,
  stores: readonly ObjectStore[],
  cluster: string,
  key: Pick<AccountKey, 'unwrap'>,
  problems: RegionProblem[],
  signal?: AbortSignal,
): Promise<OpenedSegment> {
  let last: unknown;
  for (const store of stores) {
    try {
      const stored = await store.get(segmentKey(cluster, name), MAX_SEGMENT_BYTES, { signal });
      return await openSegment(stored, cluster, name, key, signal);
    } catch (caught) {
      signal?.throwIfAborted();
      last = caught;
      problems.push(regionProblem(store.region, segmentKey(cluster, name), caught));
    }
  }
  throw last;
}

/** The newest segment that can be read, or undefined if there is none: then the log begins anew. */
export async function lastSegment(
  stores: readonly ObjectStore[],
  cluster: string,
  history: string,
  key: Pick<AccountKey, 'unwrap'>,
  signal?: AbortSignal,
): Promise<LastSegment | undefined> {
  const { segments, problems } = await listLog(stores, cluster, history, signal);
  const newest = [...segments.keys()].sort((a, b) => b.last - a.last).slice(0, TRIED_SEGMENTS);
  for (const name of newest) {
    const read = await readSegment(name, segments.get(name) ?? [], cluster, key, [...problems], signal).catch(
      () => undefined,
    );
    signal?.throwIfAborted();
    if (read) return { name, header: read.header, sha256: read.sha256 };
  }
  return undefined;
}
