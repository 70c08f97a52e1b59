import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { StoreWrite } from '../../src/runtime/types.ts';
import { decodeBatch, encodeBatch, type Stored, storedIn } from '../../src/store/batch-log.ts';
import { decodeValue } from '../../src/store/checksum.ts';
import { createSettler } from '../../src/store/settler.ts';

const keys = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'ключ');
const writes = fc.oneof(
  fc.record({
    key: keys,
    value: fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.dictionary(fc.string(), fc.nat())),
  }),
  fc.record({ key: keys, remove: fc.constant<true>(true) }),
);
const batches = fc.array(writes, { minLength: 1, maxLength: 6 });

/** What a file holds: the log by number, and the settled records. */
interface Disk {
  readonly log: Map<number, Buffer>;
  readonly tree: Map<string, Buffer>;
}

/** What the next start would find: the records, and over them the log from its first batch to its last. */
function recovered({ log, tree }: Disk): Map<string, Buffer> {
  const records = new Map(tree);
  for (const number of [...log.keys()].sort((a, b) => a - b)) {
    const batch = decodeBatch(log.get(number) ?? Buffer.alloc(0));
    for (const [index, key] of batch.keys.entries()) set(records, key, storedIn(batch, index));
  }
  return records;
}

function set(records: Map<string, Buffer>, key: string, stored: Stored): void {
  if (stored) records.set(key, stored);
  else records.delete(key);
}

const readable = (records: Map<string, Buffer>) =>
  Object.fromEntries([...records].map(([key, bytes]) => [key, decodeValue(key, bytes)]));

test('whatever is settled when, and wherever it crashes, every key has its newest value', () => {
  const happenings = fc.array(
    fc.oneof(
      { weight: 4, arbitrary: batches.map((batch) => ({ kind: 'commit' as const, batch })) },
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant<'settle'>('settle'), most: fc.integer({ min: 1, max: 5 }) }),
      },
      { weight: 1, arbitrary: fc.constant({ kind: 'fail' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
    ),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(happenings, (all) => {
      const disk: Disk = { log: new Map(), tree: new Map() };
      const model = new Map<string, unknown>();
      let settler = createSettler(1);
      for (const happening of all) {
        if (happening.kind === 'commit') {
          const batch = encodeBatch(happening.batch);
          disk.log.set(settler.next, batch.bytes);
          settler.note(batch);
          for (const write of happening.batch) {
            if ('remove' in write) model.delete(write.key);
            else model.set(write.key, JSON.parse(JSON.stringify(write.value)));
          }
        }
        // A piece whose transaction fails changes nothing, and comes again.
        if (happening.kind === 'fail') settler.piece(3);
        if (happening.kind === 'settle') {
          const piece = settler.piece(happening.most);
          for (const [key, stored] of piece.writes) set(disk.tree, key, stored);
          for (let number = piece.forget.from; number < piece.forget.to; number++) {
            expect(disk.log.delete(number)).toBe(true);
          }
          piece.done();
        }
        if (happening.kind === 'crash') {
          const numbers = [...disk.log.keys()].sort((a, b) => a - b);
          settler = createSettler(numbers[0] ?? settler.next);
          for (const number of numbers) settler.note(decodeBatch(disk.log.get(number) ?? Buffer.alloc(0)));
        }
        const expected = Object.fromEntries([...model].map(([key, value]) => [key, { key, value }]));
        expect(readable(recovered(disk))).toEqual(expected);
        for (const key of ['a', 'b', 'c', 'd', 'e', 'f', 'ключ']) {
          const logged = settler.get(key);
          const bytes = logged === undefined ? disk.tree.get(key) : logged;
          expect(bytes ? decodeValue(key, bytes) : undefined).toEqual(expected[key]);
        }
      }
      // All of it is settled in the end, and the log is empty.
      for (let round = 0; round < 1_000 && settler.isDue(0); round++) {
        const piece = settler.piece(2);
        for (const [key, stored] of piece.writes) set(disk.tree, key, stored);
        for (let number = piece.forget.from; number < piece.forget.to; number++) disk.log.delete(number);
        piece.done();
      }
      expect([settler.isDue(0), disk.log.size, settler.first]).toEqual([false, 0, settler.next]);
      expect([...disk.tree.keys()].sort()).toEqual([...model.keys()].sort());
    }),
    { numRuns: 300 },
  );
});

test('a batch whose directory was changed is a fault, one whose value was changed is found when it is read', () => {
  const batch: StoreWrite[] = [
    { key: 'a', value: { text: 'first' } },
    { key: 'b', remove: true },
    { key: 'c', value: 'second' },
  ];
  const { bytes } = encodeBatch(batch);
  let faults = 0;
  let reported = 0;
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 4;
    try {
      const decoded = decodeBatch(changed);
      const found = decoded.keys.map((key, index) => {
        const stored = storedIn(decoded, index);
        return stored && decodeValue(key, stored);
      });
      expect(found.filter((entry) => entry && 'damaged' in entry)).toHaveLength(1);
      reported += 1;
    } catch (caught) {
      expect(caught).toHaveProperty('message', 'a batch in its log is damaged');
      faults += 1;
    }
  }
  expect(faults + reported).toBe(bytes.length);
  expect(reported).toBeGreaterThan(20);
});
