import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readCatalog } from '../../src/backup/catalog.ts';
import { namesOf } from '../../src/backup/names.ts';
import { type Pruned, pruneRegion } from '../../src/backup/prune.ts';
import { chooseBackup } from '../../src/backup/restore/choose.ts';
import { defaultRetention } from '../../src/backup/retention.ts';
import { Failure } from '../../src/failure.ts';
import { type BackupStage, backupStage } from './stage.ts';

const names = namesOf('demo');
const policy = { ...defaultRetention, newest: 2, hourly: 0, daily: 0, minimumAgeMs: 0 };
const hour = 3_600_000;

/** So many backups, ten minutes apart, all verified but those of the given numbers. */
async function backups(
  stage: BackupStage,
  count: number,
  unverified: readonly number[] = [],
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) {
    stage.etcd.write({ [`k${index}`]: 'v' });
    ids.push((await stage.take()).manifest.id);
    const [newest] = (await readCatalog({ ...stage, cluster: 'demo' })).backups;
    if (newest && !unverified.includes(index)) await stage.verify(newest);
    await stage.clock.advance(600_000);
  }
  return ids;
}

const prune = async (
  stage: BackupStage,
  changes: Partial<typeof policy> = {},
): Promise<readonly Pruned[]> => {
  const runs: Pruned[] = [];
  for (const store of stage.stores)
    runs.push(
      await pruneRegion(store, { cluster: 'demo', policy: { ...policy, ...changes }, clock: stage.clock }),
    );
  return runs;
};
const idsIn = async (stage: BackupStage) =>
  (await readCatalog({ ...stage, cluster: 'demo' })).backups.map(({ manifest }) => manifest.id);

test('safety 50: what the policy does not keep goes, in every region, with all that belonged to it', async () => {
  const stage = backupStage();
  const ids = await backups(stage, 5);
  expect((await prune(stage)).map((run) => run.backups)).toEqual([
    ids.slice(0, 3).reverse(),
    ids.slice(0, 3).reverse(),
  ]);
  expect(await idsIn(stage)).toEqual(ids.slice(3).reverse());
  for (const store of stage.stores) expect(store.keys(names.data)).toHaveLength(4);
});

test('safety 50: each region keeps the newest verified one that it has itself', async () => {
  const stage = backupStage();
  const [first = ''] = await backups(stage, 1);
  stage.stores[0].before = (call) => {
    if (call === 'upload') throw new Failure({ kind: 'rejected', code: 'AccessDenied', message: 'no' });
  };
  const later = await backups(stage, 3);
  stage.stores[0].before = () => {};
  await prune(stage);
  expect(stage.stores[0].keys(names.manifests)).toEqual([names.manifest(first)]);
  expect(stage.stores[1].keys(names.manifests)).toEqual(later.slice(1).map(names.manifest));
});

test('a crash at any moment of it leaves no backup without its streams, and always one that can be restored', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(30), async (crashAt) => {
      const stage = backupStage(crashAt);
      await backups(stage, 4);
      let calls = 0;
      for (const store of stage.stores)
        store.before = (call) => {
          if (call === 'delete') calls += 1;
          if (calls > crashAt) throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'crashed' });
        };
      await prune(stage);
      for (const store of stage.stores) store.before = () => {};
      const catalog = await readCatalog({ ...stage, cluster: 'demo' });
      expect(catalog.problems).toEqual([]);
      expect((await chooseBackup({ ...stage, cluster: 'demo' })).kind).toBe('chosen');
      await prune(stage);
      expect(await idsIn(stage)).toHaveLength(2);
    }),
    { numRuns: 15 },
  );
});

test('nothing goes when the list can’t be read, and no backup whose manifest can’t', async () => {
  const stage = backupStage();
  const [first = ''] = await backups(stage, 4);
  stage.stores[0].before = () => {
    throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer' });
  };
  stage.stores[1].change(names.manifest(first), (content) => content.subarray(9));
  const [a, b] = await prune(stage);
  expect(a).toMatchObject({ backups: [], segments: 0, abandoned: 0, problems: [{ region: 'cn-a' }] });
  expect(b?.problems).toMatchObject([{ about: names.manifest(first) }]);
  expect(stage.stores[1].keys(`${names.data}${first}/`)).toHaveLength(2);
});

test('what a failed attempt left goes after a day, and not before: it may be under way', async () => {
  const stage = backupStage();
  stage.stores[0].before = (call, key) => {
    if (call === 'put' && key.startsWith(names.manifests))
      throw new Failure({ kind: 'rejected', code: 'AccessDenied', message: 'no' });
  };
  await stage.take();
  stage.stores[0].before = () => {};
  expect(stage.stores[0].keys(names.data)).toHaveLength(2);
  await prune(stage);
  expect(stage.stores[0].keys(names.data)).toHaveLength(2);
  await stage.clock.advance(25 * hour);
  await prune(stage);
  expect(stage.stores[0].keys(names.data)).toEqual([]);
  expect(stage.stores[1].keys(names.data)).toHaveLength(2);
});

test('segments of the change log from before the oldest kept backup go, and old ones that a newer backup holds', async () => {
  const stage = backupStage();
  await backups(stage, 4);
  const oldestKept =
    (await readCatalog({ ...stage, cluster: 'demo' })).backups[1]?.manifest.etcd.revision ?? 0;
  const segment = (first: number, last: number) =>
    `${names.log}c1/${String(first).padStart(16, '0')}-${String(last).padStart(16, '0')}-begin-${'0'.repeat(16)}`;
  const keys = [
    segment(1, oldestKept - 1),
    segment(oldestKept, oldestKept),
    segment(oldestKept, oldestKept + 1),
    segment(oldestKept + 1, oldestKept + 1),
    segment(oldestKept + 2, 100),
  ];
  for (const key of keys) await stage.stores[0].put(key, Buffer.from('x'));
  await prune(stage);
  expect(stage.stores[0].keys(names.log)).toEqual(keys.slice(2).sort());
  await stage.clock.advance(7 * hour);
  await prune(stage);
  // The last one is all there is of what it holds.
  expect(stage.stores[0].keys(names.log)).toEqual(keys.slice(4));
});

test('a bucket whose retention policy holds an object is told of', async () => {
  const stage = backupStage();
  await backups(stage, 4);
  stage.stores[0].before = (call) => {
    if (call === 'delete') throw new Failure({ kind: 'rejected', code: 'FileImmutable', message: 'held' });
  };
  const [a] = await prune(stage);
  expect(a?.backups).toEqual([]);
  expect(a?.problems.map(({ failure }) => failure.code)).toEqual(['FileImmutable', 'FileImmutable']);
  expect(await idsIn(stage)).toHaveLength(4);
});
