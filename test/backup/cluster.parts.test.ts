import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { readCatalog } from '../../src/backup/catalog.ts';
import { type ShippedSegment, shipChangeLog } from '../../src/backup/change-log/ship.ts';
import type { AccountKey } from '../../src/backup/keys/account-key.ts';
import { localKey } from '../../src/backup/keys/local-key.ts';
import { type EtcdPrograms, localPrograms } from '../../src/backup/programs.ts';
import { rehearse } from '../../src/backup/rehearse.ts';
import { chooseBackup } from '../../src/backup/restore/choose.ts';
import { REVISION_BUMP, restoreDataDirectory, snapshotStatus } from '../../src/backup/restore/etcdutl.ts';
import { fetchSnapshot } from '../../src/backup/restore/fetch.ts';
import { replayChangeLog } from '../../src/backup/restore/replay.ts';
import { takeBackup } from '../../src/backup/take.ts';
import { createEtcd, type EtcdClient } from '../../src/etcd/adapter.ts';
import type { Etcd, RevisionChanges } from '../../src/etcd/port.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { seededRandom, systemRandom } from '../../src/runtime/random.ts';
import { preparePrograms } from '../../src/sandbox/host/programs.ts';
import { type RealStage, realStage } from '../etcd/real-stage.ts';
import { memoryStore } from './memory-store.ts';
import { exampleMind } from './mind.ts';

const clock = systemClock();
let stage: RealStage;
let programs: EtcdPrograms;
let paths: { etcd: string; etcdutl: string; etcdctl: string };
let plain: EtcdClient;
let folder: string;
let key: AccountKey;

/** Compiling etcd, where it is not in the cache yet. */
const buildMs = 600_000;

beforeAll(async () => {
  const found = await preparePrograms({ clock, names: ['etcd', 'etcdutl', 'etcdctl'] });
  paths = { etcd: found.path('etcd'), etcdutl: found.path('etcdutl'), etcdctl: found.path('etcdctl') };
  stage = await realStage(paths, clock);
  programs = localPrograms(paths, clock);
  plain = createEtcd({ tls: null, clock });
  folder = await mkdtemp(join(tmpdir(), 'wdrip-backup-'));
  key = await localKey({ path: join(folder, 'keys', 'backup.key'), random: systemRandom, create: true });
}, buildMs);

