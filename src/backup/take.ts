import type { Endpoint, Etcd, KeysHash } from '../etcd/port.ts';
import { Failure, toFailure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { chooseMember } from './choose-member.ts';
import { withDeadline } from './deadline.ts';
import { inEachRegion, type RegionResults } from './each-region.ts';
import { fanOut } from './fan-out.ts';
import { type StreamKey, streamKey } from './format/frame.ts';
import { type StreamFacts, seal } from './format/seal.ts';
import type { AccountKey } from './keys/account-key.ts';
import { FORMAT, type Manifest, purposeOf, writeManifest } from './manifest.ts';
import { type ClusterMind, packMind } from './mind.ts';
import { backupId, ID_RANDOM_BYTES, namesOf, type StreamName, streamNames } from './names.ts';
import type { ObjectStore } from './objects/port.ts';
import { readBack } from './read-back.ts';
import { problemText, type RegionProblem, writeOnce } from './regions.ts';

/**
 * For how long, in ms, one region may hold the others back in all: a hundredth of the interval between backups would be too little for a
 * hiccup.
 */
const PATIENCE_MS = 30_000;
/** How much longer than the first region, in ms, another may take to finish: by then all of it was sent. */
const GRACE_MS = 60_000;
/** The longest that a backup may take, in ms: etcd's largest database, 8 GiB, at 5 MiB/s. */
const LIMIT_MS = 30 * 60_000;
/** Bytes of a part: with two parts on their way, 6 MiB a region. Etcd's 8 GiB are 4096 of them, of 10 000. */
const PART_BYTES = 2 * 1024 * 1024;
const PARALLEL_PARTS = 2;
/** An etcd without a key has a database of 20 KiB: what is shorter is none (safety 49). */
const SMALLEST_SNAPSHOT_BYTES = 4096;
/** How long the hash of all keys may take to compute, in ms: the member reads all of its database. */
const HASH_MS = 120_000;

export interface TakeOptions {
  readonly cluster: string;
  readonly etcd: Etcd;
  /** Of the members, in any order. */
  readonly endpoints: readonly Endpoint[];
  /** One bucket a region. */
  readonly stores: readonly ObjectStore[];
  readonly key: AccountKey;
  readonly mind: ClusterMind;
  /** As in `ShipOptions`; the etcd cluster's id by default. */
  readonly history?: string | undefined;
  readonly versions: { readonly wdrip: string; readonly kubernetes: string };
  /**
   * A rehearsal follows, which opens what is stored: then only its bytes are read back and compared with those that were sent. By default
   * one region's copy is also opened.
   */
  readonly rehearsed?: boolean | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
}

/** A backup that lies, read back, in at least one region. It is verified only after a rehearsal. */
export interface TakenBackup {
  readonly manifest: Manifest;
  /** Those that have it. */
  readonly regions: readonly string[];
  /** Why others have not, and what else went wrong. */
  readonly problems: readonly RegionProblem[];
}

/**
 * Takes a backup: one read of a snapshot, sealed once, to all regions at the same time, read back, and made known by its manifest. It
 * counts if one region has it. Holds some 25 MiB at most with two regions, whatever the size.
 *
 * Throws `NoHealthyMember`, `MindIncomplete`, the key's and etcd's failures, `TimedOut`, or `NoRegion` (retryable) if none has it; each
 * region's reason is in the message. What a failed attempt leaves are objects without a manifest, which `sweep` removes.
 */
export function takeBackup(options: TakeOptions): Promise<TakenBackup> {
  return withDeadline(options.clock, LIMIT_MS, `the backup of ${options.cluster}`, options.signal, (signal) =>
    take(options, signal),
  );
}

async function take(options: TakeOptions, signal: AbortSignal): Promise<TakenBackup> {
  const { cluster, etcd, clock, random, key } = options;
  const takenAt = clock.now();
  const mind = packMind(options.mind);
  const { endpoint, status } = await chooseMember(etcd, options.endpoints, signal);
  const id = backupId(takenAt, status.revision, random.hex(ID_RANDOM_BYTES));
  const dataKey = await key.generate(purposeOf(cluster, id), signal);
  const keyOf = (stream: StreamName) => streamKey(dataKey.plain, `backup ${id} of ${cluster}`, stream);

  // Computed while the snapshot is under way. It has everything up to `status.revision`, which is all that is compared.
  const hashing = hashKeys(etcd, endpoint, status.revision, signal);
  hashing.catch(() => undefined);
  const snapshot = await etcd.snapshot(endpoint, { signal });
  const first = await upload(
    options,
    id,
    'snapshot',
    snapshot.bytes,
    keyOf('snapshot'),
    options.stores,
    signal,
    snapshot.sha256,
  );
  // Of all that follows nothing changes it, so it is computed while that goes on.
  const hashingAgain = hashAgain(etcd, endpoint, status.revision, signal);
  hashingAgain.catch(() => undefined);
  const second = await upload(options, id, 'mind', once(mind), keyOf('mind'), first.stores, signal);
  if (first.facts.plainBytes !== snapshot.sizeBytes || snapshot.sizeBytes < SMALLEST_SNAPSHOT_BYTES)
    throw new Failure({
      kind: 'retryable',
      code: 'SnapshotBroken',
      message: `${endpoint} gave a snapshot of ${first.facts.plainBytes} bytes, and spoke of ${snapshot.sizeBytes}`,
    });
  const streams = { snapshot: first.facts, mind: second.facts };
  const read = await readAllBack(options, id, streams, keyOf, second.stores, signal);
  const hashes = uniqueHashes([await hashing, await hashingAgain]);

  const manifest: Manifest = {
    format: FORMAT,
    id,
    cluster,
    takenAt,
    tookMs: Math.max(0, Math.round(clock.now() - takenAt)),
    etcd: {
      clusterId: status.clusterId,
      history: options.history ?? status.clusterId,
      memberId: status.memberId,
      version: status.version,
      revision: status.revision,
      raftTerm: status.raftTerm,
      raftIndex: status.raftIndex,
      hashes,
    },
    versions: options.versions,
    key: dataKey.wrapped,
    streams,
  };
  return publish(
    options,
    manifest,
    dataKey.plain,
    read.done.map(({ store }) => store),
    [...first.problems, ...second.problems, ...read.problems],
    signal,
  );
}

interface Uploaded {
  readonly facts: StreamFacts;
  readonly stores: readonly ObjectStore[];
  readonly problems: readonly RegionProblem[];
}

/** Seals a stream once and uploads it to all regions. What is left of it where it failed, `upload` removes. */
async function upload(
  options: TakeOptions,
  id: string,
  name: StreamName,
  source: AsyncIterable<Uint8Array>,
  stream: StreamKey,
  stores: readonly ObjectStore[],
  signal: AbortSignal,
  sha256?: () => string,
): Promise<Uploaded> {
  const { clock, cluster } = options;
  let broken: { readonly cause: unknown } | undefined;
  async function* watched(): AsyncIterable<Uint8Array> {
    try {
      yield* source;
    } catch (cause) {
      broken = { cause };
      throw cause;
    }
  }
  const sealing = seal(watched(), stream, sha256);
  const regions = stores.map(({ region }) => region);
  const branches = fanOut(sealing.stored, regions, { clock, patienceMs: PATIENCE_MS });
  const { done, problems } = await inEachRegion(
    { stores, about: `upload of the ${name}`, clock, graceMs: GRACE_MS, signal },
    async (store, late, index) => {
      const branch = branches[index];
      if (!branch) throw new Error('there is a branch for each region');
      try {
        await store.upload(namesOf(cluster).stream(id, name), branch.pieces, {
          partBytes: PART_BYTES,
          parallel: PARALLEL_PARTS,
          signal: late,
        });
      } finally {
        branch.leave();
      }
    },
  );
  // When the source failed no region is to blame.
  if (broken) throw broken.cause;
  if (done.length === 0) throw noRegion(cluster, problems);
  return { facts: sealing.facts(), stores: done.map(({ store }) => store), problems };
}

/** Reads everything back in all regions. */
async function readAllBack(
  { clock, cluster, rehearsed = false }: TakeOptions,
  id: string,
  streams: Manifest['streams'],
  keyOf: (stream: StreamName) => StreamKey,
  stores: readonly ObjectStore[],
  signal: AbortSignal,
): Promise<RegionResults<void>> {
  const names = namesOf(cluster);
  const check = async (store: ObjectStore, depth: 'bytes' | 'content', late: AbortSignal) => {
    for (const name of streamNames)
      await readBack(
        { store, key: names.stream(id, name), facts: streams[name], stream: keyOf(name) },
        depth,
        late,
      );
  };
  // All copies are the same bytes: that these are the backup need be seen of one only.
  const read = await inEachRegion(
    { stores, about: 'reading back', clock, graceMs: GRACE_MS, signal },
    (store, late, index) => check(store, index === 0 && !rehearsed ? 'content' : 'bytes', late),
  );
  const [whole] = read.done;
  if (whole && whole.store !== stores[0] && !rehearsed) await check(whole.store, 'content', signal);
  return read;
}

/** Writes the manifest where everything is as it should be. */
async function publish(
  options: TakeOptions,
  manifest: Manifest,
  dataKey: Buffer,
  stores: readonly ObjectStore[],
  before: readonly RegionProblem[],
  signal: AbortSignal,
): Promise<TakenBackup> {
  const { clock, cluster } = options;
  const text = writeManifest(manifest, dataKey);
  const written = await inEachRegion(
    { stores, about: 'writing the manifest', clock, graceMs: GRACE_MS, signal },
    (store, late) => writeOnce(store, namesOf(cluster).manifest(manifest.id), text, late),
  );
  const problems = [...before, ...written.problems];
  if (written.done.length === 0) throw noRegion(cluster, problems);
  return { manifest, regions: written.done.map(({ store }) => store.region), problems };
}

async function hashKeys(
  etcd: Etcd,
  endpoint: Endpoint,
  revision: number,
  signal: AbortSignal,
): Promise<KeysHash> {
  return etcd.hash(endpoint, revision, { signal, timeoutMs: HASH_MS });
}

/**
 * A compaction while the snapshot began changes the hash: then the restored etcd has this one. That the revision itself is
 * compacted by now says that the first one can be compared with nothing newer.
 */
async function hashAgain(
  etcd: Etcd,
  endpoint: Endpoint,
  revision: number,
  signal: AbortSignal,
): Promise<KeysHash | undefined> {
  return hashKeys(etcd, endpoint, revision, signal).catch((caught: unknown) => {
    if (toFailure(caught).code === 'Compacted') return undefined;
    throw caught;
  });
}

function uniqueHashes(hashes: readonly (KeysHash | undefined)[]): readonly KeysHash[] {
  const known = new Map(hashes.flatMap((each) => (each ? [[each.compactRevision, each]] : [])));
  return [...known.values()];
}

async function* once(content: Uint8Array): AsyncIterable<Uint8Array> {
  yield content;
}

function noRegion(cluster: string, problems: readonly RegionProblem[]): Failure {
  return new Failure({
    kind: 'retryable',
    code: 'NoRegion',
    message: `no region has the backup of ${cluster}: ${problems.map(problemText).join('; ')}`,
  });
}
