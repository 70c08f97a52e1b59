import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readCatalog } from '../../src/backup/catalog.ts';
import { namesOf } from '../../src/backup/names.ts';
import { chooseBackup } from '../../src/backup/restore/choose.ts';
import { Failure } from '../../src/failure.ts';
import { exampleMind } from './mind.ts';
import { backupStage, codeOf } from './stage.ts';

const names = namesOf('demo');

test('a backup lies in all regions, and everything about it is known from the listing', async () => {
  const { take, etcd, stores, clock } = backupStage();
  etcd.write({ a: '1' });
  const taken = await take();
  expect(taken).toMatchObject({ regions: ['cn-a', 'cn-b'], problems: [] });
  expect(taken.manifest.id).toMatch(/^20261124T120000Z-0000000000000002-[0-9a-f]{8}$/);
  const catalog = await readCatalog({ cluster: 'demo', stores, clock });
  expect(catalog.problems).toEqual([]);
  expect(catalog.backups).toMatchObject([{ regions: ['cn-a', 'cn-b'], manifest: taken.manifest }]);
  expect(taken.manifest.etcd).toMatchObject({ clusterId: 'c1', revision: 2, raftTerm: 2, raftIndex: 12 });
});

test('it is taken from a follower, and from the leader only if no follower answers (safety 38)', async () => {
  const { take, etcd } = backupStage();
  await take();
  expect(etcd.asked).toEqual(['snapshot of m1']);
  etcd.down.add('m1').add('m2');
  expect((await take()).manifest.etcd.memberId).toBe('id-m0');
  etcd.down.add('m0');
  expect(await codeOf(take())).toBe('NoHealthyMember');
});

test('safety 56: without a part of what a new body needs none is taken', async () => {
  const { take, stores } = backupStage();
  expect(await codeOf(take({ mind: { ...exampleMind, 'cluster-keys': null } }))).toBe('MindIncomplete');
  expect(await codeOf(take({ mind: { ...exampleMind, 'node-pools': Buffer.alloc(0) } }))).toBe(
    'MindIncomplete',
  );
  expect(stores[0].keys('')).toEqual([]);
});

test('safety 49: an empty snapshot, or one that breaks off, becomes no backup', async () => {
  for (const spoil of ['short', 'broken'] as const) {
    const { take, etcd, stores, clock } = backupStage();
    etcd.spoil = spoil;
    expect(await codeOf(take())).toBe('SnapshotBroken');
    expect((await readCatalog({ cluster: 'demo', stores, clock })).backups).toEqual([]);
  }
});

test('safety 52: what is sealed is what etcd’s adapter has hashed, or it becomes no backup', async () => {
  const { take, etcd, stores, clock } = backupStage();
  etcd.spoil = 'changed';
  expect(await codeOf(take())).toBe('BackupDamaged');
  expect((await readCatalog({ cluster: 'demo', stores, clock })).backups).toEqual([]);
});

test('what a rehearsal will open is not opened before it, and its bytes are compared in every region', async () => {
  const { take, etcd, stores } = backupStage();
  etcd.spoil = 'changed';
  expect((await take({ rehearsed: true })).regions).toEqual(['cn-a', 'cn-b']);
  etcd.spoil = 'not';
  for (const store of stores)
    store.before = (call, key) => {
      if (call === 'read' && key.endsWith('/snapshot'))
        store.change(key, (content) => content.fill(0, 40, 50));
    };
  expect(await codeOf(take({ rehearsed: true }))).toBe('NoRegion');
});

test('safety 52: what is read back otherwise than it was written does not count', async () => {
  const { take, stores } = backupStage();
  const [first] = stores;
  first.before = (call, key) => {
    if (call === 'read' && key.endsWith('/snapshot')) first.change(key, (content) => content.fill(0, 40, 50));
  };
  const taken = await take();
  expect(taken.regions).toEqual(['cn-b']);
  expect(taken.problems).toMatchObject([{ region: 'cn-a', failure: { code: 'BackupDamaged' } }]);
  expect(first.keys(names.manifests)).toEqual([]);
});

test('a region that refuses everything is told of, and the others have it', async () => {
  const { take, stores } = backupStage();
  stores[0].before = () => {
    throw new Failure({ kind: 'rejected', code: 'AccessDenied', message: 'no' });
  };
  expect(await take()).toMatchObject({
    regions: ['cn-b'],
    problems: [{ region: 'cn-a', failure: { code: 'AccessDenied' } }],
  });
  stores[1].before = stores[0].before;
  expect(await codeOf(take())).toBe('NoRegion');
});

test('a crash at any call leaves either no backup or a whole one, and the next one succeeds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(40), async (crashAt) => {
      const { take, etcd, stores, clock, key } = backupStage(crashAt);
      etcd.write({ a: '1' });
      const ended = new AbortController();
      let calls = 0;
      const count = () => {
        calls += 1;
        // Nothing that comes after a crash takes effect.
        if (calls > crashAt) ended.abort(new Error('crashed'));
        if (calls > crashAt) return new Promise<void>(() => {});
        return undefined;
      };
      for (const store of stores) store.before = count;
      await take({ signal: ended.signal }).catch(() => undefined);
      for (const store of stores) store.before = () => {};
      for (const { manifest } of (await readCatalog({ cluster: 'demo', stores, clock })).backups)
        expect(manifest.etcd.revision).toBe(2);
      await take();
      const choice = await chooseBackup({ cluster: 'demo', stores, clock, key });
      expect(choice).toMatchObject({ kind: 'chosen', passedOver: [] });
    }),
    { numRuns: 25 },
  );
});
