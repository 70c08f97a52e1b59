import { describe, expect, test } from '@jest/globals';
import { shortest } from '../../src/simulator/shortest.ts';
import type { SimulationOptions } from '../../src/simulator/simulation.ts';
import { resultOf, violationOf } from './result.ts';

/** A world in which an invariant breaks as soon as all `needed` faults have struck; fault n strikes in hour n / 10. */
function world(needed: readonly number[], drawn: number) {
  const runs: SimulationOptions[] = [];
  const run = async (options: SimulationOptions) => {
    runs.push(options);
    const struck = Array.from({ length: drawn }, (_, index) => index + 1).filter(
      (number) => (options.only ?? [number]).includes(number) && number / 10 < options.hours,
    );
    const broken = needed.every((number) => struck.includes(number));
    return resultOf(options, {
      violation: broken ? violationOf(4) : null,
      faultsDrawn: drawn,
      lastFaultMs: ((struck.at(-1) ?? 0) / 10) * 3_600_000,
    });
  };
  return { run, runs };
}

describe('the shortest history that shows a violation', () => {
  test.each([
    [[7], 100, 1],
    [[3, 58], 100, 6],
    [[1, 50, 100], 100, 11],
    [[2, 3, 5, 7, 11, 13], 40, 2],
  ])('of %j among %i faults', async (needed, drawn, hours) => {
    const { run } = world(needed, drawn);
    const found = await run({ seed: 3, nodes: 5, zones: 2, hours: 24 });
    const { result, faults, ofFaults, runs } = await shortest(found, run);
    expect(result.options).toMatchObject({ seed: 3, only: needed, hours });
    expect(result.violation).toMatchObject({ invariant: 4 });
    expect([faults, ofFaults]).toEqual([needed.length, drawn]);
    expect(runs).toBeLessThanOrEqual(80);
  });

  test('one that takes no fault at all', async () => {
    const { run, runs } = world([], 100);
    const { result } = await shortest(await run({ seed: 3, nodes: 5, zones: 2, hours: 24 }), run);
    expect(result.options).toMatchObject({ only: [], hours: 1 });
    expect(runs.length).toBeLessThan(6);
  });

  test('one that takes every fault stays as it is, within the bound of runs', async () => {
    const all = Array.from({ length: 200 }, (_, index) => index + 1);
    const { run, runs } = world(all, 200);
    const { faults } = await shortest(await run({ seed: 3, nodes: 5, zones: 2, hours: 24 }), run);
    expect(faults).toBe(200);
    expect(runs.length).toBeLessThanOrEqual(81);
  });

  test('another invariant is another story, and a run that throws shows nothing', async () => {
    const { run } = world([7, 9], 20);
    const other = async (options: SimulationOptions) => {
      if (options.only?.length === 10) throw new Error('planted');
      const result = await run(options);
      return result.violation === null ? { ...result, violation: violationOf(8) } : result;
    };
    const found = await run({ seed: 3, nodes: 5, zones: 2, hours: 24 });
    expect((await shortest(found, other)).result).toMatchObject({
      options: { only: [7, 9] },
      violation: { invariant: 4 },
    });
  });
});
