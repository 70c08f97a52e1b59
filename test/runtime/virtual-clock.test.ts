import { expect, test } from '@jest/globals';
import { sleep } from '../../src/runtime/clock.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';

test('time goes from timer to timer, those included that are armed on the way', async () => {
  const clock = createVirtualClock(1_000);
  const seen: [string, number][] = [];
  const note = (name: string) => () => seen.push([name, clock.now()]);
  clock.after(100, () => {
    note('first')();
    clock.after(100, note('chained'));
  });
  clock.after(200, note('second'));
  clock.after(300, note('never'))();
  await clock.advance(250);
  expect(seen).toEqual([
    ['first', 1_100],
    ['second', 1_200],
    ['chained', 1_200],
  ]);
  expect([clock.now(), clock.next()]).toEqual([1_250, undefined]);
});

test('whoever sleeps wakes before time goes on', async () => {
  const clock = createVirtualClock();
  const woken: number[] = [];
  const sleeper = (async () => {
    for (let round = 0; round < 3; round++) {
      await sleep(clock, 10);
      woken.push(clock.now());
    }
  })();
  await clock.advance(100);
  await sleeper;
  expect(woken).toEqual([10, 20, 30]);
});

test('a timer that is overdue fires next, never within the call', async () => {
  const clock = createVirtualClock(5);
  let fired = false;
  clock.after(-10, () => {
    fired = true;
  });
  expect(fired).toBe(false);
  await clock.advance(0);
  expect([fired, clock.now(), clock.step()]).toEqual([true, 5, false]);
});
