import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Times } from '../../src/simulator/times.ts';

const spans = fc.array(fc.integer({ min: 0, max: 400 * 86_400_000 }), { minLength: 1, maxLength: 60 });

test('a quantile is at most a 32nd, and a second, above the exact one', () => {
  fc.assert(
    fc.property(spans, fc.double({ min: 0.01, max: 1, noNaN: true }), (all, share) => {
      const times = new Times();
      for (const ms of all) times.add(ms);
      const exact = [...all].sort((a, b) => a - b)[Math.ceil(all.length * share) - 1] ?? 0;
      const told = times.quantile(share);
      expect(told).toBeGreaterThanOrEqual(exact - 500);
      expect(told).toBeLessThanOrEqual(exact * (1 + 1 / 32) + 1_000);
    }),
  );
});

test('merged in any order they are the same as counted together', () => {
  fc.assert(
    fc.property(spans, spans, (some, others) => {
      const [a, b, all, merged] = [new Times(), new Times(), new Times(), new Times()];
      for (const ms of some) a.add(ms);
      for (const ms of others) b.add(ms);
      for (const ms of [...others, ...some]) all.add(ms);
      merged.merge(a.data());
      merged.merge(b.data());
      expect(merged.data()).toEqual(all.data());
    }),
  );
});

test('many spans of up to a year take no more room than some buckets', () => {
  const times = new Times();
  for (let each = 0; each < 100_000; each++) times.add(each * 315_360);
  expect(times.data().count).toBe(100_000);
  expect(times.data().buckets.length).toBeLessThan(1_000);
  expect(times.data().longestMs).toBe(99_999 * 315_360);
});

test('nothing counted', () => {
  expect(new Times().quantile(0.5)).toBe(0);
  expect(new Times().data()).toEqual({ count: 0, longestMs: 0, buckets: [] });
});
