import { expect, test } from '@jest/globals';
import { crc64Of } from '../../../src/backup/objects/crc64.ts';
import type { ObjectStore } from '../../../src/backup/objects/port.ts';
import { toFailure } from '../../../src/failure.ts';

/** A bucket without versions, one with, and one with a retention policy; and a hand on what goes wrong. */
export interface Tested {
  readonly plain: ObjectStore;
  /** Another client of `plain`. */
  readonly other: ObjectStore;
  readonly versioned: ObjectStore;
  readonly immutable: ObjectStore;
  /** No such bucket. */
  readonly missing: ObjectStore;
  /** The next requests of that kind fail with a 5xx, without effect. */
  failNext(kind: Kind, count: number): void;
  /** The next request of that kind takes effect, and its answer never comes. */
  loseNext(kind: Kind): void;
  /** The next `count` answers to a read break after so many bytes. */
  breakReads(afterBytes: number, count: number): void;
  /** Objects that hold their names. */
  seed(keys: readonly string[]): Promise<void>;
  /** A bit of a stored object turns over. */
  damage(key: string, at: number): Promise<void>;
}
export type Kind = 'put' | 'part' | 'begin' | 'complete' | 'get' | 'head' | 'list' | 'delete';

/** The least that a part may have. */
const PART = 100 * 1024;

/** Bytes that repeat nowhere near, made once. */
const noise = Buffer.alloc(1024 * 1024);
for (let at = 0, state = 1; at < noise.length; at += 4) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  noise.writeUInt32LE(state, at);
}

function bytes(size: number, from = 0): Buffer {
  return noise.subarray(from, from + size);
}

async function* streamOf(content: Buffer, chunk: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += chunk) yield content.subarray(at, at + chunk);
}

