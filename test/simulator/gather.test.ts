import { describe, expect, test } from '@jest/globals';
import { Failure } from '../../src/failure.ts';
import { gather } from '../../src/simulator/gather.ts';
import type { Jobs } from '../../src/simulator/jobs.ts';
import type { SimulationResult } from '../../src/simulator/outcome.ts';
import { Totals } from '../../src/simulator/report.ts';
import type { SimulationOptions } from '../../src/simulator/simulation.ts';
import { resultOf, violationOf } from './result.ts';

const options = { seed: 10, nodes: 5, hours: 1, zones: 2 };

/** Jobs whose runs end when the test says so, in any order. */
function scripted(count: number) {
  const open = new Map<
    number,
    { readonly options: SimulationOptions; resolve(result: SimulationResult): void; reject(why: Error): void }
  >();
  const jobs: Jobs = {
    count,
    run: (asked) =>
      new Promise((resolve, reject) => open.set(asked.seed, { options: asked, resolve, reject })),
    close: () => {},
  };
  return {
    jobs,
    open,
    end(seed: number, over: Partial<SimulationResult> = {}) {
      const run = open.get(seed);
      open.delete(seed);
      run?.resolve(resultOf(run.options, over));
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function start(jobs: Jobs, seeds: number, over: { failFast?: boolean; signal?: AbortSignal } = {}) {
  const totals = new Totals();
  const folded: number[] = [];
  const done = gather({
    options,
    seeds,
    jobs,
    totals,
    signal: over.signal ?? new AbortController().signal,
    failFast: over.failFast ?? false,
    onFolded: () => folded.push(totals.seeds),
  });
  return { totals, folded, done };
}

describe('gathering', () => {
  test('results are folded in the order of the seeds, whatever order they come in', async () => {
    const { jobs, end } = scripted(2);
    const { totals, folded, done } = start(jobs, 4);
    for (const seed of [13, 11, 12]) end(seed, { violation: violationOf(4) });
    await settled();
    expect(folded).toEqual([]);
    end(10, { violation: violationOf(8) });
    await done;
    expect(totals.report().failures.map(({ seed }) => seed)).toEqual([10, 11, 12, 13]);
  });

  test('only so many runs are begun ahead of the one that is waited for', async () => {
    const { jobs, open, end } = scripted(2);
    const { done } = start(jobs, 1_000);
    expect(open.size).toBe(16);
    for (let seed = 11; seed < 26; seed++) end(seed);
    await settled();
    expect(open.size).toBe(1);
    end(10);
    await settled();
    expect(open.size).toBe(16);
    for (let seed = 26; seed < 1_010; seed++) {
      end(seed);
      await settled();
    }
    await done;
  });

  test('with failFast the first failed seed is the last one, also if a later one failed sooner', async () => {
    const { jobs, end } = scripted(4);
    const { totals, done } = start(jobs, 100, { failFast: true });
    end(12, { violation: violationOf(4) });
    end(10);
    end(11, { violation: violationOf(6) });
    await done;
    expect(totals.report()).toMatchObject({ seeds: 2, failed: 1, failures: [{ seed: 11, invariant: 6 }] });
  });

  test('a run that throws is a failed run of its seed, and the others go on', async () => {
    const { jobs, open, end } = scripted(2);
    const { totals, done } = start(jobs, 2);
    open.get(10)?.reject(new Error('planted'));
    end(11);
    await done;
    expect(totals.report()).toMatchObject({
      seeds: 2,
      failed: 1,
      failures: [{ seed: 10, invariant: null, what: expect.stringContaining('planted') }],
    });
  });

  test('workers that die again and again end it, and each names its seed', async () => {
    const { jobs, open } = scripted(2);
    const { totals, done } = start(jobs, 100);
    for (const [seed, { reject }] of open)
      reject(new Failure({ kind: 'rejected', code: 'WorkerDied', message: `seed ${seed} died` }));
    await expect(done).rejects.toMatchObject({ code: 'WorkerDied', message: 'seed 14 died' });
    expect(totals.report().failures.map(({ seed }) => seed)).toEqual([10, 11, 12, 13, 14]);
  });

  test('an abort ends it at once, and what is known stays known', async () => {
    const { jobs, end } = scripted(2);
    const stop = new AbortController();
    const { totals, done } = start(jobs, 100, { signal: stop.signal });
    end(10);
    await settled();
    stop.abort(new Error('enough'));
    await expect(done).rejects.toThrow('enough');
    expect(totals.seeds).toBe(1);
  });
});
