import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Etcd, KeysHash } from '../etcd/port.ts';
import { Failure, toFailure } from '../failure.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { CataloguedBackup } from './catalog.ts';
import { withDeadline } from './deadline.ts';
import { inEachRegion } from './each-region.ts';
import { freePorts } from './free-port.ts';
import type { AccountKey } from './keys/account-key.ts';
import { FORMAT, openManifest } from './manifest.ts';
import { namesOf } from './names.ts';
import type { ObjectStore } from './objects/port.ts';
import type { EtcdPrograms, RunningEtcd } from './programs.ts';
import { type RegionProblem, regionProblem, writeOnce } from './regions.ts';
import { restoreDataDirectory, snapshotStatus } from './restore/etcdutl.ts';
import { fetchMind, fetchSnapshot } from './restore/fetch.ts';
import { type Verification, writeVerification } from './verification.ts';

/** The longest that a rehearsal may take, in ms: 8 GiB fetched, restored and hashed. */
const LIMIT_MS = 45 * 60_000;
/** How long the scratch etcd may take to answer, in ms: it reads all of its database first. */
const START_MS = 5 * 60_000;
const LOOK_MS = 200;
const HASH_MS = 5 * 60_000;
/** How much longer than the first region another may take to note the result, in ms. */
const GRACE_MS = 10_000;
/** More than any database that etcd allows, in bytes: a quota must not end a rehearsal (safety 54). */
const QUOTA_BYTES = 16 * 1024 ** 3;

export interface RehearseOptions {
  readonly backup: CataloguedBackup;
  readonly stores: readonly ObjectStore[];
  readonly key: AccountKey;
  readonly programs: EtcdPrograms;
  /** Speaks to the scratch etcd, in the clear, on this machine's loopback. */
  readonly etcd: Etcd;
  /** For the scratch etcd: twice the snapshot's size is used in it. What is in `folder/ID` is removed, before and after. */
  readonly folder: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}

export interface Rehearsed {
  readonly verification: Verification;
  readonly problems: readonly RegionProblem[];
}

/**
 * Restores a backup into a scratch etcd on this machine, and compares the hash of all its keys with the one that the cluster had: only
 * then does a backup count as verified. The result is stored beside the backup, whichever it is. Throws what says nothing about the
 * backup: an unreachable region, a missing program, the key's failures, `TimedOut`.
 */
