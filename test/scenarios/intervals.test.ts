import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Interval, lengthOf, subtract, union, within } from './intervals.ts';

const interval = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 20 }))
  .map(([from, length]): Interval => ({ from, to: from + length }));
const moments = (intervals: readonly Interval[]) =>
  new Set(intervals.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index)));

test('a union is the same moments, ordered and apart', () => {
  fc.assert(
    fc.property(fc.array(interval), (intervals) => {
      const merged = union(intervals);
      expect(moments(merged)).toEqual(moments(intervals));
      merged.slice(1).forEach((each, index) => {
        expect(each.from).toBeGreaterThan(merged[index]?.to ?? Number.NaN);
      });
    }),
  );
});

test('what is left after a subtraction is every moment that was not taken, once', () => {
  fc.assert(
    fc.property(interval, fc.array(interval), (whole, taken) => {
      const left = subtract(whole, taken);
      const gone = moments(taken);
      expect(moments(left)).toEqual(new Set([...moments([whole])].filter((moment) => !gone.has(moment))));
      expect(lengthOf(left)).toBe(moments(left).size);
    }),
  );
});

test('what lies within bounds is cut to them', () => {
  expect(within({ from: 0, to: 10 }, { from: 5, to: 20 })).toEqual({ from: 5, to: 10 });
  expect(within({ from: 0, to: 5 }, { from: 5, to: 20 })).toBeNull();
});
