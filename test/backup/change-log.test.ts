import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chainFaults, chainFrom } from '../../src/backup/change-log/chain.ts';
import { decodeRevisions, encodeRevision } from '../../src/backup/change-log/encoding.ts';
import { type LogPiece, readLog } from '../../src/backup/change-log/read.ts';
import { digest, logPurpose, openSegment } from '../../src/backup/change-log/segment.ts';
import { segmentKey } from '../../src/backup/change-log/segment-name.ts';
import { LogWriter } from '../../src/backup/change-log/writer.ts';
import type { RegionProblem } from '../../src/backup/regions.ts';
import { mergeRevisions } from '../../src/backup/restore/merge.ts';
import type { Change, RevisionChanges } from '../../src/etcd/port.ts';
import { type BackupStage, backupStage } from './stage.ts';

const bytes = fc.uint8Array({ maxLength: 30 }).map((each) => Buffer.from(each));
const change = (modRevision: number): fc.Arbitrary<Change> =>
  fc.oneof(
    fc.record({ type: fc.constant('delete' as const), key: bytes, modRevision: fc.constant(modRevision) }),
    fc.record({
      type: fc.constant('put' as const),
      key: bytes,
      value: bytes,
      version: fc.nat(),
      createRevision: fc.nat(),
      modRevision: fc.constant(modRevision),
      lease: fc.option(fc.nat().map((id) => id.toString(16))),
    }),
  );
const revision = fc.nat(1_000_000).chain((number) =>
  fc.record({
    revision: fc.constant(number),
    changes: fc.array(change(number), { minLength: 1, maxLength: 5 }),
  }),
);

test('what is encoded decodes to the same, and nothing shorter does', () => {
  fc.assert(
    fc.property(fc.array(revision, { minLength: 1, maxLength: 6 }), fc.nat(1000), (revisions, cut) => {
      const encoded = Buffer.concat(revisions.map(encodeRevision));
      expect(decodeRevisions(encoded, 'test').map(plain)).toEqual(revisions.map(plain));
      const ends = revisions.map(
        (_, index) => Buffer.concat(revisions.slice(0, index).map(encodeRevision)).length,
      );
      const at = cut % encoded.length;
      if (!ends.includes(at)) expect(() => decodeRevisions(encoded.subarray(0, at), 'test')).toThrow('test');
    }),
  );
});

/** Buffers compare by what is in them, whichever kind of bytes they are. */
const plain = ({ revision: number, changes }: RevisionChanges) => ({
  number,
  changes: changes.map((each) => ({
    ...each,
    key: Buffer.from(each.key).toString('hex'),
    ...('value' in each ? { value: Buffer.from(each.value).toString('hex') } : {}),
  })),
});

test('revisions put together change every key in the same order, and lose nothing', () => {
  fc.assert(
    fc.property(fc.array(revision, { maxLength: 40 }), (revisions) => {
      const merged = mergeRevisions(revisions);
      expect(merged.flatMap(({ changes }) => changes)).toEqual(revisions.flatMap(({ changes }) => changes));
      for (const { changes } of merged.filter(({ changes: all }) => all.length > 5)) {
        const keys = changes.map(({ key }) => Buffer.from(key).toString('hex'));
        expect(keys.length).toBeLessThanOrEqual(100);
      }
    }),
  );
});

const put = (number: number): RevisionChanges => ({
  revision: number,
  changes: [
    {
      type: 'put',
      key: Buffer.from(`k${number}`),
      value: Buffer.from('v'),
      version: 1,
      createRevision: number,
      modRevision: number,
      lease: null,
    },
  ],
});

/** A writer of segments from a revision on, as the shipper uses it. */
async function writer(
  stage: BackupStage,
  after: number,
  previous: string | null,
  name = stage.random.hex(8),
) {
  const key = await stage.key.generate(logPurpose('demo', name));
  const log = new LogWriter({ cluster: 'demo', history: 'c1', writer: name, key, after, previous });
  return {
    async segment(first: number, last: number, stores = stage.stores.slice()) {
      for (let number = first; number <= last; number += 1)
        log.add(put(number), stage.clock.now(), stage.clock.now());
      const sealed = await log.cut();
      if (!sealed) throw new Error('there is something to cut');
      for (const store of stores) await store.put(segmentKey('demo', sealed.name), sealed.stored);
      return sealed;
    },
  };
}

