import { expect, test } from '@jest/globals';
import { readCatalog } from '../../src/backup/catalog.ts';
import { backupFigures } from '../../src/backup/figures.ts';
import { openManifest } from '../../src/backup/manifest.ts';
import { namesOf } from '../../src/backup/names.ts';
import { restoreCandidates } from '../../src/backup/restore/candidates.ts';
import { chooseBackup } from '../../src/backup/restore/choose.ts';
import { Failure } from '../../src/failure.ts';
import { type BackupStage, backupStage, testKey } from './stage.ts';

const names = namesOf('demo');

/** Three backups, of which the two older ones are verified. */
async function threeBackups() {
  const stage = backupStage();
  const ids: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    stage.etcd.write({ [`k${index}`]: 'v' });
    ids.push((await stage.take()).manifest.id);
    await stage.clock.advance(600_000);
    const [newest] = (await readCatalog({ ...stage, cluster: 'demo' })).backups;
    if (newest && index < 2) await stage.verify(newest);
  }
  const [oldest = '', middle = '', newest = ''] = ids;
  return { ...stage, oldest, middle, newest };
}

const choose = (stage: BackupStage) => chooseBackup({ ...stage, cluster: 'demo' });

test('the newest verified one is chosen, before a newer one that no rehearsal has passed', async () => {
  const stage = await threeBackups();
  const choice = await choose(stage);
  expect(choice).toMatchObject({ kind: 'chosen', region: 'cn-a', passedOver: [] });
  expect(choice.kind === 'chosen' && choice.backup.manifest.id).toBe(stage.middle);
});

const snapshotOf = (id: string) => names.stream(id, 'snapshot');
const spoilings: readonly [string, (stage: BackupStage, id: string) => void][] = [
  ['a bit flipped', ({ stores }, id) => each(stores, (store) => store.change(snapshotOf(id), flip))],
  [
    'truncated',
    ({ stores }, id) =>
      each(stores, (store) => store.change(snapshotOf(id), (content) => content.subarray(0, -20))),
  ],
  [
    'empty (safety 49)',
    ({ stores }, id) => each(stores, (store) => store.change(snapshotOf(id), () => Buffer.alloc(0))),
  ],
  [
    'its mind damaged (safety 56)',
    ({ stores }, id) => each(stores, (store) => store.change(names.stream(id, 'mind'), flip)),
  ],
  ['gone', ({ stores }, id) => each(stores, (store) => store.objects.delete(snapshotOf(id)))],
  [
    'its manifest gone',
    ({ stores }, id) => each(stores, (store) => store.objects.delete(names.manifest(id))),
  ],
  [
    'its manifest damaged',
    ({ stores }, id) => each(stores, (store) => store.change(names.manifest(id), flip)),
  ],
  [
    'its manifest empty',
    ({ stores }, id) => each(stores, (store) => store.change(names.manifest(id), () => Buffer.alloc(0))),
  ],
];
const each = (stores: BackupStage['stores'], spoil: (store: BackupStage['stores'][0]) => void) => {
  for (const store of new Set(stores)) spoil(store);
};
const flip = (content: Buffer) => {
  const at = Math.floor(content.length / 2);
  content[at] = (content[at] ?? 0) ^ 4;
  return content;
};

test.each(spoilings)(
  'the newest verified one is %s: the next best is taken, and said so',
  async (_, spoil) => {
    const stage = await threeBackups();
    spoil(stage, stage.middle);
    const choice = await choose(stage);
    if (choice.kind !== 'chosen') throw new Error(choice.decision);
    expect(choice.backup.manifest.id).toBe(stage.oldest);
    const said = [
      ...choice.passedOver.map(({ id, why }) => `${id} ${why}`),
      ...choice.problems.map(({ about }) => about),
    ];
    // Nothing can say anything of a backup of which not even the name is left.
    if (stage.stores[0].objects.has(names.manifest(stage.middle)))
      expect(said.join()).toContain(stage.middle);
  },
);

