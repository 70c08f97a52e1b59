import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CataloguedBackup, readCatalog } from '../../src/backup/catalog.ts';
import { namesOf } from '../../src/backup/names.ts';
import { createOssStore } from '../../src/backup/objects/oss.ts';
import type { ObjectStore } from '../../src/backup/objects/port.ts';
import { type IssuedTicket, issueTicket } from '../../src/backup/restore/ticket.ts';
import { DAMAGED_EXIT_CODE } from '../../src/bootstrap/etcd-commands.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { preparePrograms } from '../../src/sandbox/host/programs.ts';
import { servedCloud } from '../sandbox/cloud/served.ts';
import { type BackupStage, backupStage } from './stage.ts';

const clock = systemClock();
const masters = 'clusters/demo/bootstrap/control-plane/';
const name = `${masters}restore-a1.ticket`;
/** Compiling wdrip-node, where it is not in the cache yet. */
const buildMs = 600_000;

let served: Awaited<ReturnType<typeof servedCloud>>;
let metadata: Server;
let program: string;
let stage: BackupStage;
let backup: CataloguedBackup;
let near: ObjectStore;
let far: ObjectStore;
let own: ObjectStore;
let folder: string;

beforeAll(async () => {
  program = (await preparePrograms({ clock, names: ['wdrip-node'] })).path('wdrip-node');
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
  stage = backupStage();
  for (let index = 0; index < 400; index += 1) stage.etcd.write({ [`k${index}`]: stage.random.hex(2_000) });
  await stage.take({ stores: [near, far], clock });
  const found = (await readCatalog({ stores: [near, far], cluster: 'demo', clock })).backups[0];
  if (!found) throw new Error('the backup is in the catalogue');
  backup = found;
}, buildMs);

afterAll(async () => {
  metadata?.close();
  await served?.close();
  await rm(folder, { recursive: true, force: true });
});

const reached = (store: ObjectStore) => ({
  store,
  endpoint: served.servers.ossEndpoints[store.region] ?? '',
});
const issue = (from: ObjectStore) =>
  issueTicket({
    backup,
    key: stage.key,
    from: reached(from),
    to: reached(own),
    folder: `${masters}restore-`,
    attempt: 'a1',
  });

/** As the master's script does it. */
async function fetched({ sha256 }: Pick<IssuedTicket, 'sha256'>, limit = '20s') {
  const address = metadata.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on a port');
  const out = join(folder, 'snapshot.db');
  await rm(out, { force: true });
  const place = ['--region', own.region, '--bucket', own.bucket, '--endpoint', reached(own).endpoint];
  const words = [
    'fetch',
    ...place,
    '--key',
    name,
    '--sha256',
    sha256,
    '--ticket',
    '--out',
    out,
    '--limit',
    limit,
  ];
  const env = { WDRIP_METADATA: `http://127.0.0.1:${address.port}` };
  const { status, said } = await new Promise<{ status: unknown; said: string }>((resolve) => {
    execFile(program, words, { env }, (error, _, stderr) =>
      resolve({ status: error?.code ?? 0, said: stderr }),
    );
  });
  const content = status === 0 ? await readFile(out) : null;
  const sum = content === null ? null : createHash('sha256').update(content).digest('hex');
  return { status, said, sum, left: (await readdir(folder)).length };
}

test('a master opens a snapshot with the real program: from its own region, and from another', async () => {
  const { plainSha256: sum } = backup.manifest.streams.snapshot;
  for (const from of [near, far]) {
    const ticket = await issue(from);
    expect(await fetched(ticket)).toMatchObject({ status: 0, sum });
    await ticket.withdraw();
    expect(await own.list(masters)).toEqual([]);
  }
});

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
      expect(await fetched(ticket)).toMatchObject({ status: DAMAGED_EXIT_CODE, left: 0 });
    }
    await near.delete(key);
    const { status, said } = await fetched(ticket);
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
  const late = await fetched(ticket, '1s');
  expect(late).toMatchObject({ status: 1, left: 0 });
  expect(late.said).toContain('status 403');
  expect(late.said).not.toContain('x-oss-signature');
  await ticket.withdraw();
  expect(await fetched(ticket, '1s')).toMatchObject({ status: 1, left: 0 });
});
