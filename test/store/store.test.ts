import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import type { Store, StoreEntry } from '../../src/runtime/types.ts';
import { openLmdbStore } from '../../src/store/lmdb.ts';
import { createMemoryStore } from '../../src/store/memory.ts';

const folder = await mkdtemp(join(tmpdir(), 'wdrip-store-'));
afterAll(() => rm(folder, { recursive: true }));
let stores = 0;

async function all(store: Store, prefix: string): Promise<StoreEntry[]> {
  const found: StoreEntry[] = [];
  for await (const entry of store.entries(prefix)) found.push(entry);
  return found;
}

describe.each<[string, () => Promise<Store>]>([
  ['memory', async () => createMemoryStore()],
  ['lmdb', () => openLmdbStore(join(folder, `${stores++}`))],
])('the store in %s', (_name, make) => {
  test('gives back what was committed', async () => {
    const store = await make();
    const value = { text: 'ü€😀', list: [1, null, true], nested: { a: {} } };
    await store.commit([{ key: 'a', value }]);
    expect(await store.get('a')).toEqual({ key: 'a', value });
    expect(await store.get('b')).toBeUndefined();
    await store.commit([{ key: 'a', value: 2 }]);
    await store.commit([
      { key: 'b', value: null },
      { key: 'a', remove: true },
      { key: 'no such', remove: true },
    ]);
    expect([await store.get('a'), await store.get('b')]).toEqual([undefined, { key: 'b', value: null }]);
    await store.close();
  });

  test('the last write of a batch counts, and an empty batch is none', async () => {
    const store = await make();
    await store.commit([]);
    await store.commit([
      { key: 'a', value: 1 },
      { key: 'a', value: 2 },
      { key: 'b', value: 1 },
      { key: 'b', remove: true },
    ]);
    expect(await all(store, '')).toEqual([{ key: 'a', value: 2 }]);
    await store.close();
  });

  test('entries come by prefix, in the order of their bytes', async () => {
    const store = await make();
    const keys = ['actor/b', 'actor/a', 'actor/é', 'actor/', 'actor/a/1', 'actoz', 'acto', 'actor/Z'];
    await store.commit(keys.map((key, value) => ({ key, value })));
    expect((await all(store, 'actor/')).map(({ key }) => key)).toEqual([
      'actor/',
      'actor/Z',
      'actor/a',
      'actor/a/1',
      'actor/b',
      'actor/é',
    ]);
    await store.close();
  });

  test('a long value and many of them', async () => {
    const store = await make();
    const long = 'x'.repeat(200_000);
    await store.commit(
      Array.from({ length: 3_000 }, (_, n) => ({ key: `k${n}`, value: n === 7 ? long : n })),
    );
    expect(await store.get('k7')).toEqual({ key: 'k7', value: long });
    expect(await all(store, 'k')).toHaveLength(3_000);
    await store.close();
  });

  test('a value that is no JSON fails the whole batch', async () => {
    const store = await make();
    const round: Record<string, never> & { self?: unknown } = {};
    round.self = round;
    await expect(
      store.commit([
        { key: 'a', value: 1 },
        { key: 'b', value: round },
      ]),
    ).rejects.toThrow(/circular/);
    expect(await all(store, '')).toEqual([]);
    await store.close();
  });
});

test('an lmdb store outlives its process’s use of it', async () => {
  const path = join(folder, 'again');
  for (let opening = 0; opening < 3; opening++) {
    const store = await openLmdbStore(path);
    expect(store.setAside).toBeNull();
    expect(await all(store, 'k')).toHaveLength(opening);
    await store.commit([{ key: `k${opening}`, value: { opening } }]);
    await store.close();
  }
});
