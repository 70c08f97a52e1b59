import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { seededRandom } from '../../src/runtime/random.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';

const folder = await mkdtemp(join(tmpdir(), 'wdrip-broken-'));
afterAll(() => rm(folder, { recursive: true }));

const RECORDS = 300;
const page = 4_096;
const master = join(folder, 'master');
const original = await fill(master);

/** A store with a few levels, long values, and freed pages. */
async function fill(path: string): Promise<Buffer> {
  let store = await openLmdbStore(path);
  for (let round = 0; round < 4; round++) {
    // When it is opened again, all that was in its log is settled.
    if (round === 2) store = await store.close().then(() => openLmdbStore(path));
    const batch = Array.from({ length: RECORDS }, (_, n) => ({
      key: `actor/node/${n}`,
      value: { round, n, text: 'x'.repeat(n % 50 === 0 ? 9_000 : 300) },
    }));
    await store.commit(batch);
  }
  await store.close();
  // Without the room at its end, which holds nothing that could be damaged.
  const file = join(path, 'data.mdb');
  const bytes = readFileSync(file);
  truncateSync(file, page * Math.ceil((1 + bytes.findLastIndex((byte) => byte !== 0)) / page));
  return readFileSync(file);
}

let copies = 0;
/** A copy of the store whose file is changed. */
function damaged(change: (file: string) => void): { readonly path: string; readonly file: string } {
  const path = join(folder, `copy${copies++}`);
  mkdirSync(path);
  for (const name of readdirSync(master)) cpSync(join(master, name), join(path, name));
  const file = join(path, 'data.mdb');
  change(file);
  return { path, file };
}

/** What is left of the records. */
async function readAll(path: string) {
  const store = await openLmdbStore(path);
  const found = { sound: 0, damaged: 0 };
  for await (const entry of store.entries('')) {
    if ('damaged' in entry) found.damaged += 1;
    else {
      expect(entry.value).toMatchObject({ round: 3 });
      found.sound += 1;
    }
  }
  await store.commit([{ key: 'after', value: 1 }]);
  await store.close();
  return found;
}

test('a sound file is not found broken', async () => {
  const { path } = damaged(() => {});
  expect(await readAll(path)).toEqual({ sound: RECORDS, damaged: 0 });
});

test('a value whose bytes were changed is reported under its key, with what stood there, and the others are sound', async () => {
  const { path } = damaged((file) => {
    const bytes = Buffer.from(original);
    // The newest round's text of one record: it stands in the file once for each round that is not overwritten yet.
    for (let at = bytes.indexOf('"round":3,"n":7,'); at >= 0; at = bytes.indexOf('"round":3,"n":7,', at + 1))
      bytes[at + 9] = 0x39;
    writeFileSync(file, bytes);
  });
  const store = await openLmdbStore(path);
  const entry = await store.get('actor/node/7');
  expect(entry).toMatchObject({ key: 'actor/node/7', damaged: expect.stringMatching(/checksum/) });
  if (!entry || !('bytes' in entry)) throw new Error('the bytes are not given');
  expect(Buffer.from(entry.bytes, 'base64').toString()).toContain('"n":7,');
  expect(await store.get('actor/node/8')).toMatchObject({ value: { round: 3 } });
  await store.close();
});

test.each<[string, (file: string) => void, RegExp]>([
  [
    'cut short',
    (file) => truncateSync(file, original.length / 2),
    /outside of the file|ends in the middle|damaged/,
  ],
  ['cut to its headers', (file) => truncateSync(file, 2 * page), /outside of the file/],
  ['cut to less', (file) => truncateSync(file, 1_000), /ends in the middle|header/],
  ['emptied', (file) => truncateSync(file, 0), /its content is gone/],
  ['deleted', (file) => rmSync(file), /its content is gone/],
  ['overwritten', (file) => writeFileSync(file, Buffer.alloc(original.length, 'text')), /not a database/],
  ['zeroed', (file) => writeFileSync(file, Buffer.alloc(original.length)), /not a database/],
])(
  'a file that was %s is refused with what to do, and set aside if that is wanted',
  async (_name, change, why) => {
    const { path, file } = damaged(change);
    const bytes = existsSync(file) ? readFileSync(file) : null;
    await expect(openLmdbStore(path)).rejects.toMatchObject({
      code: 'StoreBroken',
      message: expect.stringMatching(why),
    });
    const store = await openLmdbStore(path, { setAsideBroken: true });
    expect(store.setAside).toMatchObject({
      why: expect.stringMatching(why),
      movedTo: bytes && `${file}.broken-1`,
    });
    if (bytes) expect(readFileSync(`${file}.broken-1`).equals(bytes)).toBe(true);
    await store.commit([{ key: 'a', value: 1 }]);
    await store.close();
    expect(await openLmdbStore(path).then((again) => again.close().then(() => again.setAside))).toBeNull();
  },
);

test('whatever bytes are flipped, the process lives: the file is refused, or its values are sound or reported', async () => {
  const random = seededRandom(11);
  const outcomes = { refused: 0, reported: 0, untouched: 0 };
  for (let round = 0; round < 100; round++) {
    const { path } = damaged((file) => {
      const bytes = Buffer.from(original);
      for (let flips = 0; flips < 1 + (round % 5); flips++) {
        // Half of them into the headers of pages, where they hurt most.
        const anywhere = Math.floor(random.next() * bytes.length);
        const at =
          random.next() < 0.5 ? anywhere : anywhere - (anywhere % page) + Math.floor(random.next() * 40);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
      }
      writeFileSync(file, bytes);
    });
    try {
      const { sound, damaged: reported } = await readAll(path);
      if (reported > 0 || sound < RECORDS) outcomes.reported += 1;
      else outcomes.untouched += 1;
    } catch (caught) {
      expect(caught).toMatchObject({ code: expect.stringMatching(/^Store(Broken|Unreadable|Failed)$/) });
      outcomes.refused += 1;
    }
    rmSync(path, { recursive: true });
  }
  expect(outcomes.refused).toBeGreaterThan(15);
  expect(outcomes.reported).toBeGreaterThan(5);
}, 30_000);

test('a store that can not be read or made says so', async () => {
  const file = join(folder, 'a file');
  writeFileSync(file, 'x');
  await expect(openLmdbStore(join(file, 'store'))).rejects.toMatchObject({ code: 'StoreUnreadable' });
});

test('a second use of a store is refused, with the process that has it', async () => {
  const path = join(folder, 'shared');
  const store = await openLmdbStore(path);
  await expect(openLmdbStore(path)).rejects.toMatchObject({
    code: 'StoreInUse',
    message: expect.stringContaining(`process ${process.pid}`),
  });
  await store.close();
  await (await openLmdbStore(path)).close();
});