async function read(stage: BackupStage, after: number, until?: number) {
  const problems: RegionProblem[] = [];
  const pieces: LogPiece[] = [];
  for await (const piece of readLog(
    { cluster: 'demo', history: 'c1', stores: stage.stores, key: stage.key, after, until },
    problems,
  ))
    pieces.push(piece);
  const revisions = pieces.flatMap((piece) => piece.revisions.map((each) => each.revision));
  return { revisions, reached: pieces.at(-1)?.last ?? after, problems };
}

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

test('a segment says since when its oldest change may have waited, and when its newest was seen', async () => {
  const stage = backupStage();
  const key = await stage.key.generate(logPurpose('demo', 'w'));
  const log = new LogWriter({ cluster: 'demo', history: 'c1', writer: 'w', key, after: 0, previous: null });
  log.add(put(1), 100, 400);
  log.add(put(2), 500, 700);
  expect(log.oldestAt).toBe(100);
  expect((await log.cut())?.header).toMatchObject({ oldestAt: 100, newestAt: 700 });
});

test('what is seen while segments are made comes out as it was, however it lies in the buffers', async () => {
  const stage = backupStage();
  const key = await stage.key.generate(logPurpose('demo', 'w'));
  const log = new LogWriter({ cluster: 'demo', history: 'c1', writer: 'w', key, after: 0, previous: null });
  // Larger than a buffer, several to a buffer, and some that share one with the segment before.
  const sizes = [300_000, 70_000, 70_000, 90_000, 90_000, 90_000, 10, 600_000, 10, 10];
  const revisions = sizes.map((size, index): RevisionChanges => {
    const value = Buffer.alloc(size, index);
    return { revision: index + 1, changes: put(index + 1).changes.map((each) => ({ ...each, value })) };
  });
  const sealing = [];
  for (const each of revisions) {
    log.add(each, stage.clock.now(), stage.clock.now());
    if (each.revision % 3 !== 0) sealing.push(log.cut());
  }
  const read: RevisionChanges[] = [];
  for (const segment of await Promise.all(sealing)) {
    if (!segment) throw new Error('there is something to cut');
    const opened = await openSegment(segment.stored, 'demo', segment.name, stage.key);
    read.push(...opened.revisions);
    const last = opened.revisions.at(-1);
    expect(last && digest(encodeRevision(last))).toBe(segment.header.tail.sha256);
  }
  expect(read.map(plain)).toEqual(revisions.map(plain));
});

test('segments lead from a backup to the end, each revision once, from whatever region has them', async () => {
  const stage = backupStage();
  const [a, b] = stage.stores;
  const log = await writer(stage, 10, null);
  await log.segment(11, 15, [a]);
  await log.segment(16, 20, [b]);
  await log.segment(21, 22);
  expect(await read(stage, 10)).toEqual({ revisions: range(11, 22), reached: 22, problems: [] });
  expect((await read(stage, 17)).revisions).toEqual(range(18, 22));
  expect((await read(stage, 22)).revisions).toEqual([]);
  // A backup from before the log begins can't be gone on from.
  expect((await read(stage, 8)).revisions).toEqual([]);
});

test('safety 51: a gap ends it, and is told of; what comes after it is left out', async () => {
  const stage = backupStage();
  const log = await writer(stage, 10, null);
  const names = [await log.segment(11, 15), await log.segment(16, 20), await log.segment(21, 25)].map(
    ({ name }) => name,
  );
  const [first, second, third] = names;
  if (!first || !second || !third) throw new Error('three segments');
  for (const store of stage.stores) store.objects.delete(segmentKey('demo', second));
  expect((await read(stage, 10)).revisions).toEqual(range(11, 15));
  expect(chainFaults([first, third])).toMatchObject({
    gaps: [{ first: 16, last: 20 }],
    orphans: [third],
    forks: [],
  });
  expect(chainFaults(names)).toEqual({ gaps: [], orphans: [], forks: [] });
});

