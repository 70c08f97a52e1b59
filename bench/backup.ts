import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { freePorts } from '../src/backup/free-port.ts';
import { createEtcd, type EtcdClient } from '../src/etcd/adapter.ts';
import type { Change } from '../src/etcd/port.ts';
import { sleep, systemClock } from '../src/runtime/clock.ts';
import { type Random, seededRandom } from '../src/runtime/random.ts';
import { preparePrograms } from '../src/sandbox/host/programs.ts';
import { answers, firstLine, startScript, stop, timed } from './backup/process.ts';
import type { Benchmark, Figure } from './figures.ts';

/** Of etcd's database. */
const MIB = Number(process.env.WDRIP_BENCH_MIB ?? 1024);
/** Each is measured so often, in turns; the median counts. */
const ROUNDS = 3;
/** Of a busy stretch, with and without the change log, in ms: short ones in turns, since the machine changes over tens of seconds. */
const BUSY_MS = 2_000;
const BUSY_TURNS = Number(process.env.WDRIP_BENCH_TURNS ?? 40);
/** Before each stretch, in ms: the change log begins in it. */
const REST_MS = 700;
/** After one with the change log, in ms: what it has is shipped in it. */
const SHIP_MS = 1_500;
/** Writers at the same time, each waiting for its own writes. */
const WRITERS = 24;
const VALUE_BYTES = 8 * 1024;
const CHANGES_AT_ONCE = 64;
/** Memory that is touched before a restore, in databases: two copies of it go into the page cache, and the programs take some. */
const WARM_FACTOR = 4;
/** As a master is restored, and as etcd's documentation has it for Kubernetes: no client sees time go backwards (safety 45). */
const RAISED = ['--bump-revision', '1000000000', '--mark-compacted'];
/** V8's smallest young generation: buffers outside its heap are freed by collections of that (docs/decisions/backup.md). */
const NODE_FLAGS = ['--max-semi-space-size=1'];

const clock = systemClock();

