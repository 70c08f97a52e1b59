import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CataloguedBackup, readCatalog } from '../../src/backup/catalog.ts';
import { freePorts } from '../../src/backup/free-port.ts';
import { namesOf } from '../../src/backup/names.ts';
import { createOssStore } from '../../src/backup/objects/oss.ts';
import type { ObjectStore } from '../../src/backup/objects/port.ts';
import { localPrograms } from '../../src/backup/programs.ts';
import { type IssuedTicket, issueTicket } from '../../src/backup/restore/ticket.ts';
import { takeBackup } from '../../src/backup/take.ts';
import { DAMAGED_EXIT_CODE } from '../../src/bootstrap/etcd-commands.ts';
import { createEtcd } from '../../src/etcd/adapter.ts';
import type { Change } from '../../src/etcd/port.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { preparePrograms } from '../../src/sandbox/host/programs.ts';
import { type RealStage, realStage } from '../etcd/real-stage.ts';
import { servedCloud } from '../sandbox/cloud/served.ts';
import { exampleMind } from './mind.ts';
import { testKey } from './stage.ts';

const clock = systemClock();
const masters = 'clusters/demo/bootstrap/control-plane/';
const name = `${masters}restore-a1.ticket`;
/** Compiling etcd and wdrip-node, where they are not in the cache yet. */
const buildMs = 900_000;

let served: Awaited<ReturnType<typeof servedCloud>>;
let metadata: Server;
let program: string;
let paths: { etcd: string; etcdutl: string };
let real: RealStage;
let backup: CataloguedBackup;
let near: ObjectStore;
let far: ObjectStore;
let own: ObjectStore;
let folder: string;

const key = testKey(systemRandom);

beforeAll(async () => {
  const programs = await preparePrograms({ clock, names: ['wdrip-node', 'etcd', 'etcdutl'] });
  program = programs.path('wdrip-node');
  paths = { etcd: programs.path('etcd'), etcdutl: programs.path('etcdutl') };
  folder = await mkdtemp(join(tmpdir(), 'wdrip-ticket-'));
  served = await servedCloud({ furtherRegions: ['cn-beijing'] });
  const { cloud, servers } = served;
  const open = async (bucket: string, region: string) => {
    await cloud.putBucket(bucket, region);
    const endpoint = servers.ossEndpoints[region];
    if (endpoint === undefined) throw new Error(`no object storage in ${region}`);
    const credentials = async () => servers;
    return createOssStore({
      region,
      bucket,
      endpoint,
      sldEnable: true,
      credentials,
      clock,
      random: systemRandom,
    });
  };
  near = await open('backups-near', cloud.region);
  far = await open('backups-far', 'cn-beijing');
  own = await open('own', cloud.region);
  await cloud.putRole({
    name: 'master',
    actions: [],
    objects: [{ prefix: `own/${masters}`, access: 'read' }],
  });
  metadata = createServer(({ url = '' }, response) => {
    const { accessKeyId, accessKeySecret, securityToken } = cloud.identity.credentialsFor('i', 'master');
    const answer = {
      Code: 'Success',
      AccessKeyId: accessKeyId,
      AccessKeySecret: accessKeySecret,
      SecurityToken: securityToken,
    };
    response.end(
      url.endsWith('/master') ? JSON.stringify(answer) : url.endsWith('/token') ? 'token' : 'master',
    );
  });
  await new Promise<void>((resolve) => metadata.listen(0, '127.0.0.1', resolve));
  real = await realStage(paths, clock);
  const { endpoints } = await real.cluster(1);
  const changes = Array.from({ length: 64 }, (_, index): Change => {
    const bytes = { key: Buffer.from(`/k${index}`), value: Buffer.from(systemRandom.hex(10_000)) };
    return { type: 'put', ...bytes, version: 0, createRevision: 0, modRevision: 0, lease: null };
  });
  await real.etcd.apply(endpoints, [{ revision: 0, changes }], { leaseSeconds: 60 });
  await takeBackup({
    cluster: 'demo',
    etcd: real.etcd,
    endpoints,
    stores: [near, far],
    key,
    mind: exampleMind,
    versions: { wdrip: '1', kubernetes: 'v1.36.3' },
    clock,
    random: systemRandom,
  });
  const found = (await readCatalog({ stores: [near, far], cluster: 'demo', clock })).backups[0];
  if (!found) throw new Error('the backup is in the catalogue');
  backup = found;
}, buildMs);

afterAll(async () => {
  metadata?.close();
  await served?.close();
  await real?.close();
  await rm(folder, { recursive: true, force: true });
});

