import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { createActor, SimulatedClock } from 'xstate';
import { type NodeEvent, type NodeInput, nodeMachine, nodeVersion } from '../machines/node.ts';
import { seededRandom } from '../src/runtime/random.ts';
import { createRuntime } from '../src/runtime/runtime.ts';
import type { ActorEvent, Effect, Runtime, Store, StoreWrite } from '../src/runtime/types.ts';
import { createVirtualClock } from '../src/runtime/virtual-clock.ts';
import { encodeBatch, storedIn } from '../src/store/batch-log.ts';
import { openLmdbStore } from '../src/store/lmdb.ts';
import { type Benchmark, type Figure, heapBytes } from './figures.ts';

const ACTORS = 100_000;
/** Each round takes every node from healthy to suspect and back. */
const ROUNDS = 2;
/** As many of them are under repair when the process is started again. */
const UNDER_REPAIR = 10_000;
const TRANSITIONS = 2 * ROUNDS * ACTORS;
/** The start of the benchmark's clock, in epoch ms. */
const START_MS = 1_800_000_000_000;

const ids = Array.from({ length: ACTORS }, (_, index) => `node/workers/${index}`);
const effectNames = Object.keys(nodeMachine.implementations.actors);

/** Spread over the keys like real failures are, and the same in each run. */
const shuffled = shuffle(ids);

function inputOf(index: number): NodeInput {
  const slot = `workers/${index}`;
  const [nodeName, instanceId] = [
    `workers-${index}.cluster`,
    `i-${(index + 1e6).toString(36).padStart(20, 'b')}`,
  ];
  return { slot, pool: 'workers', zone: 'cn-hangzhou-b', role: 'worker', nodeName, instanceId, policy: {} };
}

const ready = { type: 'NODE_READY', at: START_MS } as const;
const notReady = {
  type: 'NODE_NOT_READY',
  at: START_MS,
  reason: 'NodeStatusUnknown',
  objectMissing: false,
} as const;

/** The durable runtime, live actors without durability, and the same bytes written raw, one after the other. */
export const runtime: Benchmark = async (say) => {
  const folder = await mkdtemp(join(tmpdir(), 'wdrip-bench-'));
  try {
    say(`${ACTORS} durable node actors on lmdb`);
    const durable = await measureDurable(folder);
    say('restore');
    const restoreMs = await measureRestore(join(folder, 'store'));
    say('the same bytes written raw');
    const raw = await measureRaw(join(folder, 'raw.mdb'), durable.commits);
    durable.commits.length = 0;
    say('live actors, not durable');
    const live = measureLive();
    const perSecond = (ms: number) => (TRANSITIONS / ms) * 1_000;
    return [
      { name: 'heap of a quiet actor', value: durable.bytes, unit: 'B', reach: { atMost: 1_500 } },
      { name: 'heap of a live actor, not durable', value: live.bytes, unit: 'B' },
      { name: 'spawned durably', value: (ACTORS / durable.spawnMs) * 1_000, unit: 'actors/s' },
      { name: 'durable transitions', value: perSecond(durable.ms), unit: '1/s', reach: { atLeast: 40_000 } },
      { name: 'live transitions, not durable', value: perSecond(live.ms), unit: '1/s' },
      { name: 'raw writes of the same bytes', value: perSecond(raw.ms), unit: '1/s' },
      { name: 'durable over raw', value: durable.ms / raw.ms, unit: 'times', reach: { atMost: 2.5 } },
      // These say more than the times when something else runs on the machine. They hold all threads, lmdb's too.
      { name: 'processor time of a durable transition', value: durable.cpuUs, unit: 'µs' },
      { name: 'processor time of a raw write', value: raw.cpuUs, unit: 'µs' },
      { name: 'bytes of a record', value: durable.recordBytes, unit: 'B' },
      { name: 'transitions of a commit', value: TRANSITIONS / durable.commitCount, unit: '' },
      {
        name: 'deadlines fired, effects started',
        value: (UNDER_REPAIR / durable.repairMs) * 1_000,
        unit: 'actors/s',
      },
      { name: 'restore', value: restoreMs / 1_000, unit: 's', reach: { atMost: 3 } },
    ] satisfies Figure[];
  } finally {
    await rm(folder, { recursive: true });
  }
};

