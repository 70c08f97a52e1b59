import { expect, test } from '@jest/globals';
import type { ChangeLog, ShipOptions, ShippedSegment } from '../../src/backup/change-log/ship.ts';
import { Failure } from '../../src/failure.ts';
import './instant-zstd.ts';

const { shipChangeLog } = await import('../../src/backup/change-log/ship.ts');
const { readLog } = await import('../../src/backup/change-log/read.ts');
const { backupStage, passing } = await import('./stage.ts');
const { namesOf } = await import('../../src/backup/names.ts');
const { microtasksDone } = await import('../../src/runtime/clock.ts');

type Stage = ReturnType<typeof backupStage>;

interface Running extends ChangeLog {
  readonly shipped: ShippedSegment[];
  stop(): Promise<unknown>;
}

function ship(stage: Stage, changes: Partial<ShipOptions> = {}): Running {
  const stop = new AbortController();
  const shipped: ShippedSegment[] = [];
  const log = shipChangeLog({
    cluster: 'demo',
    history: 'c1',
    etcd: stage.etcd,
    endpoints: () => ['m1', 'm2'],
    stores: stage.stores,
    key: stage.key,
    after: 1,
    clock: stage.clock,
    random: stage.random,
    signal: stop.signal,
    onShipped: (segment) => shipped.push(segment),
    ...changes,
  });
  return {
    ...log,
    shipped,
    stop: () => {
      stop.abort();
      return passing(stage.clock, log.ended);
    },
  };
}

/** So much virtual time, with everything settled in between. */
async function pass(stage: Stage, ms: number): Promise<void> {
  await stage.clock.advance(ms, async () => {
    for (let turn = 0; turn < 8; turn += 1) await microtasksDone();
  });
}

async function stored(stage: Stage, after = 1): Promise<readonly number[]> {
  const found: number[] = [];
  for await (const { revisions } of readLog(
    { cluster: 'demo', history: 'c1', stores: stage.stores, key: stage.key, after },
    [],
  ))
    found.push(...revisions.map(({ revision }) => revision));
  return found;
}

const write = (stage: Stage, count: number) => {
  for (let index = 0; index < count; index += 1) stage.etcd.write({ [`k${index}`]: stage.random.hex(4) });
};
const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('what changes is in all regions within two seconds, and a quiet cluster costs nothing', async () => {
  const stage = backupStage();
  const log = ship(stage);
  await pass(stage, 10);
  write(stage, 25);
  await pass(stage, 1_500);
  expect(await stored(stage)).toEqual(range(2, 26));
  expect(log.figures()).toMatchObject({ revision: 26, lagMs: 0, connected: true, failure: null });
  expect(Math.max(...log.shipped.map(({ lagMs }) => lagMs))).toBeLessThan(2_000);
  const objects = stage.stores[0].keys('').length;
  await pass(stage, 60_000);
  expect(stage.stores[0].keys('')).toHaveLength(objects);
  expect(stage.stores[1].keys('')).toHaveLength(objects);
  expect(await log.stop()).toEqual({ kind: 'stopped' });
});

test('safety 51: after a crash at any moment it goes on where the stored log ends, without a gap', async () => {
  const stage = backupStage();
  for (let life = 0; life < 6; life += 1) {
    const log = ship(stage);
    for (let round = 0; round < 3; round += 1) {
      write(stage, 4);
      await pass(stage, 700 + life * 130);
    }
    await log.stop();
    write(stage, 2);
  }
  const last = ship(stage);
  await pass(stage, 3_000);
  await last.stop();
  expect(await stored(stage)).toEqual(range(2, 85));
});

test('safety 51: two at the same time: the log has every revision, whichever is followed', async () => {
  const stage = backupStage();
  const logs = [ship(stage), ship(stage, { endpoints: () => ['m2'] })];
  for (let round = 0; round < 5; round += 1) {
    write(stage, 3);
    await pass(stage, 900);
  }
  for (const log of logs) await log.stop();
  expect(await stored(stage)).toEqual(range(2, 16));
});

test('a connection that breaks, or a member that goes away, is made up for by the next member', async () => {
  const stage = backupStage();
  const log = ship(stage);
  await pass(stage, 10);
  write(stage, 3);
  stage.etcd.breakWatches();
  stage.etcd.down.add('m1');
  await pass(stage, 500);
  expect(log.figures()).toMatchObject({ connected: false, failure: { code: 'NoAnswer' } });
  write(stage, 3);
  await pass(stage, 4_000);
  expect(log.figures()).toMatchObject({ connected: true, lagMs: 0 });
  expect(stage.etcd.asked.some((each) => each.startsWith('watch of m2'))).toBe(true);
  await log.stop();
  expect(await stored(stage)).toEqual(range(2, 7));
});