afterAll(async () => {
  plain?.close();
  await stage?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const answer = z.object({ kvs: z.array(z.object({ key: z.string(), value: z.string().default('') })) });

const put = (name: string, value: string, lease: string | null = null): RevisionChanges => ({
  revision: 0,
  changes: [
    {
      type: 'put',
      key: Buffer.from(name),
      value: Buffer.from(value),
      version: 0,
      createRevision: 0,
      modRevision: 0,
      lease,
    },
  ],
});
const remove = (name: string): RevisionChanges => ({
  revision: 0,
  changes: [{ type: 'delete', key: Buffer.from(name), modRevision: 0 }],
});

/** All keys and values as they are now, from a watch of the whole history. */
async function contentOf(etcd: EtcdClient, endpoint: string, from: number): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  const ended = new AbortController();
  const { revision } = await stage.until('a member answers', () => etcd.status(endpoint).catch(() => null));
  for await (const item of etcd.watch(endpoint, {
    fromRevision: from,
    progressMs: 200,
    signal: ended.signal,
  })) {
    if (item.kind === 'compacted') throw new Error(`compacted at ${item.compactRevision}`);
    if (item.kind === 'changes')
      for (const { changes } of item.revisions)
        for (const change of changes) {
          const name = Buffer.from(change.key).toString();
          if (change.type === 'put') content.set(name, Buffer.from(change.value).toString());
          else content.delete(name);
        }
    if (item.revision >= revision) break;
  }
  return content;
}

test('a cluster is backed up, rehearsed, lost, and restored to its last second (safety 45, 46, 52, 54, 55, 56)', async () => {
  const cluster = await stage.cluster(3);
  const { endpoints } = cluster;
  const stores = [memoryStore('cn-a', clock), memoryStore('cn-b', clock)];
  const random = seededRandom(7);
  const values = Array.from({ length: 300 }, (_, index) =>
    put(`/registry/pods/p${index % 200}`, random.hex(2_000)),
  );
  await stage.etcd.apply(endpoints, [...values, remove('/registry/pods/p3')], { leaseSeconds: 60 });

  const taken = await takeBackup({
    cluster: 'demo',
    etcd: stage.etcd,
    endpoints,
    stores,
    key,
    mind: exampleMind,
    versions: { wdrip: '1', kubernetes: 'v1.36.3' },
    clock,
    random: systemRandom,
  });
  expect(taken).toMatchObject({ regions: ['cn-a', 'cn-b'], problems: [] });
  const { leader } = await stage.etcd.status(endpoints[0] ?? '');
  expect(taken.manifest.etcd.memberId).not.toBe(leader);

  const before = await readCatalog({ cluster: 'demo', stores, clock });
  const [backup] = before.backups;
  if (!backup) throw new Error('the backup is in the catalogue');
  const { verification } = await rehearse({
    backup,
    stores,
    key,
    programs,
    etcd: plain,
    folder: join(folder, 'scratch'),
    clock,
  });
  expect(verification).toMatchObject({
    failed: null,
    restored: { hash: taken.manifest.etcd.hashes[0]?.hash },
  });

  const shipped: ShippedSegment[] = [];
  const stop = new AbortController();
  const log = shipChangeLog({
    cluster: 'demo',
    history: taken.manifest.etcd.history,
    etcd: stage.etcd,
    endpoints: () => endpoints,
    stores,
    key,
    after: taken.manifest.etcd.revision,
    clock,
    random: systemRandom,
    signal: stop.signal,
    onShipped: (segment) => shipped.push(segment),
  });
  await stage.etcd.apply(
    endpoints,
    [
      put('/registry/pods/p7', 'changed'),
      put('/registry/masterleases/10.0.0.1', 'stale'),
      remove('/registry/pods/p8'),
      put('/registry/pods/new', 'since the backup'),
    ],
    { leaseSeconds: 60 },
  );
  const { revision } = await stage.etcd.status(endpoints[0] ?? '');
  await stage.until('the change log has it', async () => (log.figures().revision >= revision ? true : null));
  stop.abort();
  expect(await log.ended).toEqual({ kind: 'stopped' });
  const wanted = await contentOf(stage.etcd, endpoints[0] ?? '', 1);
  wanted.delete('/registry/masterleases/10.0.0.1');

  for (const name of ['m0', 'm1', 'm2']) await cluster.kill(name);
  const file = join(folder, 'restored.db');
  const best = await chooseBackup({ cluster: 'demo', stores, key, clock });
  expect(best).toMatchObject({ kind: 'chosen', region: 'cn-a', passedOver: [] });
  if (best.kind === 'none') throw new Error(best.decision);
  await fetchSnapshot({ backup: best.backup, store: best.store, key }, file);
  const status = await snapshotStatus(programs, file);
  const endpoint = 'http://127.0.0.1:23790';
  const peerUrl = 'http://127.0.0.1:23800';
  const dataDir = join(folder, 'restored');
  await restoreDataDirectory({
    programs,
    snapshot: file,
    dataDir,
    name: 'm0',
    peerUrl,
    token: `restore-${systemRandom.hex(8)}`,
    bump: REVISION_BUMP,
  });
  const child = spawn(paths.etcd, [
    ...['--name', 'm0', '--data-dir', dataDir, '--listen-client-urls', endpoint],
    ...['--advertise-client-urls', endpoint, '--listen-peer-urls', peerUrl, '--log-level', 'error'],
  ]);
  try {
    await stage.until('the restored etcd answers', async () =>
      (await plain.health(endpoint, 'linearizable')).healthy ? true : null,
    );
    const bumped = await plain.status(endpoint);
    expect(bumped.revision).toBeGreaterThanOrEqual(status.revision + REVISION_BUMP);
    expect(bumped.clusterId).not.toBe(taken.manifest.etcd.clusterId);
    const replay = {
      cluster: 'demo',
      history: taken.manifest.etcd.history,
      stores,
      key,
      after: status.revision,
      etcd: plain,
      endpoints: [endpoint],
      clock,
    };
    const replayed = await replayChangeLog(replay);
    expect(replayed).toMatchObject({ reached: revision, revisions: 4, problems: [] });
    // A second time, as after a crash, ends the same.
    await replayChangeLog(replay);
    const keys = await keysNow(endpoint);
    expect(keys).toEqual(wanted);
    // A watch from a revision of before the loss is told so, and does not see time go backwards.
    const ended = new AbortController();
    for await (const item of plain.watch(endpoint, {
      fromRevision: revision,
      progressMs: 500,
      signal: ended.signal,
    })) {
      expect(item.kind).toBe('compacted');
      break;
    }
  } finally {
    child.kill('SIGKILL');
  }
}, 120_000);

/** What an etcd without TLS has now. */
async function keysNow(endpoint: string): Promise<Map<string, string>> {
  const { stdout } = await promisify(execFile)(
    paths.etcdctl,
    ['--endpoints', endpoint, 'get', '', '--prefix', '-w', 'json'],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const { kvs } = answer.parse(JSON.parse(stdout));
  const text = (base64: string) => Buffer.from(base64, 'base64').toString();
  return new Map(kvs.map((each) => [text(each.key), text(each.value)]));
}

test('safety 53: a lease that ends within a rehearsal takes its key, and not the backup', async () => {
  const { endpoints } = await stage.cluster(1);
  const stores = [memoryStore('cn-a', clock)];
  await stage.etcd.apply(
    endpoints,
    [put('/registry/leases/one', 'held', '7b'), put('/registry/pods/p', 'x')],
    {
      leaseSeconds: 2,
    },
  );
  const options = { cluster: 'leases', stores, key, clock };
  const taken = await takeBackup({
    ...options,
    etcd: stage.etcd,
    endpoints,
    mind: exampleMind,
    versions: { wdrip: '1', kubernetes: 'v1.36.3' },
    random: systemRandom,
  });
  const [backup] = (await readCatalog(options)).backups;
  if (!backup) throw new Error('the backup is in the catalogue');
  // The scratch etcd is asked for its hash only when the lease has ended in it, and its revision has moved on.
  let movedTo = 0;
  const scratch: Etcd = {
    ...plain,
    async hash(endpoint, revision, asking) {
      movedTo = await stage.until('the lease ends', async () => {
        const status = await plain.status(endpoint);
        return status.revision > taken.manifest.etcd.revision ? status.revision : null;
      });
      return plain.hash(endpoint, revision, asking);
    },
  };
  const { verification } = await rehearse({
    ...options,
    backup,
    programs,
    etcd: scratch,
    folder: join(folder, 'leases'),
  });
  expect(movedTo).toBe(taken.manifest.etcd.revision + 1);
  expect(verification).toMatchObject({ failed: null, restored: { revision: taken.manifest.etcd.revision } });
});