/** Backups of a real etcd into the emulated object storage of two regions, against etcd's own tools and zstd. */
export const backup: Benchmark = async (say) => {
  const folder = await mkdtemp(join(tmpdir(), 'wdrip-bench-'));
  const children: ChildProcess[] = [];
  const etcd = createEtcd({ tls: null, clock });
  try {
    const found = await preparePrograms({
      clock,
      names: ['etcd', 'etcdctl', 'etcdutl', 'wdrip-node'],
      onProgress: say,
    });
    const programs = {
      etcd: found.path('etcd'),
      etcdctl: found.path('etcdctl'),
      etcdutl: found.path('etcdutl'),
    };
    const objects = startScript('objects-process.ts', [join(folder)]);
    children.push(objects);
    const { ossEndpoints, metadataUrl, ...credentials } = JSON.parse(await firstLine(objects));
    const { endpoint, server } = await startEtcd(programs.etcd, folder, children, etcd);
    const settings = { endpoint, endpoints: ossEndpoints, metadataUrl, credentials, folder, programs };
    const work = async (what: string) => {
      const child = startScript('work-process.ts', [what, JSON.stringify(settings)], NODE_FLAGS);
      children.push(child);
      return child;
    };
    const run = async (what: string) => JSON.parse(await firstLine(await work(what)));

    say(`${MIB} MiB into etcd`);
    await fill(etcd, endpoint, seededRandom(1));
    const taking: Turn[] = [];
    const restoring: Turn[] = [];
    const keeping: number[] = [];
    const file = join(folder, 'plain.db');
    let ratio = 0;
    let rehearsedMs: number | undefined;
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`round ${round}: etcdctl snapshot save and zstd, against a backup`);
      const saved = await timed(programs.etcdctl, ['--endpoints', endpoint, 'snapshot', 'save', file]);
      const zipped = await timed('zstd', ['-q', '-f', file, '-o', `${file}.zst`]);
      ratio = (await stat(file)).size / (await stat(`${file}.zst`)).size;
      const taken = await run('take');
      taking.push({ theirs: saved + zipped, ours: taken.ms, mostRss: taken.mostRss, idleRss: taken.idleRss });
      if (round === 1) say('a rehearsal, as only what was rehearsed is restored');
      rehearsedMs ??= (await run('rehearsal')).ms;
      say(`round ${round}: etcdutl snapshot restore, against a master's restore`);
      const theirs = async (...flags: readonly string[]) => {
        const dir = join(folder, 'plain');
        await touchMemory(WARM_FACTOR * MIB);
        const ms = await timed(programs.etcdutl, ['snapshot', 'restore', file, '--data-dir', dir, ...flags]);
        await rm(dir, { recursive: true, force: true });
        return ms;
      };
      const kept = await theirs();
      const restored = await theirs(...RAISED);
      keeping.push(kept);
      await touchMemory(WARM_FACTOR * MIB);
      const back = await run('restore');
      restoring.push({ theirs: restored, ours: back.ms, mostRss: back.mostRss, idleRss: back.idleRss });
      await rm(join(folder, 'master'), { recursive: true, force: true });
      say(
        `  save ${seconds(saved)}, zstd ${seconds(zipped)}, backup ${seconds(taken.ms)} (${seconds(taken.cpuMs)} of a processor); restore ${seconds(kept)}, with revisions raised ${seconds(restored)}, ours ${seconds(back.ms)}, of which choosing ${seconds(back.result.chosenMs)} and sharing ${seconds(back.result.sharedMs)}`,
      );
    }
    say('the change log on a busy etcd');
    // In a cluster the supervisor and object storage are elsewhere: etcd and those who write to it have one processor, they another.
    const [near, far] = processors();
    const alive = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    for (const pid of [...alive.map((child) => child.pid), process.pid]) await keepOn(pid, near);
    await keepOn(objects.pid, far);
    const ship = await work('ship');
    await keepOn(ship.pid, far);
    const busy = await measureBusy(etcd, endpoint, server, answers(ship));
    const took = median(taking);
    const back = median(restoring);
    const figures: Figure[] = [
      { name: 'etcdctl snapshot save, then zstd', value: took.theirs / 1000, unit: 's' },
      { name: 'backup in two regions, read back', value: took.ours / 1000, unit: 's' },
      {
        name: 'backup over snapshot save and zstd, time',
        value: took.ours / took.theirs,
        unit: '',
        reach: { atMost: 1.3 },
      },
      {
        name: 'most memory of the process that takes it',
        value: most(taking),
        unit: 'MiB',
        reach: { atMost: 150 },
      },
      { name: '  of which the backup added', value: added(taking), unit: 'MiB' },
      { name: 'rehearsal of its restore, besides', value: (rehearsedMs ?? Number.NaN) / 1000, unit: 's' },
      { name: 'etcdutl snapshot restore', value: middle(keeping) / 1000, unit: 's' },
      { name: 'the same with revisions raised, as for Kubernetes', value: back.theirs / 1000, unit: 's' },
      { name: 'restore of a master from object storage', value: back.ours / 1000, unit: 's' },
      {
        name: 'restore of a master over the latter, time',
        value: back.ours / back.theirs,
        unit: '',
        reach: { atMost: 1.2 },
      },
      { name: '  over the former', value: back.ours / middle(keeping), unit: '' },
      {
        name: 'most memory of the supervisor meanwhile',
        value: most(restoring),
        unit: 'MiB',
        reach: { atMost: 150 },
      },
      { name: '  of which the restore added', value: added(restoring), unit: 'MiB' },
      { name: 'how far zstd compresses it', value: ratio, unit: '' },
      ...busy,
    ];
    return figures;
  } finally {
    etcd.close();
    for (const child of children) await stop(child);
    await rm(folder, { recursive: true, force: true });
  }
};

/**
 * Takes so many MiB and gives them back. What nobody has touched for a while the host of a virtual machine has to find first: to write a
 * file into such memory takes ten times as long, and whoever comes second finds what the first has left.
 */
async function touchMemory(mib: number): Promise<void> {
  const take = `const all = []; for (let at = 0; at < ${mib}; at += 64) all.push(Buffer.alloc(64 * 2 ** 20, 1));`;
  await timed(process.execPath, ['-e', take]);
}

/** One for what is measured, and one for the rest: the same if there is no other. */
function processors(): readonly [number, number] {
  return [0, Math.min(1, availableParallelism() - 1)];
}