const reached = (store: ObjectStore) => ({
  store,
  endpoint: served.servers.ossEndpoints[store.region] ?? '',
});
const issue = (from: ObjectStore) =>
  issueTicket({
    backup,
    key,
    from: reached(from),
    to: reached(own),
    folder: `${masters}restore-`,
    attempt: 'a1',
  });

/** As the master's script does it. `left`: the files of what was begun. */
async function restored({ sha256 }: Pick<IssuedTicket, 'sha256'>, limit = '20s') {
  const address = metadata.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const dataDir = join(folder, 'data');
  await rm(dataDir, { recursive: true, force: true });
  const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
  if (!client || !peer) throw new Error('two ports were asked for');
  const object = ['--region', own.region, '--bucket', own.bucket, '--endpoint', reached(own).endpoint];
  const member = ['--data-dir', dataDir, '--name', 'm0', '--peer-url', peer, '--token', 'demo-a1'];
  const words = ['etcd-restore', ...object, '--key', name, '--sha256', sha256, '--limit', limit, ...member];
  const env = { WDRIP_METADATA: `http://127.0.0.1:${address.port}` };
  const { status, said } = await new Promise<{ status: unknown; said: string }>((resolve) => {
    execFile(program, words, { env }, (error, _, stderr) =>
      resolve({ status: error?.code ?? 0, said: stderr }),
    );
  });
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  return { status, said, left: entries.filter((entry) => entry.isFile()).length, dataDir, client, peer };
}

/** The hash of all keys of an etcd that runs on what was restored. */
async function hashOf({ dataDir, client, peer }: Awaited<ReturnType<typeof restored>>, revision: number) {
  const etcd = createEtcd({ tls: null, clock });
  const running = await localPrograms(paths, clock).etcd([
    ...[
      '--name',
      'm0',
      '--data-dir',
      dataDir,
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
    ],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `m0=${peer}`],
  ]);
  try {
    await real.until('the restored etcd answers', async () => {
      const { healthy } = await etcd.health(client, 'linearizable');
      return healthy ? true : null;
    });
    return (await etcd.hash(client, revision)).hash;
  } finally {
    await running.stop();
    etcd.close();
  }
}

test('a master restores a snapshot with the real program, and etcd runs on it: from its own region, and from another', async () => {
  const { revision, hashes } = backup.manifest.etcd;
  for (const from of [near, far]) {
    const ticket = await issue(from);
    const done = await restored(ticket);
    expect(done).toMatchObject({ status: 0, said: '' });
    const { stdout } = await promisify(execFile)(program, ['etcd-inspect', '--data-dir', done.dataDir]);
    expect(JSON.parse(stdout)).toMatchObject({ exists: true, broken: '', commit: 1, database: { revision } });
    expect(hashes.map(({ hash }) => hash)).toContain(await hashOf(done, revision));
    await ticket.withdraw();
    expect(await own.list(masters)).toEqual([]);
  }
}, 60_000);

test('safety 49: a snapshot that is damaged, cut off, empty or gone is told by its status, and nothing is left', async () => {
  const key = namesOf('demo').stream(backup.manifest.id, 'snapshot');
  const { storedBytes } = backup.manifest.streams.snapshot;
  const whole = await near.get(key, storedBytes);
  const ticket = await issue(near);
  try {
    const flipped = Buffer.from(whole);
    flipped[storedBytes >> 1] = (flipped[storedBytes >> 1] ?? 0) ^ 4;
    for (const content of [flipped, whole.subarray(0, -20), Buffer.alloc(0)]) {
      await near.put(key, content);
      expect(await restored(ticket)).toMatchObject({ status: DAMAGED_EXIT_CODE, left: 0 });
    }
    await near.delete(key);
    const { status, said } = await restored(ticket);
    expect(status).toBe(DAMAGED_EXIT_CODE);
    expect(said).toContain('it is gone');
  } finally {
    await near.put(key, whole);
    await ticket.withdraw();
  }
});

test('a signature that has run out, or a ticket that was withdrawn, opens nothing, and is no damage', async () => {
  const key = namesOf('demo').stream(backup.manifest.id, 'snapshot');
  const query = await near.presign(key, 1);
  const url = `${reached(near).endpoint}/${near.bucket}/${key}?${query}`;
  for (const until = clock.now() + 10_000; (await fetch(url)).status !== 403; )
    if (clock.now() > until) throw new Error('the signature does not run out');
  const ticket = await issue({ ...near, presign: async () => query });
  const late = await restored(ticket, '1s');
  expect(late).toMatchObject({ status: 1, left: 0 });
  expect(late.said).toContain('status 403');
  expect(late.said).not.toContain('x-oss-signature');
  await ticket.withdraw();
  expect(await restored(ticket, '1s')).toMatchObject({ status: 1, left: 0 });
});