export function rehearse(options: RehearseOptions): Promise<Rehearsed> {
  const { id } = options.backup.manifest;
  return withDeadline(
    options.clock,
    LIMIT_MS,
    `the rehearsal of backup ${id}`,
    options.signal,
    async (signal) => {
      const { backup, stores, clock, key } = options;
      const began = clock.now();
      const dataKey = await openManifest(backup, key, signal);
      const folder = join(options.folder, id);
      await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const problems: RegionProblem[] = [];
      try {
        const found = await tryRegions(options, folder, problems, signal);
        const now = clock.now();
        const verification: Verification = {
          format: FORMAT,
          id,
          at: now,
          tookMs: Math.max(0, Math.round(now - began)),
          ...found,
        };
        const { cluster } = backup.manifest;
        const name = namesOf(cluster).verification(id, now, verification.failed === null);
        const written = await inEachRegion(
          {
            stores: stores.filter(({ region }) => backup.regions.includes(region)),
            about: 'noting a rehearsal',
            clock,
            graceMs: GRACE_MS,
            signal,
          },
          (store, late) => writeOnce(store, name, writeVerification(verification, dataKey), late),
        );
        return { verification, problems: [...problems, ...written.problems] };
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
}

type Found = Pick<Verification, 'region' | 'failed' | 'restored'>;

/** From the first region whose copy is whole. It fails only if all copies were read and none is. */
async function tryRegions(
  options: RehearseOptions,
  folder: string,
  problems: RegionProblem[],
  signal: AbortSignal,
): Promise<Found> {
  const { backup, stores, key } = options;
  const file = join(folder, 'snapshot.db');
  let last: { readonly region: string; readonly caught: unknown } | undefined;
  for (const region of backup.regions) {
    const store = stores.find((each) => each.region === region);
    if (!store) continue;
    try {
      await fetchMind({ backup, store, key, signal });
      await fetchSnapshot({ backup, store, key, signal }, file);
      return { region, ...(await restoreAndCompare(options, file, folder, signal)) };
    } catch (caught) {
      signal.throwIfAborted();
      const { code } = toFailure(caught);
      if (code !== 'BackupDamaged' && code !== 'ChecksumMismatch' && code !== 'NoSuchKey') throw caught;
      problems.push(regionProblem(region, `backup ${backup.manifest.id}`, caught));
      last = { region, caught };
    }
  }
  if (!last) throw new Error(`no store was given for ${backup.regions.join(', ')}`);
  return { region: last.region, failed: toFailure(last.caught).message, restored: null };
}

async function restoreAndCompare(
  { backup, programs, etcd, clock }: RehearseOptions,
  snapshot: string,
  folder: string,
  signal: AbortSignal,
): Promise<Omit<Found, 'region'>> {
  const failed = (why: string): Omit<Found, 'region'> => ({ failed: why, restored: null });
  const [clientPort, peerPort] = await freePorts(2);
  const [client, peer] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  const dataDir = join(folder, 'etcd');
  const token = `rehearsal-${backup.manifest.id}`;
  const name = 'rehearsal';
  // The exact revision is the file's: in a running etcd a lease may have expired by now (safety 53).
  const status = await refusal(() => snapshotStatus(programs, snapshot, signal));
  if (typeof status === 'string') return failed(status);
  const restored = await refusal(() =>
    restoreDataDirectory({
      programs,
      snapshot,
      dataDir,
      name,
      peerUrl: peer,
      token,
      bump: 0,
      signal,
    }),
  );
  if (typeof restored === 'string') return failed(restored);
  const running = await programs.etcd([
    ...['--name', name, '--data-dir', dataDir, '--initial-cluster-token', token],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...[
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `${name}=${peer}`,
    ],
    // It is thrown away in a moment: what a crash would lose does not matter.
    ...['--unsafe-no-fsync', '--quota-backend-bytes', String(QUOTA_BYTES), '--log-level', 'error'],
  ]);
  try {
    const ended = await untilHealthy(etcd, client, running, clock, signal);
    if (ended !== undefined) return failed(`etcd did not start on it: ${ended}`);
    const { revision } = backup.manifest.etcd;
    if (status.revision < revision)
      return failed(`it reaches to revision ${status.revision}, and its manifest says ${revision}`);
    const hash = await etcd.hash(client, revision, { signal, timeoutMs: HASH_MS });
    return {
      failed: compareHashes(hash, backup.manifest.etcd.hashes),
      restored: { ...hash, revision: status.revision, keys: status.keys },
    };
  } finally {
    await running.stop();
  }
}

/** What etcd's own tool says against a snapshot; a missing tool says nothing about it. */
async function refusal<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (caught) {
    if (caught instanceof Failure && caught.code === 'ProgramFailed') return caught.message;
    throw caught;
  }
}

/** Null if they are equal. */
function compareHashes(hash: KeysHash, known: readonly KeysHash[]): string | null {
  const comparable = known.find(({ compactRevision }) => compactRevision === hash.compactRevision);
  if (!comparable)
    return `its keys can't be compared: it is compacted at ${hash.compactRevision}, and the cluster was at ${known.map((each) => each.compactRevision).join(' and ')}`;
  if (comparable.hash === hash.hash) return null;
  return `the hash of all its keys at revision ${hash.hashRevision} is ${hash.hash}, and the cluster's was ${comparable.hash}`;
}

/** Undefined once it answers; its last words if it ends instead. */
async function untilHealthy(
  etcd: Etcd,
  endpoint: string,
  running: RunningEtcd,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  let words: string | undefined;
  void running.ended.then((last) => {
    words = last;
  });
  return withDeadline(clock, START_MS, 'the start of the scratch etcd', signal, async (own) => {
    for (;;) {
      if (words !== undefined) return words;
      if ((await etcd.health(endpoint, 'linearizable', { signal: own })).healthy) return undefined;
      await sleep(clock, LOOK_MS, own);
    }
  });
}
