import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { readCatalog } from '../../src/backup/catalog.ts';
import { open } from '../../src/backup/format/open.ts';
import { openManifest } from '../../src/backup/manifest.ts';
import { namesOf } from '../../src/backup/names.ts';
import { issueTicket, removeTickets, type Ticket } from '../../src/backup/restore/ticket.ts';
import { restoreSnapshot } from '../../src/bootstrap/etcd-commands.ts';
import { Failure } from '../../src/failure.ts';
import { type MemoryStore, memoryStore } from './memory-store.ts';
import { backupStage, codeOf, testKey } from './stage.ts';

const folder = 'clusters/demo/bootstrap/control-plane/restore-';
const name = `${folder}a1.ticket`;
const snapshot = (id: string) => namesOf('demo').stream(id, 'snapshot');

/** A verified backup, and the cluster's own bucket in `region`. */
async function oneBackup(region: string) {
  const stage = backupStage();
  stage.etcd.write({ secret: 'of the cluster' });
  await stage.take();
  const [backup] = (await readCatalog({ ...stage, cluster: 'demo' })).backups;
  if (!backup) throw new Error('the backup is in the catalogue');
  await stage.verify(backup);
  const store = stage.stores[0];
  const to = memoryStore(region, stage.clock);
  const options = {
    backup,
    key: stage.key,
    from: { store, endpoint: 'http://backups' },
    to: { store: to, endpoint: 'http://own' },
    folder,
    attempt: 'a1',
  };
  return { stage, backup, store, to, options };
}

function ticketIn(store: MemoryStore): Ticket {
  return JSON.parse(String(store.objects.get(name)?.content));
}

/** What a master does with a ticket: internal/oss/ticket.go. */
async function opened(ticket: Ticket, sha256: string, stores: readonly MemoryStore[]) {
  const found = stores.find(({ bucket }) => bucket === ticket.bucket)?.objects.get(ticket.key);
  const stored = found?.content ?? Buffer.alloc(0);
  const stream = {
    key: Buffer.from(ticket.streamKey, 'hex'),
    context: Buffer.from(ticket.context),
    name: 'snapshot',
  };
  const plain = await buffer(
    open(
      (async function* () {
        yield stored;
      })(),
      stream,
    ),
  );
  const sealed = createHash('sha256').update(stored).digest('hex');
  if (plain.length !== ticket.plainBytes || stored.length !== ticket.storedBytes || sealed !== sha256)
    throw new Failure({ kind: 'rejected', code: 'BackupDamaged', message: 'it is not what was sealed' });
  return plain;
}

test.each([
  ['cn-a', 'in the region of the copy it names that'],
  ['oss-cn-a', 'in the same region by its other name, too'],
])('a ticket opens what etcd gave: %s, %s, and nothing else lies there', async (region) => {
  const { backup, store, to, options } = await oneBackup(region);
  const { sha256 } = await issueTicket(options);
  const ticket = ticketIn(to);
  expect(ticket).toMatchObject({ region: 'cn-a', bucket: store.bucket, endpoint: 'http://backups' });
  expect(ticket.query).toContain('signed=');
  expect([...to.objects.keys()]).toEqual([name]);
  const plain = await opened(ticket, sha256, [store, to]);
  expect(createHash('sha256').update(plain).digest('hex')).toBe(backup.manifest.streams.snapshot.plainSha256);
});

test('of a copy in another region the sealed bytes are brought, and nothing in the clear', async () => {
  const { backup, store, to, options } = await oneBackup('cn-z');
  const { sha256, withdraw } = await issueTicket(options);
  const ticket = ticketIn(to);
  expect(ticket).toMatchObject({ region: 'cn-z', bucket: to.bucket, endpoint: 'http://own' });
  const original = store.objects.get(snapshot(backup.manifest.id))?.content;
  expect(to.objects.get(ticket.key)?.content.equals(original ?? Buffer.alloc(0))).toBe(true);
  const plain = await opened(ticket, sha256, [store, to]);
  expect(createHash('sha256').update(plain).digest('hex')).toBe(backup.manifest.streams.snapshot.plainSha256);
  await withdraw();
  expect(to.objects.size).toBe(0);
});

