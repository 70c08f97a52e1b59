import { expect, jest, test } from '@jest/globals';
import { systemClock, wallTime } from '../../src/runtime/clock.ts';

test('safety 61: setting the clock of the machine changes no time within a life, but the time of day', () => {
  const clock = systemClock();
  const [before, real] = [clock.now(), Date.now()];
  expect(Math.abs(before - real)).toBeLessThan(60_000);
  const day = jest.spyOn(Date, 'now');
  try {
    for (const shown of [real - 3_600_000, real + 3_600_000]) {
      day.mockReturnValue(shown);
      expect(wallTime(clock)).toBe(shown);
      expect(clock.now() - before).toBeGreaterThanOrEqual(0);
      expect(clock.now() - before).toBeLessThan(60_000);
    }
  } finally {
    day.mockRestore();
  }
});

test('a clock that has no time of day of its own shows its time', () => {
  expect(wallTime({ now: () => 5, after: () => () => {} })).toBe(5);
});