async function all(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Said short: what differs of a megabyte takes a test runner seconds to find out. */
function mustBe(got: Buffer, expected: Uint8Array): void {
  const at = got.equals(expected) ? -1 : got.findIndex((byte, index) => byte !== expected[index]);
  expect({ size: got.length, firstWrong: at }).toEqual({ size: expected.length, firstWrong: -1 });
}

async function failureOf(work: Promise<unknown>) {
  return work.then(
    () => ({ kind: 'none', code: 'none' }),
    (caught: unknown) => {
      const { kind, code } = toFailure(caught);
      return { kind, code };
    },
  );
}

/** Hundreds of requests, on a machine that is busy with other tests. */
const DEADLINE_MS = 30_000;

/** What every object store must do. `tested` is asked in each test. */
export function objectStoreContract(name: string, tested: () => Tested): void {
  const it = (what: string, run: (t: Tested) => Promise<void>) =>
    test(`${name}: ${what}`, () => run(tested()), DEADLINE_MS);

  it('what is put is there, with its facts', async ({ plain }) => {
    const content = bytes(5_000);
    const put = await plain.put('put/a', content, { metadata: { sha256: 'abc', kind: 'x' } });
    expect(put).toMatchObject({ key: 'put/a', size: 5_000, crc64: crc64Of(content), version: null });
    const facts = await plain.head('put/a');
    expect(facts).toMatchObject({ size: 5_000, etag: put.etag, crc64: put.crc64, version: null });
    expect(facts.metadata).toEqual({ sha256: 'abc', kind: 'x' });
    mustBe(await plain.get('put/a', 5_000), content);
    expect(Math.abs(facts.modifiedAt - put.modifiedAt)).toBeLessThanOrEqual(2_000);
  });

  it('an empty object and one of odd names', async ({ plain }) => {
    for (const key of ['odd/empty', "odd/it's (a) *key* ~ with + & = 中 ?#%41 😀"]) {
      await plain.put(key, Buffer.alloc(0));
      mustBe(await plain.get(key, 0), Buffer.alloc(0));
      await plain.put(key, Buffer.from(key));
      expect((await plain.get(key, 1_000)).toString()).toBe(key);
    }
    expect((await plain.list('odd/')).map(({ key }) => key)).toEqual([
      'odd/empty',
      "odd/it's (a) *key* ~ with + & = 中 ?#%41 😀",
    ]);
    expect(await failureOf(plain.put('/slash', Buffer.alloc(1)))).toMatchObject({ kind: 'rejected' });
  });

  it('what is not there is not found, and a missing bucket is something else', async ({ plain, missing }) => {
    const notFound = { kind: 'notFound', code: 'NoSuchKey' };
    expect(await failureOf(plain.head('nothing'))).toEqual(notFound);
    expect(await failureOf(plain.get('nothing', 10))).toEqual(notFound);
    expect(await failureOf(all(plain.read('nothing')))).toEqual(notFound);
    await plain.delete('nothing');
    const asked = [
      () => missing.head('x'),
      () => missing.list(''),
      () => missing.put('x', Buffer.alloc(1)),
      () => missing.facts(),
    ];
    for (const ask of asked)
      expect(await failureOf(ask())).toEqual({ kind: 'rejected', code: 'NoSuchBucket' });
  });

  it('of many writers of one name, one wins', async ({ plain, other }) => {
    const writes = Array.from({ length: 8 }, (_, n) =>
      (n % 2 === 0 ? plain : other).put('once/a', Buffer.from(`writer ${n}`), { onlyIfAbsent: true }).then(
        () => `writer ${n}`,
        (caught: unknown) => toFailure(caught).code,
      ),
    );
    const ends = await Promise.all(writes);
    const won = ends.filter((end) => end !== 'FileAlreadyExists');
    expect(won).toHaveLength(1);
    expect((await plain.get('once/a', 100)).toString()).toBe(won[0]);
    const parts = plain.upload('once/a', streamOf(bytes(3 * PART), 30_000), {
      partBytes: PART,
      onlyIfAbsent: true,
    });
    expect(await failureOf(parts)).toEqual({ kind: 'rejected', code: 'FileAlreadyExists' });
    expect(await plain.unfinishedUploads('once/')).toEqual([]);
  });

  it('a write whose answer is lost is one write, and its own winner', async (t) => {
    t.loseNext('put');
    await t.plain.put('lost/put', Buffer.from('mine'), { onlyIfAbsent: true });
    expect((await t.plain.get('lost/put', 10)).toString()).toBe('mine');
    t.loseNext('complete');
    const content = bytes(3 * PART + 17);
    const facts = await t.plain.upload('lost/parts', streamOf(content, 9_000), {
      partBytes: PART,
      onlyIfAbsent: true,
    });
    expect(facts).toMatchObject({ size: content.length, crc64: crc64Of(content) });
    mustBe(await t.plain.get('lost/parts', content.length), content);
    t.loseNext('delete');
    await t.plain.delete('lost/put');
    expect(await failureOf(t.plain.head('lost/put'))).toMatchObject({ code: 'NoSuchKey' });
  });

  it('streams of any size and chunks arrive whole', async ({ plain }) => {
    const sizes = [0, PART - 1, PART, PART + 1, 5 * PART + 333];
    for (const size of sizes)
      for (const chunk of [1_000, 3 * PART]) {
        const content = bytes(size, chunk);
        const facts = await plain.upload('stream/a', streamOf(content, chunk), {
          partBytes: PART,
          metadata: { n: `${size}` },
        });
        expect(facts).toMatchObject({ size, crc64: crc64Of(content) });
        mustBe(await all(plain.read('stream/a')), content);
        expect(await plain.head('stream/a')).toMatchObject({ etag: facts.etag, metadata: { n: `${size}` } });
      }
    expect(await plain.unfinishedUploads('stream/')).toEqual([]);
  });

  it('parts that fail are sent again', async (t) => {
    const content = bytes(6 * PART);
    t.failNext('begin', 1);
    t.failNext('part', 3);
    t.loseNext('part');
    t.failNext('complete', 1);
    const facts = await t.plain.upload('again/a', streamOf(content, 50_000), {
      partBytes: PART,
      parallel: 2,
    });
    expect(facts.crc64).toBe(crc64Of(content));
    mustBe(await t.plain.get('again/a', content.length), content);
  });

  it('a stream that fails leaves nothing behind', async ({ plain }) => {
    const torn = async function* () {
      yield bytes(3 * PART);
      throw new Error('the source broke');
    };
    await expect(plain.upload('torn/a', torn(), { partBytes: PART })).rejects.toThrow('the source broke');
    expect(await failureOf(plain.head('torn/a'))).toMatchObject({ code: 'NoSuchKey' });
    expect(await plain.unfinishedUploads('torn/')).toEqual([]);
  });

  it('an upload that is called off leaves nothing behind, also when its source stands still', async ({
    plain,
  }) => {
    const off = new AbortController();
    const still = async function* () {
      yield bytes(3 * PART);
      off.abort(new Error('called off'));
      await new Promise(() => {});
    };
    await expect(plain.upload('off/a', still(), { partBytes: PART, signal: off.signal })).rejects.toThrow(
      'called off',
    );
    expect(await plain.unfinishedUploads('off/')).toEqual([]);
    expect(await failureOf(plain.head('off/a'))).toMatchObject({ code: 'NoSuchKey' });
    await expect(plain.put('off/b', Buffer.alloc(1), { signal: off.signal })).rejects.toThrow('called off');
  });

  it('reads give what is asked for, and go on where a connection broke', async (t) => {
    const content = bytes(300_000);
    await t.plain.put('read/a', content);
    mustBe(await all(t.plain.read('read/a', { start: 10, end: 19 })), content.subarray(10, 20));
    mustBe(await all(t.plain.read('read/a', { start: 299_990 })), content.subarray(299_990));
    mustBe(await all(t.plain.read('read/a', { start: 299_990, end: 400_000 })), content.subarray(299_990));
    expect(await failureOf(all(t.plain.read('read/a', { start: 300_000 })))).toMatchObject({
      kind: 'rejected',
    });
    t.breakReads(70_000, 4);
    mustBe(await all(t.plain.read('read/a')), content);
    t.failNext('get', 2);
    mustBe(await all(t.plain.read('read/a')), content);
    expect(await failureOf(t.plain.get('read/a', 299_999))).toEqual({ kind: 'rejected', code: 'TooLarge' });
    for await (const chunk of t.plain.read('read/a')) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
  });

  it('a bit that turned over is found by whoever reads', async (t) => {
    const content = bytes(2 * PART + 5);
    await t.plain.upload('damaged/a', streamOf(content, 10_000), { partBytes: PART });
    await t.damage('damaged/a', PART + 1);
    const damaged = { kind: 'rejected', code: 'ChecksumMismatch' };
    expect(await failureOf(t.plain.get('damaged/a', content.length))).toEqual(damaged);
    expect(await failureOf(all(t.plain.read('damaged/a')))).toEqual(damaged);
    expect((await t.plain.head('damaged/a')).crc64).toBe(crc64Of(content));
  });

  it('lists every page, in order, or fails', async (t) => {
    const names = Array.from({ length: 1_205 }, (_, n) => `list/${String(n).padStart(5, '0')}`);
    await t.seed(names);
    t.failNext('list', 2);
    const listed = await t.plain.list('list/');
    expect(listed.map(({ key }) => key)).toEqual(names);
    const [first] = listed;
    expect(first).toEqual(
      expect.objectContaining({ size: 10, etag: (await t.plain.head(names[0] ?? '')).etag }),
    );
    expect((await t.plain.list('list/', { after: 'list/01202' })).map(({ key }) => key)).toEqual(
      names.slice(1_203),
    );
    expect(await failureOf(t.plain.list('list/', { most: 1_204 }))).toEqual({
      kind: 'rejected',
      code: 'TooManyObjects',
    });
    expect(await t.plain.list('no such prefix')).toEqual([]);
  });

  it('with versions nothing is lost by an overwrite or a deletion', async ({ versioned }) => {
    expect(await versioned.facts()).toEqual({ versioning: 'enabled', worm: null });
    const first = await versioned.put('v/a', Buffer.from('one'));
    await versioned.put('v/a', Buffer.from('two'));
    await versioned.put('v/b', Buffer.from('other'));
    const refused = versioned.put('v/new', Buffer.from('x'), { onlyIfAbsent: true });
    expect(await failureOf(refused)).toEqual({ kind: 'rejected', code: 'CannotForbidOverwrite' });
    expect(await failureOf(versioned.head('v/new'))).toMatchObject({ code: 'NoSuchKey' });
    await versioned.delete('v/a');
    expect(await failureOf(versioned.get('v/a', 10))).toMatchObject({ code: 'NoSuchKey' });
    expect((await versioned.list('v/')).map(({ key }) => key)).toEqual(['v/b']);
    const versions = await versioned.versions('v/');
    expect(versions.map(({ key, size, newest, deleteMarker }) => [key, size, newest, deleteMarker])).toEqual([
      ['v/a', 0, true, true],
      ['v/a', 3, false, false],
      ['v/a', 3, false, false],
      ['v/b', 5, true, false],
    ]);
    const version = first.version ?? '';
    expect((await versioned.get('v/a', 10, { version })).toString()).toBe('one');
    expect((await versioned.head('v/a', { version })).size).toBe(3);
    const [marker] = versions;
    await versioned.delete('v/a', { version: marker?.version ?? '' });
    expect((await versioned.get('v/a', 10)).toString()).toBe('two');
    await versioned.delete('v/a', { version });
    expect(await failureOf(versioned.get('v/a', 10, { version }))).toMatchObject({
      kind: 'notFound',
      code: 'NoSuchKey',
    });
    expect((await versioned.versions('v/a')).length).toBe(1);
  });

  it('a retention policy holds against deletion and overwriting', async ({ immutable, plain }) => {
    expect(await immutable.facts()).toEqual({ versioning: 'never', worm: { days: 1, locked: true } });
    expect(await plain.facts()).toEqual({ versioning: 'never', worm: null });
    await immutable.put('w/a', Buffer.from('kept'));
    const refused = { kind: 'rejected', code: 'FileImmutable' };
    expect(await failureOf(immutable.delete('w/a'))).toEqual(refused);
    expect(await failureOf(immutable.put('w/a', Buffer.from('other')))).toEqual(refused);
    expect((await immutable.get('w/a', 10)).toString()).toBe('kept');
    await immutable.put('w/b', Buffer.from('new'), { onlyIfAbsent: true });
  });

  it('without versions every object is one version', async ({ plain }) => {
    await plain.put('single/a', Buffer.from('x'));
    const [only, ...others] = await plain.versions('single/');
    expect(only).toMatchObject({ key: 'single/a', version: 'null', newest: true, deleteMarker: false });
    expect(others).toEqual([]);
  });
}
