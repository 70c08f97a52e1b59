import { expect, test } from '@jest/globals';
import { nextRun } from '../../src/backup/schedule.ts';
import { Failure } from '../../src/failure.ts';

const now = Date.UTC(2026, 10, 24, 17, 46, 13, 200);

test.each([
  ['*/10 * * * *', '2026-11-24T17:50:00.000Z'],
  ['*/30 * * * * *', '2026-11-24T17:46:30.000Z'],
  ['0 3 * * *', '2026-11-25T03:00:00.000Z'],
  ['0 12 * * 1', '2026-11-30T12:00:00.000Z'],
  ['0 0 29 2 *', '2028-02-29T00:00:00.000Z'],
])('%s comes next at %s', (expression, at) => {
  expect(new Date(nextRun(expression, now)).toISOString()).toBe(at);
});

test('exactly when it is due the next one is asked for', () => {
  expect(nextRun('*/10 * * * *', Date.UTC(2026, 0, 1))).toBe(Date.UTC(2026, 0, 1, 0, 10));
});

test.each(['', 'every day', '0 0 31 2 *', '61 * * * *'])('"%s" is refused', (expression) => {
  expect(() => nextRun(expression, now)).toThrow(Failure);
});
