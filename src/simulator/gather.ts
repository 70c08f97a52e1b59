import { Failure } from '../failure.ts';
import type { Jobs } from './jobs.ts';
import type { SimulationResult } from './outcome.ts';
import type { FailedRun, Totals } from './report.ts';
import type { SimulationOptions } from './simulation.ts';

/** Runs that are begun ahead of the one that is waited for, for each job: a slow one then keeps nobody idle, and few results are held. */
const aheadPerJob = 8;
/** So many dead workers are no accident of one seed: there is no sense in going on. */
const mostDeaths = 5;

type Ran =
  | { readonly options: SimulationOptions; readonly result: SimulationResult }
  | { readonly options: SimulationOptions; readonly why: unknown };

/**
 * Runs `seeds` seeds from `options.seed` on, and folds them into `totals` in the order of the seeds, however many jobs there are: the
 * report does not depend on it. A run that throws is a failed run of its seed. Returns early at the first failed run if `failFast`.
 * Throws the abort's reason if `signal` is aborted, and what the jobs throw when workers die again and again.
 */
export async function gather(given: {
  readonly options: SimulationOptions;
  readonly seeds: number;
  readonly jobs: Jobs;
  readonly totals: Totals;
  readonly signal: AbortSignal;
  readonly failFast: boolean;
  /** A seed has been folded: what failed, or null. */
  readonly onFolded: (failed: FailedRun | null) => void;
}): Promise<void> {
  const { options, seeds, jobs, totals, signal } = given;
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const pending: Promise<Ran>[] = [];
  let [begun, deaths] = [0, 0];
  for (let folded = 0; folded < seeds; folded++) {
    for (; begun < Math.min(seeds, folded + jobs.count * aheadPerJob); begun++)
      pending.push(ran(jobs, { ...options, seed: options.seed + begun }));
    const next = pending.shift();
    if (next === undefined) return;
    const outcome = await Promise.race([next, aborted]);
    given.onFolded(fold(totals, outcome));
    const why = 'why' in outcome ? outcome.why : null;
    if (why instanceof Failure && why.code === 'WorkerDied' && ++deaths >= mostDeaths) throw why;
    if (given.failFast && totals.failed > 0) return;
  }
}

function fold(totals: Totals, ran: Ran): FailedRun | null {
  if ('result' in ran) return totals.add(ran.result);
  const { options, why } = ran;
  return totals.addDefect(options, why instanceof Error ? (why.stack ?? why.message) : String(why));
}

/** Never rejects: many are under way at once, and each is looked at in its turn. */
function ran(jobs: Jobs, options: SimulationOptions): Promise<Ran> {
  return jobs.run(options).then(
    (result) => ({ options, result }),
    (why: unknown) => ({ options, why }),
  );
}