test('it opens this snapshot alone: neither the data key nor the key of anything else is in it', async () => {
  const { stage, backup, to, options } = await oneBackup('cn-a');
  await issueTicket(options);
  const dataKey = await openManifest(backup, stage.key);
  const text = JSON.stringify(ticketIn(to));
  expect(text).not.toContain(dataKey.toString('hex'));
  expect(ticketIn(to).context).toBe(`wdrip backup 1/backup ${backup.manifest.id} of demo/snapshot`);
});

test('nothing of what opens it is in the script, which is the same however often a ticket is issued', async () => {
  const { stage, to, options } = await oneBackup('cn-a');
  const script = async () => {
    const { sha256 } = await issueTicket(options);
    return restoreSnapshot('a1', {
      object: { region: 'cn-a', bucket: to.bucket, endpoint: '', key: name, sha256 },
      token: 'demo-a1',
      bumpRevision: 1,
    });
  };
  const first = await script();
  const { streamKey, query } = ticketIn(to);
  for (const secret of [streamKey, query]) expect(first).not.toContain(secret);
  await stage.clock.advance(60_000);
  expect(await script()).toBe(first);
});

const spoilings: readonly [string, (content: Buffer) => Buffer][] = [
  ['a bit of it flipped', (content) => content.fill((content[40] ?? 0) ^ 4, 40, 41)],
  ['cut off', (content) => content.subarray(0, -20)],
  ['empty', () => Buffer.alloc(0)],
  ['with more behind it', (content) => Buffer.concat([content, Buffer.from('more')])],
];

test.each(spoilings)(
  'safety 49, 52: of a snapshot that is %s nothing is brought from afar',
  async (_, spoil) => {
    const { backup, store, to, options } = await oneBackup('cn-z');
    store.change(snapshot(backup.manifest.id), spoil);
    expect(await codeOf(issueTicket(options))).toBe('BackupDamaged');
    expect(to.objects.size).toBe(0);
  },
);

test.each(spoilings)('safety 49, 52: a snapshot that is %s is not opened by its ticket', async (_, spoil) => {
  const { backup, store, to, options } = await oneBackup('cn-a');
  store.change(snapshot(backup.manifest.id), spoil);
  const { sha256 } = await issueTicket(options);
  expect(await codeOf(opened(ticketIn(to), sha256, [store, to]))).toBe('BackupDamaged');
});

test('with another key there is no ticket', async () => {
  const { stage, to, options } = await oneBackup('cn-a');
  expect(await codeOf(issueTicket({ ...options, key: testKey(stage.random) }))).toBe('WrongKey');
  expect(to.objects.size).toBe(0);
});

test.each(['cn-a', 'cn-z'])('what can’t be finished leaves nothing behind: %s', async (region) => {
  const { to, options } = await oneBackup(region);
  to.before = (call) => {
    if (call === 'put') throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer' });
  };
  expect(await codeOf(issueTicket(options))).toBe('NoAnswer');
  expect(to.objects.size).toBe(0);
});

test('a ticket of which one half can’t be taken away loses the other, and says so', async () => {
  const { to, options } = await oneBackup('cn-z');
  const { withdraw } = await issueTicket(options);
  to.before = (call, key) => {
    if (call === 'delete' && key !== name)
      throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer' });
  };
  expect(await codeOf(withdraw())).toBe('NoAnswer');
  expect(to.objects.has(name)).toBe(false);
});

test('tickets of restores that never ended are taken away by the next, and nothing else', async () => {
  const { to, options } = await oneBackup('cn-hangzhou');
  const bundle = 'clusters/demo/bootstrap/control-plane/bundle.json';
  for (const key of [`${folder}a0.ticket`, `${folder}a0.ticket.sealed`, bundle])
    await to.put(key, Buffer.from('old'));
  await issueTicket(options);
  expect([...to.objects.keys()].sort()).toEqual([bundle, name, `${name}.sealed`]);
});

test('with no restore at work all of them are, and nothing else', async () => {
  const { to } = await oneBackup('cn-hangzhou');
  const bundle = 'clusters/demo/bootstrap/control-plane/bundle.json';
  for (const key of [`${folder}a0.ticket`, `${folder}a0.ticket.sealed`, bundle])
    await to.put(key, Buffer.from('old'));
  await removeTickets(to, folder);
  expect([...to.objects.keys()]).toEqual([bundle]);
});

test('a list that fails does not hold a restore up', async () => {
  const { to, options } = await oneBackup('cn-hangzhou');
  to.list = async () => {
    throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer came' });
  };
  await expect(issueTicket(options)).resolves.toMatchObject({ key: name });
});