test('members that have taken the place of those it began with are followed; without any it waits', async () => {
  const stage = backupStage();
  let members: readonly string[] = ['m0'];
  const log = ship(stage, { endpoints: () => members });
  await pass(stage, 10);
  write(stage, 3);
  await pass(stage, 1_500);
  members = [];
  stage.etcd.down.add('m0');
  stage.etcd.breakWatches();
  await pass(stage, 4_000);
  expect(log.figures()).toMatchObject({ connected: false, failure: { code: 'NoHealthyMember' } });
  members = ['m1', 'm2'];
  write(stage, 3);
  await pass(stage, 4_000);
  expect(log.figures()).toMatchObject({ connected: true, lagMs: 0 });
  await log.stop();
  expect(await stored(stage)).toEqual(range(2, 7));
});

test('a dead region does not hold the others back; it is told of, and caught up with', async () => {
  const stage = backupStage();
  const [first] = stage.stores;
  first.before = () => {
    throw new Failure({ kind: 'retryable', code: 'Unreachable', message: 'no' });
  };
  const log = ship(stage);
  await pass(stage, 10);
  write(stage, 3);
  await pass(stage, 1_500);
  expect(log.figures()).toMatchObject({
    lagMs: 0,
    regions: [
      { region: 'cn-a', revision: 0, failure: { code: 'Unreachable' } },
      { region: 'cn-b', revision: 4 },
    ],
  });
  first.before = () => {};
  await pass(stage, 12_000);
  expect(log.figures().regions).toMatchObject([{ revision: 4, waiting: 0, failure: null }, {}]);
  await log.stop();
});

test('when no region takes anything it says how far behind it is, and at last that a backup is needed', async () => {
  const stage = backupStage();
  for (const store of stage.stores)
    store.before = (call) => {
      if (call === 'put') throw new Failure({ kind: 'retryable', code: 'Unreachable', message: 'no' });
    };
  const log = ship(stage);
  await pass(stage, 10);
  write(stage, 3);
  await pass(stage, 60_000);
  expect(log.figures().lagMs).toBeGreaterThan(59_000);
  expect(await passing(stage.clock, log.ended)).toMatchObject({ kind: 'behind' });
});

test('etcd has forgotten what comes next: it ends, and says so', async () => {
  const stage = backupStage();
  const first = ship(stage);
  write(stage, 5);
  await pass(stage, 2_000);
  await first.stop();
  write(stage, 20);
  stage.etcd.compactTo(20);
  expect(await passing(stage.clock, ship(stage).ended)).toEqual({ kind: 'compacted', compactRevision: 20 });
  // With a backup from after that, the log begins anew behind it.
  const again = ship(stage, { after: 24 });
  write(stage, 2);
  await pass(stage, 4_000);
  await again.stop();
  expect(await stored(stage, 24)).toEqual(range(25, 28));
});

test('an etcd with another history under the same name is not taken for the old one', async () => {
  const stage = backupStage();
  const first = ship(stage);
  write(stage, 5);
  await pass(stage, 2_000);
  await first.stop();
  const other = backupStage(2);
  write(other, 9);
  expect(await passing(stage.clock, ship(stage, { etcd: other.etcd }).ended)).toEqual({
    kind: 'otherHistory',
    revision: 6,
  });
  const shorter = backupStage(3);
  write(shorter, 2);
  expect(await passing(stage.clock, ship(stage, { etcd: shorter.etcd }).ended)).toMatchObject({
    kind: 'otherHistory',
  });
});

test('nothing of a key or a value can be read in what is stored', async () => {
  const stage = backupStage();
  const log = ship(stage);
  await pass(stage, 10);
  stage.etcd.write({ '/registry/secrets/default/token': 'the value' });
  await pass(stage, 1_500);
  await log.stop();
  const keys = stage.stores[0].keys(namesOf('demo').log);
  expect(keys).toHaveLength(1);
  const content = stage.stores[0].objects.get(keys[0] ?? '')?.content ?? Buffer.alloc(0);
  // Here zstd is only a copy, so that it is the encryption alone that hides it.
  for (const secret of ['registry', 'the value']) expect(content.includes(secret)).toBe(false);
});