test('safety 51: two writers that overlap are told of, and either way gives every revision once', async () => {
  const stage = backupStage();
  const one = await writer(stage, 10, null);
  const first = await one.segment(11, 15);
  const other = await writer(stage, 15, first.sha256);
  const a = await one.segment(16, 20);
  const b = await other.segment(16, 18);
  const c = await other.segment(19, 27);
  expect(chainFaults([first, a, b, c].map(({ name }) => name)).forks).toMatchObject([
    { ways: [a.name, b.name] },
  ]);
  expect((await read(stage, 10)).revisions).toEqual(range(11, 27));
  // The one that leads further is damaged: the other is taken, as far as it goes.
  for (const store of stage.stores)
    store.change(segmentKey('demo', c.name), (content) => content.fill(0, content.length - 9));
  const { revisions, problems } = await read(stage, 10);
  expect(revisions).toEqual(range(11, 20));
  expect(problems.map(({ failure }) => failure.code)).toEqual(['BackupDamaged', 'BackupDamaged']);
});

test('safety 52: a segment that is damaged in one region is read from the other; in both it is the end', async () => {
  const stage = backupStage();
  const log = await writer(stage, 10, null);
  await log.segment(11, 15);
  const key = segmentKey('demo', (await log.segment(16, 20)).name);
  await log.segment(21, 25);
  stage.stores[0].change(key, (content) => content.subarray(0, -1));
  expect(await read(stage, 10)).toMatchObject({ revisions: range(11, 25), problems: [{ region: 'cn-a' }] });
  stage.stores[1].change(key, () => Buffer.alloc(0));
  expect((await read(stage, 10)).revisions).toEqual(range(11, 15));
});

test('a segment under another’s name, or of another cluster, is refused', async () => {
  const stage = backupStage();
  const log = await writer(stage, 10, null);
  const first = await log.segment(11, 15);
  const second = await log.segment(16, 20);
  for (const store of stage.stores) {
    const content = store.objects.get(segmentKey('demo', first.name))?.content ?? Buffer.alloc(0);
    store.change(segmentKey('demo', second.name), () => content);
  }
  expect((await read(stage, 10)).revisions).toEqual(range(11, 15));
});

test('changes from after the time that was asked for are left out', async () => {
  const stage = backupStage();
  const log = await writer(stage, 10, null);
  await log.segment(11, 15);
  const until = stage.clock.now();
  await stage.clock.advance(1_000);
  await log.segment(16, 20);
  expect((await read(stage, 10, until)).revisions).toEqual(range(11, 15));
});

test('any set of true segments: what is read is a run of revisions without a gap, from the backup on', () => {
  /** Writers that each go on from some segment of another, as after crashes and with two supervisors at once. */
  const steps = fc.array(
    fc.record({ from: fc.nat(), length: fc.integer({ min: 1, max: 5 }), begins: fc.nat(9) }),
    {
      maxLength: 25,
    },
  );
  fc.assert(
    fc.property(steps, fc.nat(20), fc.array(fc.nat(), { maxLength: 6 }), (all, after, lost) => {
      const names: ReturnType<typeof name>[] = [];
      for (const [index, step] of all.entries()) {
        const before = step.begins === 0 ? undefined : names[step.from % Math.max(1, names.length)];
        const first = before ? before.last + 1 : (step.from % 20) + 1;
        names.push(name(first, first + step.length - 1, before?.own ?? null, index));
      }
      const left = names.filter((_, index) => !lost.includes(index));
      const way = chainFrom(left, after);
      const reachable = reach(left, after);
      expect(way?.at(-1)?.last ?? after).toBe(reachable);
      if (!way) return;
      expect(way[0]?.first).toBeLessThanOrEqual(after + 1);
      for (const [index, each] of way.entries())
        if (index > 0) {
          expect(each.first).toBe((way[index - 1]?.last ?? 0) + 1);
          expect(each.previous?.slice(0, 16)).toBe(way[index - 1]?.own.slice(0, 16));
        }
    }),
  );
  function name(first: number, last: number, previous: string | null, index: number) {
    return { history: 'c1', first, last, previous, own: digest(Buffer.from(String(index))) };
  }
  /** The same by brute force, forwards. */
  function reach(segments: readonly ReturnType<typeof name>[], after: number): number {
    const heads = segments.filter(({ first }) => first <= after + 1);
    let furthest = after;
    for (let turn = heads; turn.length > 0; ) {
      furthest = Math.max(furthest, ...turn.map(({ last }) => last));
      turn = segments.filter((next) =>
        turn.some((each) => next.previous === each.own && next.first === each.last + 1),
      );
    }
    return furthest;
  }
});
