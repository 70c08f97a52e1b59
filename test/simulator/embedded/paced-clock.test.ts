import { describe, expect, test } from '@jest/globals';
import { microtasksDone } from '../../../src/runtime/clock.ts';
import { createVirtualClock } from '../../../src/runtime/virtual-clock.ts';
import { createPacedClock } from '../../../src/simulator/embedded/paced-clock.ts';

/** The wall's clock is a virtual one here, so that a test of time takes none. */
function stage(speed: number) {
  const wall = createVirtualClock(1_000_000);
  const clock = createPacedClock(wall, speed);
  const since = clock.now();
  /** Lets the wall's time pass, and what waits for it come to rest. */
  const pass = async (ms: number) => {
    await wall.advance(ms, async () => {
      for (let turn = 0; turn < 5; turn++) await microtasksDone();
    });
  };
  return { wall, clock, pass, passed: () => clock.now() - since };
}

describe('time at another speed', () => {
  test.each([1, 10, 60])('at %i a second on the wall is so many seconds', async (speed) => {
    const { clock, pass, passed } = stage(speed);
    clock.start();
    await pass(10_000);
    expect(passed()).toBe(10_000 * speed);
  });

  test('a change of speed counts from where it is made, and time never goes back', async () => {
    const { clock, pass, passed } = stage(60);
    clock.start();
    await pass(975);
    const before = passed();
    clock.setSpeed(1);
    expect(passed()).toBeGreaterThanOrEqual(before);
    await pass(1_025);
    expect(passed()).toBe(975 * 60 + 1_025);
  });

  test('timers fire at exactly their time, in order, and one that is called off never', async () => {
    const { clock, pass, passed } = stage(60);
    const fired: [string, number][] = [];
    clock.after(7_001, () => fired.push(['second', passed()]));
    clock.after(1_003, () => {
      fired.push(['first', passed()]);
      clock.after(500, () => fired.push(['armed on the way', passed()]));
    });
    clock.after(2_000, () => fired.push(['called off', passed()]))();
    clock.start();
    await pass(1_000);
    expect(fired).toEqual([
      ['first', 1_003],
      ['armed on the way', 1_503],
      ['second', 7_001],
    ]);
  });

  test('a machine that slept for a night, or whose clock was set back, loses no heartbeat', async () => {
    const { wall, clock, pass, passed } = stage(1);
    clock.start();
    await pass(100);
    wall.jump(8 * 3_600_000);
    await pass(100);
    expect(passed()).toBeLessThanOrEqual(1_200);
    const before = passed();
    wall.jump(-3_600_000);
    await pass(1_000);
    expect(passed()).toBeGreaterThan(before);
    expect(passed()).toBeLessThanOrEqual(before + 1_000);
  });

  test('nothing goes by before it starts or after it stops; what is skipped takes no time', async () => {
    const { clock, pass, passed } = stage(10);
    await pass(500);
    expect(passed()).toBe(0);
    await clock.skip(60_000);
    expect(passed()).toBe(60_000);
    clock.start();
    await pass(500);
    clock.stop();
    const stopped = passed();
    await pass(500);
    expect([stopped, passed()]).toEqual([65_000, 65_000]);
  });
});
