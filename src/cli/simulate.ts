import { Command } from 'commander';
import { Failure } from '../failure.ts';
import { systemClock } from '../runtime/clock.ts';
import { gather } from '../simulator/gather.ts';
import { type Jobs, localJobs, workerJobs } from '../simulator/jobs.ts';
import { replayCommand } from '../simulator/replay.ts';
import { Totals } from '../simulator/report.ts';
import { shortest } from '../simulator/shortest.ts';
import { checkTogether, type SimulateOptions, withSimulateOptions } from './simulate/options.ts';
import { Progress } from './simulate/progress.ts';
import { failureTitle, reportText } from './simulate/report-text.ts';
import { workerCommand } from './simulate/worker.ts';
import { untilSignalled } from './until-signalled.ts';

/** `wdrip simulate`: bad days in virtual time. Status 1 if an invariant is broken, or not all seeds were run. */
export function simulateCommand(): Command {
  const command = new Command('simulate').description(
    'runs the supervisor through simulated bad days in virtual time, and checks what must always hold',
  );
  return withSimulateOptions(command).action(run).addCommand(workerCommand(), { hidden: true });
}

async function run(given: SimulateOptions): Promise<void> {
  checkTogether(given);
  const { seeds, jobs: count, json, failFast, shorten, ...options } = given;
  const jobs = seeds === 1 ? localJobs() : workerJobs(Math.min(count, seeds));
  const progress = process.stderr.isTTY ? new Progress(systemClock(), process.stderr, seeds) : null;
  const totals = new Totals();
  const stop = new AbortController();
  void untilSignalled().then((signal) => stop.abort(interrupted(signal, totals.seeds, seeds)));
  let why: unknown = null;
  try {
    await gather({
      options,
      seeds,
      jobs,
      totals,
      signal: stop.signal,
      failFast: failFast === true,
      onFolded: (failed) => {
        if (failed !== null) {
          // At once: the report may be an hour away.
          progress?.end();
          const [title] = failureTitle(failed).split('\n');
          process.stderr.write(`${title} (${replayCommand(failed.options)})\n`);
        }
        progress?.show(totals.seeds, totals.failed);
      },
    });
    if (shorten) await shortenAll(totals, jobs, stop.signal, progress);
  } catch (caught) {
    why = caught;
  }
  jobs.close();
  progress?.end();
  // What is known is told, also of a run that was called off.
  const report = totals.report();
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  if (why !== null) throw why;
  process.exitCode = report.failed > 0 ? 1 : 0;
}

/** Looks for the shortest history of the first failed run of each invariant: those that people will read. */
async function shortenAll(
  totals: Totals,
  jobs: Jobs,
  signal: AbortSignal,
  progress: Progress | null,
): Promise<void> {
  const violations = totals.telling().filter(({ invariant }) => invariant !== null);
  if (violations.length === 0) return;
  progress?.say('looking for the shortest history that shows it');
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const searches = violations.map(async (failure) => {
    const found = await jobs.run(failure.options);
    totals.shorten(failure, await shortest(found, (options) => jobs.run(options)));
  });
  await Promise.race([Promise.all(searches), aborted]);
}

function interrupted(signal: string, done: number, seeds: number): Failure {
  return new Failure({
    kind: 'retryable',
    code: 'Interrupted',
    message: `${signal} after ${done} of ${seeds} seeds`,
  });
}