test('by a glance: a verified one that is gone, cut off or empty is passed over; the rest is found by whoever fetches it', async () => {
  const stage = await threeBackups();
  const glance = () => chooseBackup({ ...stage, cluster: 'demo', glance: true });
  const chosen = async () => {
    const choice = await glance();
    if (choice.kind !== 'chosen') throw new Error(choice.decision);
    return [choice.backup.manifest.id, choice.region];
  };
  const [near, far] = stage.stores;
  const read: string[] = [];
  near.before = (call, key) => {
    if (call === 'read') read.push(key);
  };
  expect(await chosen()).toEqual([stage.middle, 'cn-a']);
  expect(read).not.toContain(snapshotOf(stage.middle));
  // Only reading tells.
  near.change(snapshotOf(stage.middle), flip);
  expect(await chosen()).toEqual([stage.middle, 'cn-a']);
  near.change(snapshotOf(stage.middle), (content) => content.subarray(0, -20));
  expect(await chosen()).toEqual([stage.middle, 'cn-b']);
  far.change(snapshotOf(stage.middle), () => Buffer.alloc(0));
  const said = (await glance()).problems.map(({ region, about }) => [region, about]);
  expect(said).toEqual(['cn-a', 'cn-b'].map((region) => [region, names.manifest(stage.middle)]));
  expect(await chosen()).toEqual([stage.oldest, 'cn-a']);
  for (const store of [near, far]) store.objects.delete(snapshotOf(stage.oldest));
  // One that no rehearsal has passed is opened all the same.
  expect(await chosen()).toEqual([stage.newest, 'cn-a']);
  each(stage.stores, (store) => store.change(snapshotOf(stage.newest), flip));
  expect(await glance()).toMatchObject({ kind: 'none' });
});

test.each(spoilings)('%s in one region only: the other region has it', async (_, spoil) => {
  const stage = await threeBackups();
  spoil({ ...stage, stores: [stage.stores[0], stage.stores[0]] }, stage.middle);
  const choice = await choose(stage);
  if (choice.kind !== 'chosen') throw new Error(choice.decision);
  expect(choice.backup.manifest.id).toBe(stage.middle);
  expect(choice.region).toBe('cn-b');
});

test('one region gone: the other serves, and it is said', async () => {
  const stage = await threeBackups();
  stage.stores[0].before = () => {
    throw new Failure({ kind: 'retryable', code: 'Unreachable', message: 'no connection' });
  };
  expect(await choose(stage)).toMatchObject({
    kind: 'chosen',
    region: 'cn-b',
    problems: [{ region: 'cn-a' }],
  });
  const catalog = await readCatalog({ ...stage, cluster: 'demo' });
  expect(backupFigures(catalog, null, stage.clock.now())).toMatchObject({
    unreached: ['cn-a'],
    newestVerifiedAgeMs: 1_200_000,
    lossMs: 600_000,
  });
});

test('a verified one that can’t be read, an unverified one that can: the last way out', async () => {
  const stage = await threeBackups();
  for (const id of [stage.oldest, stage.middle])
    each(stage.stores, (store) => store.objects.delete(snapshotOf(id)));
  const choice = await choose(stage);
  expect(choice.kind === 'chosen' && choice.backup.manifest.id).toBe(stage.newest);
  expect(await chooseBackup({ ...stage, cluster: 'demo', verifiedOnly: true })).toMatchObject({
    kind: 'none',
    passedOver: [{ id: stage.newest, why: 'no rehearsal has passed it' }],
  });
});

test('what no rehearsal has opened is opened before it is chosen; of a verified one the stored bytes are compared', async () => {
  const stage = backupStage();
  const { manifest } = await stage.take();
  const [taken] = (await readCatalog({ ...stage, cluster: 'demo' })).backups;
  if (!taken) throw new Error('the backup is in the catalogue');
  const { signRecord } = await import('../../src/backup/signed.ts');
  const dataKey = await openManifest(taken, stage.key);
  // As if it had been sealed wrongly: all that is stored is as it was written, and opens to something else.
  each(stage.stores, (store) =>
    store.change(names.manifest(manifest.id), (content) => {
      const { body } = JSON.parse(content.toString());
      body.streams.snapshot.plainSha256 = '0'.repeat(64);
      return Buffer.from(signRecord(body, dataKey));
    }),
  );
  const before = await choose(stage);
  expect(before).toMatchObject({ kind: 'none' });
  expect(before.passedOver[0]?.why).toContain('SHA-256');
  await stage.verify(taken);
  expect(await choose(stage)).toMatchObject({ kind: 'chosen', region: 'cn-a' });
});

