import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createDeadlines } from '../../src/runtime/deadlines.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';

test('deadlines fire in the order of their times, equal ones in the order in which they were armed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(50)), async (dues) => {
      const clock = createVirtualClock(0);
      const fired: [number, number][] = [];
      const deadlines = createDeadlines<number>({
        clock,
        isCurrent: () => true,
        fire: ({ owner, due }) => {
          expect(clock.now()).toBe(due);
          fired.push([due, owner]);
        },
      });
      for (const [owner, due] of dues.entries()) deadlines.arm(owner, 'x', due);
      deadlines.settle();
      await clock.advance(50);
      const expected = dues.map((due, owner): [number, number] => [due, owner]).sort(([a], [b]) => a - b);
      expect(fired).toEqual(expected);
    }),
  );
});

test('one timer of the clock serves them all, and called-off ones do not pile up', async () => {
  const clock = createVirtualClock(0);
  let timers = 0;
  const counting = {
    ...clock,
    after: (ms: number, fire: () => void) => {
      timers += 1;
      return clock.after(ms, fire);
    },
  };
  let checks = 0;
  const fired: number[] = [];
  const deadlines = createDeadlines<number>({
    clock: counting,
    isCurrent: ({ owner }) => {
      checks += 1;
      return owner === 99_999;
    },
    fire: ({ owner }) => fired.push(owner),
  });
  for (let owner = 0; owner < 100_000; owner++) {
    deadlines.arm(owner, 'x', 1_000 + owner);
    deadlines.settle();
  }
  await clock.advance(200_000);
  expect(fired).toEqual([99_999]);
  // Compaction looks at each a few times; what it threw away is not there any more to be woken for.
  expect(checks).toBeLessThan(400_000);
  expect(timers).toBeLessThan(2_000);
});

test('a stopped one fires nothing', async () => {
  const clock = createVirtualClock(0);
  const deadlines = createDeadlines<number>({
    clock,
    isCurrent: () => true,
    fire: () => {
      throw new Error('fired');
    },
  });
  deadlines.arm(1, 'x', 10);
  deadlines.settle();
  deadlines.stop();
  await clock.advance(100);
  expect(clock.next()).toBeUndefined();
});

test('when the machine’s clock is set back, a deadline waits for its own time', async () => {
  const clock = createVirtualClock(10_000);
  const fired: number[] = [];
  const deadlines = createDeadlines<string>({
    clock,
    isCurrent: () => true,
    fire: () => fired.push(clock.now()),
  });
  deadlines.arm('a', 'x', 11_000);
  deadlines.settle();
  clock.jump(-5_000);
  await clock.advance(1_000);
  expect(fired).toEqual([]);
  await clock.advance(5_000);
  expect(fired).toEqual([11_000]);
});
