import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { readCatalog } from '../../src/backup/catalog.ts';
import { shipChangeLog } from '../../src/backup/change-log/ship.ts';
import { localKey } from '../../src/backup/keys/local-key.ts';
import { createOssStore } from '../../src/backup/objects/oss.ts';
import { localPrograms } from '../../src/backup/programs.ts';
import { rehearse } from '../../src/backup/rehearse.ts';
import { chooseBackup } from '../../src/backup/restore/choose.ts';
import { issueTicket } from '../../src/backup/restore/ticket.ts';
import { takeBackup } from '../../src/backup/take.ts';
import { restoreSnapshot } from '../../src/bootstrap/etcd-commands.ts';
import { nodePaths } from '../../src/bootstrap/node-files.ts';
import { createEtcd } from '../../src/etcd/adapter.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';
import { exampleMind } from '../../test/backup/mind.ts';

/** One piece of work of a backup, in a process of its own. Says what came of it in one line of JSON. */
const [work = '', text = '{}'] = process.argv.slice(2);
const settings = JSON.parse(text);
const { endpoint, endpoints, folder, programs } = settings;
const clock = systemClock();
const random = systemRandom;
const regions = { 'cn-hangzhou': 'backups-hangzhou', 'cn-beijing': 'backups-beijing' };
const stores = Object.entries(regions).map(([region, bucket]) =>
  createOssStore({
    region,
    bucket,
    endpoint: endpoints[region],
    sldEnable: true,
    credentials: async () => settings.credentials,
    clock,
    random,
  }),
);
const key = await localKey({ path: `${folder}/backup.key`, random, create: true });
const etcd = createEtcd({ tls: null, clock });
const cluster = 'bench';

async function take() {
  const taken = await takeBackup({
    cluster,
    etcd,
    endpoints: [endpoint],
    stores,
    key,
    mind: exampleMind,
    versions: { wdrip: '0', kubernetes: 'v1.36.3' },
    // As where the programs are there: "rehearsal" measures that part.
    rehearsed: true,
    clock,
    random,
  });
  if (taken.regions.length !== stores.length) throw new Error(JSON.stringify(taken.problems));
  return taken.manifest;
}

/** As a master is restored: the supervisor, which this process is, chooses and shares; the master's own script does the rest. */
async function restore() {
  const choice = await chooseBackup({ cluster, stores, key, clock, verifiedOnly: true, glance: true });
  if (choice.kind === 'none') throw new Error(choice.decision);
  const chosenMs = performance.now() - began;
  const [shared] = stores;
  if (!shared) throw new Error('there are regions');
  const { region, bucket } = shared;
  const reached = (store: typeof shared) => ({ store, endpoint: endpoints[store.region] });
  const { backup, store } = choice;
  const ticket = await issueTicket({
    backup,
    key,
    from: reached(store),
    to: reached(shared),
    folder: 'shared/restore-',
    attempt: 'bench',
  });
  const sharedMs = performance.now() - began - chosenMs;
  const object = { region, bucket, endpoint: endpoints[region], key: ticket.key, sha256: ticket.sha256 };
  const script = restoreSnapshot('bench', {
    object,
    token: 'bench',
    bumpRevision: 1_000_000_000,
  });
  await onMaster(script);
  await ticket.withdraw();
  return { chosenMs, sharedMs };
}

/** A master's disk with etcd's unit on it, and a systemd that runs nothing. */
async function onMaster(script: string) {
  const root = `${folder}/master`;
  const bin = `${root}/bin`;
  await mkdir(bin, { recursive: true });
  await mkdir(`${root}/${nodePaths.units}`, { recursive: true });
  await writeFile(
    `${root}/${nodePaths.units}/etcd.service`,
    'ExecStart=etcd --name=m0 --peer-url=http://127.0.0.1:1\n',
  );
  await writeFile(`${bin}/systemctl`, '#!/bin/sh\necho inactive\nexit 3\n', { mode: 0o755 });
  const PATH = [bin, dirname(programs.etcdutl), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH, WDRIP_ROOT: root, WDRIP_METADATA: settings.metadataUrl };
  await promisify(execFile)('sh', ['-c', script], { env });
}

async function rehearsal() {
  const [backup] = (await readCatalog({ cluster, stores, clock })).backups;
  if (!backup) throw new Error('there is no backup');
  const { verification } = await rehearse({
    backup,
    stores,
    key,
    programs: localPrograms(programs, clock),
    etcd,
    folder: `${folder}/scratch`,
    clock,
  });
  if (verification.failed !== null) throw new Error(verification.failed);
  return verification;
}

/** Until its input ends. A line begins the change log, the next one ends it; a line of JSON answers, at the end with what was shipped when. */
async function ship() {
  let end: (() => Promise<object>) | undefined;
  for await (const _ of createInterface({ input: process.stdin })) {
    const answer = end === undefined ? {} : await end();
    end = end === undefined ? await shipping() : undefined;
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  return {};
}

async function shipping(): Promise<() => Promise<object>> {
  const shipped: { readonly last: number; readonly at: number }[] = [];
  const stop = new AbortController();
  const began = performance.now();
  const cpu = process.cpuUsage();
  const status = await etcd.status(endpoint);
  const log = shipChangeLog({
    cluster,
    history: `${status.clusterId}-${random.hex(4)}`,
    etcd,
    endpoints: () => [endpoint],
    stores,
    key,
    after: status.revision,
    clock,
    random,
    signal: stop.signal,
    onShipped: ({ last }) => shipped.push({ last, at: Date.now() }),
  });
  return async () => {
    stop.abort();
    const end = await log.ended;
    if (end.kind !== 'stopped') throw new Error(JSON.stringify(end));
    const { user, system } = process.cpuUsage(cpu);
    return { shipped, processor: (user + system) / 1000 / (performance.now() - began) };
  };
}

const idleRss = process.memoryUsage.rss();
const began = performance.now();
const works: Readonly<Record<string, () => Promise<object>>> = {
  take,
  restore,
  rehearsal,
  ship,
};
const result = await works[work]?.();
const ms = performance.now() - began;
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
etcd.close();
process.stdout.write(
  `${JSON.stringify({ ms, idleRss, mostRss: maxRSS * 1024, cpuMs: (userCPUTime + systemCPUTime) / 1000, result })}\n`,
  () => process.exit(0),
);
