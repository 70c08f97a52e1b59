import { toFailure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import { isVerified, newestFirst, type RegionBackup, readRegion } from './catalog.ts';
import { readSegmentKey } from './change-log/segment-name.ts';
import { withDeadline } from './deadline.ts';
import { namesOf, streamNames } from './names.ts';
import type { ListedObject, ObjectStore } from './objects/port.ts';
import { type RegionProblem, regionProblem } from './regions.ts';
import { type RetentionPolicy, retain } from './retention.ts';

/** What belongs to no backup, in ms: an upload that is under way has no manifest yet, and no backup takes a day. */
const ABANDONED_MS = 86_400_000;
/** The longest that one region may take, in ms. What is left is removed the next time. */
const REGION_MS = 10 * 60_000;
/** Objects that one run removes, in one region: a mistake must not take everything, and the rest has time. */
const MOST_REMOVED = 20_000;
const PARALLEL_DELETES = 8;

export interface PruneOptions {
  readonly cluster: string;
  readonly policy: RetentionPolicy;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/** What one run did in one region. */
export interface Pruned {
  readonly region: string;
  readonly backups: readonly string[];
  /** What failed attempts had left. */
  readonly abandoned: number;
  readonly segments: number;
  readonly problems: readonly RegionProblem[];
}

/**
 * Applies retention to one region, by what that region has. Nothing is removed if its list could not be read, and no backup whose
 * manifest could not: what is not understood is left alone. A manifest goes first and its streams after it, so that none is ever listed
 * without them. Never rejects but with the signal's reason.
 */
export async function pruneRegion(store: ObjectStore, options: PruneOptions): Promise<Pruned> {
  const { clock, signal } = options;
  const { region } = store;
  const problems: RegionProblem[] = [];
  const nothing = { region, backups: [], abandoned: 0, segments: 0, problems };
  const catalog = await readRegion(store, options);
  problems.push(...catalog.problems);
  if (!catalog.reached) return nothing;
  try {
    return await withDeadline(clock, REGION_MS, `removing old backups in ${region}`, signal, (own) =>
      prune(store, options, catalog.backups, problems, own),
    );
  } catch (caught) {
    signal?.throwIfAborted();
    problems.push(regionProblem(region, 'removing old backups', caught));
    return nothing;
  }
}

async function prune(
  store: ObjectStore,
  { cluster, policy, clock }: PruneOptions,
  backups: readonly RegionBackup[],
  problems: RegionProblem[],
  signal: AbortSignal,
): Promise<Pruned> {
  const names = namesOf(cluster);
  const now = clock.now();
  let left = MOST_REMOVED;
  const remove = async (keys: readonly string[]): Promise<number> => {
    const some = keys.slice(0, left);
    left -= some.length;
    return removeAll(store, some, problems, signal);
  };
  const newest = newestFirst(backups);
  const decision = retain(
    newest.map((backup) => ({
      id: backup.manifest.id,
      takenAt: backup.manifest.takenAt,
      verified: isVerified(backup),
    })),
    policy,
    now,
  );
  const removed: string[] = [];
  for (const id of decision.remove) {
    if ((await remove([names.manifest(id)])) === 0) continue;
    await remove(streamNames.map((stream) => names.stream(id, stream)));
    removed.push(id);
  }

  const [manifests, data, verifications] = await Promise.all([
    store.list(names.manifests, { signal }),
    store.list(names.data, { signal }),
    store.list(names.verifications, { signal }),
  ]);
  const known = new Set(manifests.map(({ key }) => key));
  const abandoned = [...data, ...verifications].filter((object) => {
    const [id = ''] = object.key
      .slice((object.key.startsWith(names.data) ? names.data : names.verifications).length)
      .split('/');
    return !known.has(names.manifest(id)) && now - object.modifiedAt > ABANDONED_MS;
  });
  const uploads = await store.unfinishedUploads(names.data, { signal });
  for (const upload of uploads)
    if (now - upload.begunAt > ABANDONED_MS) await store.abortUpload(upload, { signal });
  const removedAbandoned = await remove(abandoned.map(({ key }) => key));

  const kept = newest.filter(({ manifest }) => decision.keep.has(manifest.id));
  const segments = await store.list(names.log, { signal });
  const old = unneededSegments(cluster, segments, kept, now - policy.changeLogMs);
  return {
    region: store.region,
    backups: removed,
    abandoned: removedAbandoned,
    segments: await remove(old),
    problems,
  };
}

/**
 * Segments that no kept backup of their history can begin with, and those that are older than the log is kept. As long as no backup is
 * known none goes. A segment that reaches beyond the newest backup never goes: it is all there is of what it holds.
 */
function unneededSegments(
  cluster: string,
  segments: readonly ListedObject[],
  kept: readonly RegionBackup[],
  keptSince: number,
): readonly string[] {
  const oldest = new Map<string, number>();
  const newest = new Map<string, number>();
  for (const { manifest } of kept) {
    const { history, revision } = manifest.etcd;
    oldest.set(history, Math.min(revision, oldest.get(history) ?? revision));
    newest.set(history, Math.max(revision, newest.get(history) ?? revision));
  }
  return segments
    .filter(({ key, modifiedAt }) => {
      const name = readSegmentKey(cluster, key);
      if (!name || kept.length === 0) return false;
      const from = oldest.get(name.history);
      // Of a history that no backup begins: nothing can be restored with it.
      if (from === undefined) return modifiedAt < keptSince;
      if (name.last <= from) return true;
      return modifiedAt < keptSince && name.last <= (newest.get(name.history) ?? 0);
    })
    .map(({ key }) => key);
}

/** How many are gone. One that the bucket's retention policy still holds is told of and left. */
async function removeAll(
  store: ObjectStore,
  keys: readonly string[],
  problems: RegionProblem[],
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  const entries = keys.values();
  const worker = async () => {
    for (const key of entries)
      try {
        await store.delete(key, { signal });
        removed += 1;
      } catch (caught) {
        signal.throwIfAborted();
        problems.push(regionProblem(store.region, key, caught));
        if (toFailure(caught).kind !== 'rejected') return;
      }
  };
  await Promise.all(Array.from({ length: PARALLEL_DELETES }, worker));
  return removed;
}
