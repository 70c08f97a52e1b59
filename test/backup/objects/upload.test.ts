import { expect, test } from '@jest/globals';
import { combineCrc64, crc64Of } from '../../../src/backup/objects/crc64.ts';
import { cutIntoParts, type PartBytes } from '../../../src/backup/objects/parts.ts';
import { type UploadDoor, uploadInParts } from '../../../src/backup/objects/upload.ts';

const PART = 100 * 1024;

/** A service that takes everything. */
function door(changes: Partial<UploadDoor> = {}) {
  const seen = { begun: 0, aborted: 0 };
  const facts = (size: number, crc64: string) => ({
    key: 'k',
    size,
    crc64,
    etag: 'E',
    modifiedAt: 0,
    metadata: {},
    version: null,
  });
  const made: UploadDoor = {
    tried: 'upload oss://b/k',
    put: async (part) => facts(part.size, part.crc64),
    async begin() {
      seen.begun += 1;
      return 'U';
    },
    send: async (_id, number) => ({ number, etag: `P${number}` }),
    complete: async (_id, _parts, size, crc64) => facts(size, crc64),
    async abort() {
      seen.aborted += 1;
    },
    ...changes,
  };
  return { made, seen };
}

/** Counts how much was taken from it. */
function source(chunks: number, size: number) {
  const taken = { chunks: 0, ended: false };
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      for (let n = 0; n < chunks; n += 1) {
        taken.chunks += 1;
        yield Buffer.alloc(size, n);
      }
    } finally {
      taken.ended = true;
    }
  }
  return { stream: stream(), taken };
}

test('no more than `parallel` parts are on their way, and no more than one besides is taken from the source', async () => {
  const held: (() => void)[] = [];
  const { made, seen } = door({
    send: (_id, number) => new Promise((resolve) => held.push(() => resolve({ number, etag: `P${number}` }))),
  });
  const { stream, taken } = source(20, PART);
  const done = uploadInParts(made, stream, { partBytes: PART, parallel: 3 });
  for (let rounds = 0; rounds < 50; rounds += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(held).toHaveLength(3);
  // The fifth chunk shows that the fourth part is full and not the last.
  expect(taken.chunks).toBeLessThanOrEqual(5);
  let answered = 0;
  for (let rounds = 0; answered < 20 && rounds < 1_000; rounds += 1) {
    const answer = held.shift();
    if (answer !== undefined) answered += 1;
    answer?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await done).toMatchObject({ size: 20 * PART });
  expect(seen.begun).toBe(1);
});

test('a whole that is not what was sent is a failure, and its parts are removed', async () => {
  const wrong = { key: 'k', size: 0, crc64: '1', etag: '', modifiedAt: 0, metadata: {}, version: null };
  const { made, seen } = door({ complete: async () => wrong });
  const upload = uploadInParts(made, source(3, PART).stream, { partBytes: PART });
  await expect(upload).rejects.toMatchObject({ kind: 'retryable', code: 'ChecksumMismatch' });
  expect(seen.aborted).toBe(1);
});

test('one part that fails for good ends the upload: the rest is not read, the source is told, the parts are removed', async () => {
  const { made, seen } = door({
    async send(_id, number) {
      if (number === 2) throw new Error('part 2');
      return { number, etag: '' };
    },
  });
  const { stream, taken } = source(50, PART);
  await expect(uploadInParts(made, stream, { partBytes: PART, parallel: 1 })).rejects.toThrow('part 2');
  expect(seen.aborted).toBe(1);
  expect(taken.chunks).toBeLessThan(8);
  await new Promise((resolve) => setImmediate(resolve));
  expect(taken.ended).toBe(true);
});

test('what fits into a part is put at once, and parts that are too small are refused', async () => {
  const { made, seen } = door();
  expect(await uploadInParts(made, source(1, PART).stream, { partBytes: PART })).toMatchObject({
    size: PART,
  });
  expect(await uploadInParts(made, source(0, 0).stream, {})).toMatchObject({ size: 0, crc64: '0' });
  expect(seen.begun).toBe(0);
  const small = uploadInParts(made, source(1, 10).stream, { partBytes: PART - 1 });
  await expect(small).rejects.toMatchObject({ code: 'EntityTooSmall' });
});

test('the pieces of a stream are cut where they should be, whatever their sizes, and every byte is in one part', async () => {
  async function* stream() {
    for (const size of [1, 0, 5, 3 * PART, 17, PART - 23, 2]) yield Buffer.alloc(size, size % 251);
  }
  const parts: PartBytes[] = [];
  for await (const part of cutIntoParts(stream(), PART)) parts.push(part);
  expect(parts.map(({ size }) => size)).toEqual([PART, PART, PART, PART, 2]);
  const whole: Uint8Array[] = [];
  for await (const chunk of stream()) whole.push(chunk);
  const crc64 = parts.reduce((crc, part) => combineCrc64(crc, part.crc64, part.size), '0');
  expect(crc64).toBe(crc64Of(Buffer.concat(whole)));
  expect(Buffer.concat(parts.flatMap(({ chunks }) => chunks)).equals(Buffer.concat(whole))).toBe(true);
});
