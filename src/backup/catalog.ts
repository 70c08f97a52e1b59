import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from './deadline.ts';
import { damaged } from './format/frame.ts';
import { MAX_MANIFEST_BYTES, type ReadManifest, readManifest } from './manifest.ts';
import { backupIdPattern, namesOf, streamNames } from './names.ts';
import type { ListedObject, ObjectStore } from './objects/port.ts';
import { type RegionProblem, regionProblem } from './regions.ts';
import { MAX_VERIFICATION_BYTES, readVerification, type Verification } from './verification.ts';

/** How long one region is waited for, in ms: a dead one must not hold up a restore. */
const REGION_MS = 30_000;
/** Small objects that are read at the same time, in each region. */
const PARALLEL_READS = 8;

/** A backup as one region has it. */
export interface RegionBackup extends ReadManifest {
  /** The newest verification that this region knows of. */
  readonly verification: Verification | undefined;
}

/** All that one region has of a cluster's backups. */
export interface RegionCatalog {
  readonly region: string;
  /** It answered. */
  readonly reached: boolean;
  /** In no particular order. Their streams are there, in their full length. */
  readonly backups: readonly RegionBackup[];
  /** What is damaged, foreign or missing there. */
  readonly problems: readonly RegionProblem[];
}

/** A backup, and where it lies. */
export interface CataloguedBackup extends RegionBackup {
  readonly regions: readonly string[];
}

/** All backups of a cluster, from all regions. */
export interface Catalog {
  /** The newest first. */
  readonly backups: readonly CataloguedBackup[];
  readonly regions: readonly { readonly region: string; readonly reached: boolean }[];
  readonly problems: readonly RegionProblem[];
}

export interface CatalogOptions {
  readonly cluster: string;
  readonly stores: readonly ObjectStore[];
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads what there is: the listing is the index, so there is none that could be spoiled. What can't be read is told and left out; rejects
 * only with the signal's reason.
 */
export async function readCatalog(options: CatalogOptions): Promise<Catalog> {
  const regions = await Promise.all(options.stores.map((store) => readRegion(store, options)));
  return mergeCatalogs(regions);
}

/** One region's part. Never rejects but with the signal's reason. */
export async function readRegion(
  store: ObjectStore,
  { cluster, clock, signal }: Omit<CatalogOptions, 'stores'>,
): Promise<RegionCatalog> {
  const { region } = store;
  try {
    return await withDeadline(clock, REGION_MS, `the list of backups in ${region}`, signal, (own) =>
      list(store, cluster, own),
    );
  } catch (caught) {
    signal?.throwIfAborted();
    return {
      region,
      reached: false,
      backups: [],
      problems: [regionProblem(region, 'the list of backups', caught)],
    };
  }
}

/** The regions' catalogs as one. A verification that any region knows of counts: it is of the same bytes. */
export function mergeCatalogs(regions: readonly RegionCatalog[]): Catalog {
  const byId = new Map<string, CataloguedBackup>();
  for (const { region, backups } of regions)
    for (const backup of backups) {
      const { id } = backup.manifest;
      const known = byId.get(id);
      byId.set(id, {
        ...(known ?? backup),
        regions: [...(known?.regions ?? []), region],
        verification: newer(known?.verification, backup.verification),
      });
    }
  return {
    backups: newestFirst([...byId.values()]),
    regions: regions.map(({ region, reached }) => ({ region, reached })),
    problems: regions.flatMap(({ problems }) => problems),
  };
}

/** It was restored in a rehearsal, and was what it should be. */
export function isVerified({ verification }: { readonly verification: Verification | undefined }): boolean {
  return verification !== undefined && verification.failed === null;
}

/**
 * Of one history the revision says which backup is the newer, whatever the clocks said. Between two (it was restored in between) the time
 * of the newest of each does.
 */
export function newestFirst<T extends ReadManifest>(backups: readonly T[]): readonly T[] {
  const newestOf = new Map<string, number>();
  for (const { manifest } of backups)
    newestOf.set(manifest.etcd.history, Math.max(manifest.takenAt, newestOf.get(manifest.etcd.history) ?? 0));
  const rank = ({ manifest }: T) => newestOf.get(manifest.etcd.history) ?? 0;
  return [...backups].sort(
    (a, b) =>
      rank(b) - rank(a) ||
      compare(b.manifest.etcd.history, a.manifest.etcd.history) ||
      b.manifest.etcd.revision - a.manifest.etcd.revision ||
      b.manifest.takenAt - a.manifest.takenAt ||
      compare(b.manifest.id, a.manifest.id),
  );
}

async function list(store: ObjectStore, cluster: string, signal: AbortSignal): Promise<RegionCatalog> {
  const names = namesOf(cluster);
  const { region } = store;
  const problems: RegionProblem[] = [];
  const [manifests, data, verifications] = await Promise.all([
    store.list(names.manifests, { signal }),
    store.list(names.data, { signal }),
    store.list(names.verifications, { signal }),
  ]);
  const sizes = new Map(data.map(({ key, size }) => [key, size]));
  const newest = newestVerifications(verifications, names.verifications);
  const backups = await parallel(manifests, async (object): Promise<RegionBackup | undefined> => {
    try {
      const id = idOf(object, names.manifests);
      const text = await store.get(object.key, MAX_MANIFEST_BYTES, { signal });
      const read = readManifest(text.toString(), cluster, id);
      for (const stream of streamNames) {
        const size = sizes.get(names.stream(id, stream));
        const { storedBytes } = read.manifest.streams[stream];
        if (size !== storedBytes)
          throw damaged(
            `${stream} of backup ${id}`,
            size === undefined ? 'it is not there' : `it has ${size} bytes where ${storedBytes} were written`,
          );
      }
      return { ...read, verification: await verificationOf(id) };
    } catch (caught) {
      signal.throwIfAborted();
      problems.push(regionProblem(region, object.key, caught));
      return undefined;
    }
  });
  async function verificationOf(id: string): Promise<Verification | undefined> {
    const key = newest.get(id);
    if (key === undefined) return undefined;
    try {
      return readVerification((await store.get(key, MAX_VERIFICATION_BYTES, { signal })).toString(), id);
    } catch (caught) {
      signal.throwIfAborted();
      problems.push(regionProblem(region, key, caught));
      return undefined;
    }
  }
  return { region, reached: true, backups: backups.filter((each) => each !== undefined), problems };
}

function idOf({ key }: ListedObject, prefix: string): string {
  const id = key.slice(prefix.length).replace(/\.json$/, '');
  if (!backupIdPattern.test(id))
    throw damaged(key, 'it is not named as a manifest is, so somebody else put it there');
  return id;
}

/** The newest record of each backup: their names begin with the time. */
function newestVerifications(objects: readonly ListedObject[], prefix: string): ReadonlyMap<string, string> {
  const newest = new Map<string, string>();
  for (const { key } of objects) {
    const [id = '', rest] = key.slice(prefix.length).split('/');
    if (rest !== undefined && key > (newest.get(id) ?? '')) newest.set(id, key);
  }
  return newest;
}

function newer(a: Verification | undefined, b: Verification | undefined): Verification | undefined {
  if (!a || !b) return a ?? b;
  return b.at > a.at ? b : a;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Works on all of them, some at the same time, and keeps the order. */
async function parallel<A, B>(all: readonly A[], work: (one: A) => Promise<B>): Promise<readonly B[]> {
  const results: B[] = new Array(all.length);
  const entries = all.entries();
  const worker = async () => {
    for (const [index, one] of entries) results[index] = await work(one);
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, worker));
  return results;
}