/** All of its threads, and those that it starts, run on this processor only. Rejects where `taskset` (util-linux) is missing. */
async function keepOn(pid: number | undefined, processor: number): Promise<void> {
  if (pid !== undefined) await timed('taskset', ['-acp', String(processor), String(pid)]);
}

interface Turn {
  readonly theirs: number;
  readonly ours: number;
  readonly mostRss: number;
  readonly idleRss: number;
}

/** By the ratio. */
function median(turns: readonly Turn[]): Turn {
  const sorted = [...turns].sort((a, b) => a.ours / a.theirs - b.ours / b.theirs);
  const middle = sorted[Math.floor(sorted.length / 2)];
  if (!middle) throw new Error('nothing was measured');
  return middle;
}

function middle(all: readonly number[]): number {
  return [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Number.NaN;
}

function mean(all: readonly number[]): number {
  return all.reduce((sum, each) => sum + each, 0) / all.length;
}

function standardError(all: readonly number[]): number {
  const squares = all.map((each) => (each - mean(all)) ** 2);
  return Math.sqrt(squares.reduce((sum, each) => sum + each, 0) / (all.length - 1) / all.length);
}

function most(turns: readonly Turn[]): number {
  return Math.max(...turns.map(({ mostRss }) => mostRss)) / 2 ** 20;
}

/** The rest was there before: Node, the SDKs. */
function added(turns: readonly Turn[]): number {
  return Math.max(...turns.map(({ mostRss, idleRss }) => mostRss - idleRss)) / 2 ** 20;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

async function startEtcd(
  program: string,
  folder: string,
  children: ChildProcess[],
  etcd: EtcdClient,
): Promise<{ readonly endpoint: string; readonly server: ChildProcess }> {
  const [client, peer] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
  if (!client || !peer) throw new Error('two ports were asked for');
  const own = [
    ...['--name', 'm0', '--data-dir', join(folder, 'etcd'), '--quota-backend-bytes', String(8 * 2 ** 30)],
    ...['--listen-client-urls', client, '--advertise-client-urls', client, '--log-level', 'error'],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `m0=${peer}`],
  ];
  const server = spawn(program, own, { stdio: 'inherit' });
  children.push(server);
  for (const deadline = clock.now() + 30_000; ; ) {
    if ((await etcd.health(client, 'linearizable')).healthy) return { endpoint: client, server };
    if (clock.now() > deadline) throw new Error('etcd did not start');
    await sleep(clock, 100);
  }
}

/** An object as Kubernetes stores one: the same words everywhere, and of each some that nobody else has. */
function podLike(random: Random, index: number): string {
  const containers = Array.from({ length: 5 }, (_, each) => ({
    name: `container-${each}`,
    image: `registry.example.com/team-${index % 20}/service-${index % 300}@sha256:${random.hex(32)}`,
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
    volumeMounts: [
      { name: `token-${random.hex(3)}`, readOnly: true, mountPath: '/var/run/secrets/kubernetes.io' },
    ],
    terminationMessagePath: '/dev/termination-log',
    imagePullPolicy: 'IfNotPresent',
    containerID: `containerd://${random.hex(32)}`,
  }));
  const text = JSON.stringify({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { uid: random.hex(16), managed: random.hex(600) },
    spec: { containers },
  });
  return text.repeat(Math.ceil(VALUE_BYTES / text.length)).slice(0, VALUE_BYTES - 400) + random.hex(200);
}

function put(name: string, value: string): Change {
  const bytes = { key: Buffer.from(name), value: Buffer.from(value) };
  return { type: 'put', ...bytes, version: 0, createRevision: 0, modRevision: 0, lease: null };
}

async function fill(etcd: EtcdClient, endpoint: string, random: Random): Promise<void> {
  const total = (MIB * 2 ** 20) / VALUE_BYTES;
  for (let at = 0; at < total; at += CHANGES_AT_ONCE) {
    const changes = Array.from({ length: CHANGES_AT_ONCE }, (_, index) =>
      put(`/registry/pods/namespace-${(at + index) % 50}/pod-${at + index}`, podLike(random, at + index)),
    );
    await etcd.apply([endpoint], [{ revision: 0, changes }], { leaseSeconds: 60, timeoutMs: 60_000 });
  }
}

interface Stretch {
  /** Of each second. */
  readonly writes: number;
  /** etcd's processor for each write, in µs. */
  readonly cost: number;
}

interface Written {
  readonly revision: number;
  /** When it was sent, epoch ms. */
  readonly at: number;
}

/** Writers that wait for each write, in stretches with and without the change log, in turns. `tell` begins it and ends it. */
async function measureBusy(
  etcd: EtcdClient,
  endpoint: string,
  server: ChildProcess,
  tell: () => Promise<unknown>,
): Promise<readonly Figure[]> {
  const random = seededRandom(2);
  const value = podLike(random, 0).slice(0, 1_024);
  const written: Written[] = [];
  const stretch = async (): Promise<Stretch> => {
    written.length = 0;
    const [began, cpuBefore] = [performance.now(), await processorMs(server)];
    const writer = async (index: number) => {
      for (let count = 0; performance.now() - began < BUSY_MS; count += 1) {
        const at = Date.now();
        const changes = [put(`/registry/leases/${index}-${count % 500}`, value)];
        const { revision } = await etcd.apply([endpoint], [{ revision: 0, changes }], { leaseSeconds: 60 });
        written.push({ revision, at });
      }
    };
    await Promise.all(Array.from({ length: WRITERS }, (_, index) => writer(index)));
    const ms = performance.now() - began;
    return {
      writes: (written.length / ms) * 1000,
      cost: (((await processorMs(server)) - cpuBefore) / written.length) * 1000,
    };
  };
  const alone = async () => {
    await sleep(clock, REST_MS);
    return await stretch();
  };
  const lags: number[] = [];
  const processor: number[] = [];
  const beside = async () => {
    await tell();
    const found = await alone();
    await sleep(clock, SHIP_MS);
    const told = toldSchema.parse(await tell());
    processor.push(told.processor * 100);
    for (const { revision, at } of written)
      lags.push((told.shipped.find(({ last }) => last >= revision)?.at ?? Number.POSITIVE_INFINITY) - at);
    return found;
  };
  await stretch();
  const pairs: { readonly plain: Stretch; readonly logged: Stretch }[] = [];
  // In turns of their order, too: etcd grows and slows meanwhile, which would count against whatever always came second.
  for (let turn = 0; turn < BUSY_TURNS; turn += 2) {
    pairs.push({ plain: await alone(), logged: await beside() });
    pairs.push({ logged: await beside(), plain: await alone() });
  }
  lags.sort((a, b) => a - b);
  // Each stretch with the one beside it: what changes over minutes counts for neither.
  const costs = pairs.map(({ plain, logged }) => (1 - logged.writes / plain.writes) * 100);
  const added = pairs.map(({ plain, logged }) => logged.cost - plain.cost);
  return [
    {
      name: 'writes to a busy etcd, without the change log',
      value: mean(pairs.map(({ plain }) => plain.writes)),
      unit: '/s',
    },
    { name: 'the same with it', value: mean(pairs.map(({ logged }) => logged.writes)), unit: '/s' },
    { name: 'what the change log costs', value: mean(costs), unit: '%', reach: { atMost: 3 } },
    { name: '  standard error of that', value: standardError(costs), unit: '%' },
    {
      name: "etcd's processor for a write without it",
      value: mean(pairs.map(({ plain }) => plain.cost)),
      unit: 'µs',
    },
    { name: '  and more with it', value: mean(added), unit: 'µs' },
    { name: '  standard error of that', value: standardError(added), unit: 'µs' },
    { name: 'processor that the change log takes meanwhile', value: mean(processor), unit: '%' },
    {
      name: 'its lag, from the call of a write until that is stored, p99',
      value: (lags[Math.floor(lags.length * 0.99)] ?? Number.NaN) / 1000,
      unit: 's',
      reach: { atMost: 2 },
    },
  ];
}

/** What the change log's process says when it has ended it. */
const toldSchema = z.object({
  shipped: z.array(z.object({ last: z.number(), at: z.number() })),
  /** Of one, from 0 to 1. */
  processor: z.number(),
});

/** What a process has taken of all processors since it began, in ms (proc(5): fields 14 and 15 of its `stat`, in hundredths of a second). */
async function processorMs({ pid }: ChildProcess): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
