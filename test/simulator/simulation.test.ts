import { describe, expect, test } from '@jest/globals';
import { faultKinds } from '../../src/simulator/faults.ts';
import { replayCommand } from '../../src/simulator/replay.ts';
import { simulate } from '../../src/simulator/simulation.ts';

const small = { nodes: 5, hours: 1, zones: 2 };
/** The histories that this test looks at. */
const seeds = Array.from({ length: 24 }, (_, index) => index + 1);

describe('the simulator', () => {
  test('one seed is one history, byte for byte, and another seed another', async () => {
    const [first, again, other] = [
      await simulate({ seed: 2, ...small, hours: 6 }),
      await simulate({ seed: 2, ...small, hours: 6 }),
      await simulate({ seed: 3, ...small, hours: 6 }),
    ];
    expect(again).toEqual(first);
    expect(other.digest).not.toBe(first.digest);
    expect(first.events).toBeGreaterThan(50);
    // Eighteen simulated hours: on a busy machine more than the usual time.
  }, 30_000);

  test.each(seeds.map((seed) => [seed]))('seed %i: no invariant is broken', async (seed) => {
    const result = await simulate({ seed, ...small });
    expect({
      violation: result.violation,
      story: result.story,
      replay: replayCommand(result.options),
    }).toEqual({
      violation: null,
      story: [],
      replay: expect.any(String),
    });
  });

  test.each([
    ['kubeletDies', 'restartingKubelet'],
    ['needsReboot', 'rebooting'],
    ['diskBroken', 'resetting'],
    ['unbootable', 'replacing'],
    ['stoppedByPerson', 'rebooting'],
    ['deletedByPerson', 'replacing'],
  ] as const)('%s alone is healed by %s', async (fault, rung) => {
    const { repairs, violation } = await simulate({ seed: 5, nodes: 6, hours: 2, zones: 2, faults: [fault] });
    expect(violation).toBeNull();
    expect(repairs.length).toBeGreaterThan(0);
    const healed = repairs.find((each) => each.fault === fault && each.rung === rung);
    expect(healed?.times.count).toBeGreaterThan(0);
  });

  test('every fault can be asked for', () => {
    expect(new Set(faultKinds).size).toBe(faultKinds.length);
  });
});
