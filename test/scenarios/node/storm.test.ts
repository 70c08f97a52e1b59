import { expect, test } from '@jest/globals';
import { mostAtOnce } from './storm.ts';

test('permits that only touch are one at a time, and those that overlap are counted', () => {
  expect(mostAtOnce([[{ from: 0, to: 10 }], [{ from: 10, to: 20 }]])).toBe(1);
  expect(mostAtOnce([[{ from: 0, to: 11 }], [{ from: 10, to: 20 }], [{ from: 10, to: 12 }]])).toBe(3);
  expect(mostAtOnce([])).toBe(0);
});