test('with none left it says what a person must decide', async () => {
  const stage = await threeBackups();
  for (const id of [stage.oldest, stage.middle, stage.newest])
    each(stage.stores, (store) => store.change(snapshotOf(id), flip));
  stage.stores[1].before = () => {
    throw new Failure({ kind: 'retryable', code: 'Unreachable', message: 'no connection' });
  };
  const choice = await choose(stage);
  if (choice.kind !== 'none') throw new Error('nothing can be restored');
  expect(choice.decision).toContain('Decide: wait for cn-b');
  for (const id of [stage.oldest, stage.middle, stage.newest]) expect(choice.decision).toContain(id);
});

test('with the wrong key nothing opens, and the key is named', async () => {
  const stage = await threeBackups();
  const choice = await choose({ ...stage, key: testKey(stage.random) });
  if (choice.kind !== 'none') throw new Error('nothing can be restored');
  expect(choice.decision).toContain('the key does not open it');
  expect(choice.decision).toContain('bring back the key');
});

test('a manifest that somebody without the key has changed is refused, though its hash is right', async () => {
  const stage = await threeBackups();
  const { signRecord } = await import('../../src/backup/signed.ts');
  each(stage.stores, (store) =>
    store.change(names.manifest(stage.middle), (content) => {
      const { body } = JSON.parse(content.toString());
      return Buffer.from(signRecord({ ...body, takenAt: body.takenAt + 1 }, Buffer.alloc(32)));
    }),
  );
  const choice = await choose(stage);
  expect(choice.kind === 'chosen' && choice.backup.manifest.id).toBe(stage.oldest);
  expect(choice.passedOver[0]?.why).toContain('changed by somebody who has not its key');
});

test('foreign objects in the folder are told of, and change nothing', async () => {
  const stage = await threeBackups();
  await stage.stores[0].put(`${names.manifests}index.json`, Buffer.from('{}'));
  await stage.stores[0].put(`${names.verifications}x`, Buffer.from('{}'));
  const catalog = await readCatalog({ ...stage, cluster: 'demo' });
  expect(catalog.backups).toHaveLength(3);
  expect(catalog.problems).toMatchObject([{ region: 'cn-a', about: `${names.manifests}index.json` }]);
});

test('safety 57: a backup of a newer etcd or Kubernetes than runs now is not restored into it', async () => {
  const stage = await threeBackups();
  const catalog = await readCatalog({ ...stage, cluster: 'demo' });
  // What runs now is what the newest backup says that ran then.
  const now = (etcd: string, kubernetes: string) => {
    const [newest, ...older] = catalog.backups;
    if (!newest) throw new Error('there are backups');
    const { manifest } = newest;
    const versions = { ...manifest.versions, kubernetes };
    const of = { ...manifest, versions, etcd: { ...manifest.etcd, version: etcd } };
    return restoreCandidates({ ...catalog, backups: [{ ...newest, manifest: of }, ...older] });
  };
  expect(now('3.6.1', 'v1.36.0').candidates).toHaveLength(3);
  expect(now('3.7.0', 'v1.37.0').candidates).toHaveLength(3);
  expect(now('unknown', 'unknown').candidates).toHaveLength(3);
  expect(now('3.5.30', 'v1.36.3').candidates).toHaveLength(1);
  expect(now('3.6.16', 'v1.35.9').passedOver.map(({ why }) => why)).toEqual([
    expect.stringContaining('install v1.36.3 first'),
    expect.stringContaining('install v1.36.3 first'),
  ]);
});

test('a time can be asked for: what is newer is passed over', async () => {
  const stage = await threeBackups();
  const catalog = await readCatalog({ ...stage, cluster: 'demo' });
  const until = catalog.backups[2]?.manifest.takenAt;
  expect(restoreCandidates(catalog, { until }).candidates.map(({ manifest }) => manifest.id)).toEqual([
    stage.oldest,
  ]);
});

test('a clock that went back does not make the newest one old: the revision decides', async () => {
  const stage = await threeBackups();
  stage.clock.jump(-86_400_000);
  stage.etcd.write({ late: '1' });
  const { manifest } = await stage.take();
  const [newest] = (await readCatalog({ ...stage, cluster: 'demo' })).backups;
  expect(newest?.manifest.id).toBe(manifest.id);
});