async function measureDurable(folder: string) {
  const store = await openLmdbStore(join(folder, 'store'));
  const recording = record(store);
  const clock = createVirtualClock(START_MS);
  const before = heapBytes();
  const actors = makeRuntime(recording.store, clock);
  await actors.start();
  const spawnMs = await timed(async () => {
    const inputs = ids.map((id, index) => actors.spawn(id, 'node', { ...inputOf(index) }));
    await Promise.all(inputs);
    await sendAll(actors, ready);
  });
  const bytes = (heapBytes() - before) / ACTORS;
  const recordBytes = JSON.stringify(actors.record(ids[0] ?? '')).length;
  recording.start();
  const cpu = process.cpuUsage();
  const ms = await timed(async () => {
    for (let round = 0; round < ROUNDS; round++) {
      await sendAll(actors, notReady);
      await sendAll(actors, ready);
    }
  });
  const cpuUs = cpuSince(cpu) / TRANSITIONS;
  const commits = recording.stop();
  await sendAll(actors, notReady, shuffled.slice(0, UNDER_REPAIR));
  const repairMs = await timed(() => clock.advance(20_000, () => actors.idle()));
  await actors.stop();
  await store.close();
  return { bytes, spawnMs, ms, cpuUs, repairMs, commits, commitCount: commits.length, recordBytes };
}

function makeRuntime(store: Store, clock: ReturnType<typeof createVirtualClock>): Runtime {
  const never: Effect = (_input, { signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  return createRuntime({
    store,
    clock,
    random: seededRandom(1),
    machines: { node: { machine: nodeMachine, version: nodeVersion, migrations: {} } },
    effects: Object.fromEntries(effectNames.map((name) => [name, never])),
  });
}

async function sendAll(actors: Runtime, event: ActorEvent, to = shuffled): Promise<void> {
  for (const id of to) {
    const result = actors.send(id, event);
    if (result !== 'accepted') throw new Error(`${id}: ${result}`);
  }
  await actors.idle();
}

/** Notes what is committed, to write the same again raw. */
function record(store: Store) {
  let commits: (readonly StoreWrite[])[] | null = null;
  const recording: Store = {
    ...store,
    commit(batch) {
      commits?.push(batch);
      return store.commit(batch);
    },
  };
  return {
    store: recording,
    start: () => {
      commits = [];
    },
    stop: () => {
      const all = commits ?? [];
      commits = null;
      return all;
    },
  };
}

/** From the closed file to the last effect started again. */
async function measureRestore(path: string): Promise<number> {
  const from = performance.now();
  const store = await openLmdbStore(path);
  const actors = makeRuntime(store, createVirtualClock(START_MS));
  const report = await actors.start();
  const ms = performance.now() - from;
  if (report.actors !== ACTORS || report.effects !== UNDER_REPAIR)
    throw new Error(`restored ${JSON.stringify(report)}`);
  await actors.stop();
  await store.close();
  return ms;
}

/** The same keys and bytes in the same batches, encoded beforehand, each under its key, into a store that already holds the keys. */
async function measureRaw(path: string, commits: readonly (readonly StoreWrite[])[]) {
  const database = open<Uint8Array, string>({ path, encoding: 'binary', overlappingSync: false });
  const encoded = commits.map((batch) => {
    const logged = encodeBatch(batch);
    return logged.keys.map((key, index) => ({ key, value: storedIn(logged, index) ?? new Uint8Array() }));
  });
  const write = async (batch: (typeof encoded)[number]) => {
    let done: Promise<boolean> | undefined;
    for (const { key, value } of batch) done = database.put(key, value);
    await done;
  };
  for (const batch of encoded.slice(0, encoded.length / (2 * ROUNDS) + 1)) await write(batch);
  const cpu = process.cpuUsage();
  const ms = await timed(async () => {
    for (const batch of encoded) await write(batch);
  });
  const cpuUs = cpuSince(cpu) / TRANSITIONS;
  await database.close();
  return { ms, cpuUs };
}

function measureLive() {
  const clock = new SimulatedClock();
  const before = heapBytes();
  const actors = new Map(
    ids.map((id, index) => {
      const actor = createActor(nodeMachine, { id, input: inputOf(index), clock }).start();
      actor.send(ready);
      return [id, actor];
    }),
  );
  const bytes = (heapBytes() - before) / ACTORS;
  const sendLive = (event: NodeEvent) => {
    for (const id of shuffled) actors.get(id)?.send(event);
  };
  const from = performance.now();
  for (let round = 0; round < ROUNDS; round++) {
    sendLive(notReady);
    sendLive(ready);
  }
  return { bytes, ms: performance.now() - from };
}

function cpuSince(from: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(from);
  return user + system;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

function shuffle(all: readonly string[]): readonly string[] {
  const random = seededRandom(7);
  const mixed = [...all];
  for (let index = mixed.length - 1; index > 0; index--) {
    const other = Math.floor(random.next() * (index + 1));
    const [a, b] = [mixed[index], mixed[other]];
    if (a !== undefined && b !== undefined) [mixed[index], mixed[other]] = [b, a];
  }
  return mixed;
}
