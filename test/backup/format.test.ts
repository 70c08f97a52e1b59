import { createRequire } from 'node:module';
import { buffer } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CHUNK_BYTES, MAX_CHUNK_BYTES, sealFrame, streamKey } from '../../src/backup/format/frame.ts';
import { open } from '../../src/backup/format/open.ts';
import { seal } from '../../src/backup/format/seal.ts';
import { compress } from '../../src/backup/format/zstd.ts';
import { Failure } from '../../src/failure.ts';
import { seededRandom } from '../../src/runtime/random.ts';

const dataKey = Buffer.from(seededRandom(1).hex(32), 'hex');
const key = () => streamKey(dataKey, 'backup 1 of c', 'snapshot');

async function* pieces(content: Buffer, size: number): AsyncIterable<Buffer> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

/** Half of it compresses, as etcd's pages do. */
function content(bytes: number, seed: number): Buffer {
  const random = seededRandom(seed);
  const noise = Buffer.from(random.hex(Math.min(bytes, 1024)));
  const all = Buffer.alloc(bytes, noise);
  for (let at = 0; at < bytes; at += 7) all[at] = ((all[at] ?? 0) + at) & 0xff;
  return all;
}

async function sealed(plain: Buffer) {
  const sealing = seal(pieces(plain, 32 * 1024), key());
  const stored = await buffer(sealing.stored);
  return { stored, facts: sealing.facts() };
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (caught: unknown) => (caught instanceof Failure ? caught.code : String(caught)),
  );

test('what was sealed opens again, whatever its size and however it comes', async () => {
  for (const bytes of [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 7 * CHUNK_BYTES + 13]) {
    const plain = content(bytes, bytes);
    const { stored, facts } = await sealed(plain);
    expect(facts.plainBytes).toBe(bytes);
    expect(facts.storedBytes).toBe(stored.length);
    for (const size of [stored.length + 1, 65_537])
      expect((await buffer(open(pieces(stored, size), key(), facts))).equals(plain)).toBe(true);
  }
});

test('what was sealed in frames of a MiB, as the first backups were, opens as before', async () => {
  const plain = content(2 * MAX_CHUNK_BYTES + 99, 9);
  const cuts = [0, MAX_CHUNK_BYTES, 2 * MAX_CHUNK_BYTES];
  const frames = await Promise.all(
    cuts.map(async (at, number) => {
      const compressed = await compress(plain.subarray(at, at + MAX_CHUNK_BYTES));
      return sealFrame(key(), number, number === cuts.length - 1, compressed);
    }),
  );
  expect((await buffer(open(pieces(Buffer.concat(frames), 100_000), key()))).equals(plain)).toBe(true);
});

test('zstd compresses at the level that was decided', async () => {
  const native = createRequire(import.meta.url)('@mongodb-js/zstd/bindings.js');
  const plain = content(CHUNK_BYTES, 8);
  const [one, three] = [await native.compress(plain, 1), await native.compress(plain, 3)];
  expect(one.equals(three)).toBe(false);
  expect((await compress(plain)).equals(one)).toBe(true);
});

test('nothing of the content can be seen in what is stored', async () => {
  const plain = Buffer.from('a secret of the cluster, a secret of the cluster');
  const { stored } = await sealed(plain);
  expect(stored.includes('secret')).toBe(false);
});

test('safety 52: a bit that was flipped anywhere is found', async () => {
  const { stored, facts } = await sealed(content(2 * CHUNK_BYTES + 99, 3));
  await fc.assert(
    fc.asyncProperty(fc.nat(stored.length - 1), fc.nat(7), async (at, bit) => {
      const changed = Buffer.from(stored);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      expect(await failure(buffer(open(pieces(changed, 100_000), key(), facts)))).toBe('BackupDamaged');
    }),
    { numRuns: 60 },
  );
});

test('safety 49: one that was cut off anywhere, or is empty, is found even without its manifest', async () => {
  const { stored } = await sealed(content(2 * CHUNK_BYTES + 99, 4));
  const boundaries = frameEnds(stored);
  const anywhere = fc.oneof(fc.nat(stored.length - 1), fc.constantFrom(0, ...boundaries.slice(0, -1)));
  await fc.assert(
    fc.asyncProperty(anywhere, async (end) => {
      expect(await failure(buffer(open(pieces(stored.subarray(0, end), 1e6), key())))).toBe('BackupDamaged');
    }),
    { numRuns: 60 },
  );
});

test('frames that are left out, repeated, swapped or of another stream are found', async () => {
  const { stored } = await sealed(content(4 * CHUNK_BYTES, 5));
  const ends = frameEnds(stored);
  const frames = ends.map((end, index) => stored.subarray(ends[index - 1] ?? 0, end));
  const [a, b, c, d] = frames;
  if (!a || !b || !c || !d || frames.length !== 4) throw new Error('there are four frames');
  const foreign = sealFrame(streamKey(dataKey, 'backup 1 of c', 'material'), 1, false, Buffer.alloc(9));
  const other = sealFrame(streamKey(dataKey, 'backup 2 of c', 'snapshot'), 1, false, Buffer.alloc(9));
  for (const wrong of [
    [a, c, d],
    [a, b, b, c, d],
    [a, c, b, d],
    [a, foreign, c, d],
    [a, other, c, d],
    [a, b, c, d, d],
  ])
    expect(await failure(buffer(open(pieces(Buffer.concat(wrong), 1e6), key())))).toBe('BackupDamaged');
  expect((await buffer(open(pieces(Buffer.concat(frames), 1e6), key()))).length).toBe(4 * CHUNK_BYTES);
});

test('another key opens nothing', async () => {
  const { stored } = await sealed(content(100, 6));
  const wrong = streamKey(Buffer.alloc(32, 1), 'backup 1 of c', 'snapshot');
  expect(await failure(buffer(open(pieces(stored, 1e6), wrong)))).toBe('BackupDamaged');
});

test('what the source throws gets out, and a stream that was not read to its end has no facts', async () => {
  async function* breaks(): AsyncIterable<Buffer> {
    yield Buffer.alloc(10);
    throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'the member went away' });
  }
  const sealing = seal(breaks(), key());
  expect(await failure(buffer(sealing.stored))).toBe('NoAnswer');
  expect(() => sealing.facts()).toThrow('not been sealed to its end');
});

function frameEnds(stored: Buffer): readonly number[] {
  const ends: number[] = [];
  for (let at = 0; at < stored.length; ends.push(at)) at += 4 + stored.readUInt32BE(at);
  return ends;
}

test('a master reads the same format: internal/sealed/open_test.go opens these very bytes', async () => {
  const stream = streamKey(Buffer.alloc(32, 7), 'backup 1 of c', 'snapshot');
  const frames = [
    sealFrame(stream, 0, false, await compress(Buffer.from('the first, the first, the first'))),
    sealFrame(stream, 1, true, await compress(Buffer.from('the last'))),
  ];
  const theirs =
    '0000002afa16bd7154719f4d1c9392651bd034452c469385048df487965eceb75e47389610df402946893ff6320d' +
    '00000021e49deb8db9a288ba844006a1c3fdc5174f6ff597c3b2aef830a3bc518bd7ed5d6b';
  expect(stream.key.toString('hex')).toBe('30bfaaddcf2158cd11c0ddeda565a52a150fafc633cee257f8cb1a564e8a956b');
  expect(Buffer.concat(frames).toString('hex')).toBe(theirs);
});
