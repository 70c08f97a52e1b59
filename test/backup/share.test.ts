import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { readCatalog } from '../../src/backup/catalog.ts';
import { decompress } from '../../src/backup/format/zstd.ts';
import { namesOf } from '../../src/backup/names.ts';
import { shareSnapshot } from '../../src/backup/restore/share.ts';
import { memoryStore } from './memory-store.ts';
import { backupStage, codeOf, testKey } from './stage.ts';

const snapshot = (id: string) => namesOf('demo').stream(id, 'snapshot');

async function oneBackup() {
  const stage = backupStage();
  stage.etcd.write({ secret: 'of the cluster' });
  await stage.take();
  const [backup] = (await readCatalog({ ...stage, cluster: 'demo' })).backups;
  if (!backup) throw new Error('the backup is in the catalogue');
  const from = { backup, store: stage.stores[0], key: stage.key };
  return { stage, from, to: memoryStore('cn-a', stage.clock) };
}

test('a master gets frames of zstd, and the hash of what etcd gave', async () => {
  const { from, to } = await oneBackup();
  const sha256 = await shareSnapshot(from, to, 'shared');
  const content = await decompress(to.objects.get('shared')?.content ?? Buffer.alloc(0));
  expect(content.length).toBe(from.backup.manifest.streams.snapshot.plainBytes);
  expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
});

test.each([
  ['a bit of it flipped', (content: Buffer) => content.fill((content[40] ?? 0) ^ 4, 40, 41)],
  ['cut off', (content: Buffer) => content.subarray(0, -20)],
  ['empty', () => Buffer.alloc(0)],
  ['with more behind it', (content: Buffer) => Buffer.concat([content, Buffer.from('more')])],
])('safety 49, 52: of a snapshot that is %s nothing is shared', async (_, spoil) => {
  const { from, to } = await oneBackup();
  from.store.change(snapshot(from.backup.manifest.id), spoil);
  expect(await codeOf(shareSnapshot(from, to, 'shared'))).toBe('BackupDamaged');
  expect(to.objects.size).toBe(0);
});

test('with another key nothing is shared', async () => {
  const { stage, from, to } = await oneBackup();
  expect(await codeOf(shareSnapshot({ ...from, key: testKey(stage.random) }, to, 'shared'))).toBe('WrongKey');
  expect(to.objects.size).toBe(0);
});
