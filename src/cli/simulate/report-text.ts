import { invariantNames } from '../../simulator/invariants.ts';
import { replayCommand } from '../../simulator/replay.ts';
import type { FailedRun, Report } from '../../simulator/report.ts';
import { span, table } from '../table.ts';

/** The report for people. The worst news come last, where the eye is when a long run has ended. */
export function reportText(report: Report): string {
  const parts = [
    head(report),
    repairs(report),
    work(report),
    invariants(report),
    ...report.failures.map(failed),
  ];
  const unseen = report.failed - report.failures.length;
  if (unseen > 0) parts.push(`and ${unseen} more failed runs, of which only the count is kept`);
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function head({ seeds, simulatedHours, nodeHours, faults, availability, worst }: Report): string {
  const struck = Object.values(faults).reduce((sum, count) => sum + count, 0);
  return [
    `${plural(seeds, 'seed')}: ${grouped(simulatedHours)} simulated hours, ${grouped(nodeHours)} node-hours, ${plural(struck, 'fault')}`,
    `nodes were up for ${percent(availability)} of the time${
      worst === null || seeds === 1
        ? ''
        : `; in the worst run (seed ${worst.seed}) for ${percent(worst.availability)}`
    }`,
  ].join('\n');
}

function repairs({ repairs: rows }: Report): string {
  if (rows.length === 0) return '';
  const cells = rows.map(({ fault, rung, count, medianMs, p95Ms, longestMs, longestSeed }, index) => [
    rows[index - 1]?.fault === fault ? '' : fault,
    rung === 'none' ? '(by itself)' : rung,
    grouped(count),
    span(medianMs),
    span(p95Ms),
    span(Math.round(longestMs / 1_000) * 1_000),
    String(longestSeed),
  ]);
  return table(['FAULT', 'DEAREST RUNG', 'TIMES', 'MEDIAN', '95 %', 'LONGEST', 'SEED'], cells);
}

function work({ actions, crashes, budgetUsed }: Report): string {
  const done = Object.entries(actions).map(([call, count]) => `${call} ${grouped(count)}`);
  return [
    `changes to instances: ${done.length === 0 ? 'none' : done.join(', ')}`,
    `repairs used ${percent(budgetUsed)} of what the budgets allow`,
    `the supervisor was killed ${crashes === 1 ? 'once' : `${grouped(crashes)} times`}, and took up where it was`,
  ].join('\n');
}

function invariants({ checks, failedBy }: Report): string {
  // In the order of their list; what was never looked at says nothing.
  const rows = Object.entries(invariantNames).flatMap(([invariant, name]) => {
    const count = checks[invariant];
    return count === undefined ? [] : [[invariant, name, grouped(count), broken(failedBy[invariant] ?? 0)]];
  });
  const defects = failedBy.defect ?? 0;
  if (defects > 0) rows.push(['-', 'every run comes to its end', '', broken(defects)]);
  return table(['INVARIANT', '', 'LOOKED AT', ''], rows);
}

function broken(runs: number): string {
  return runs === 0 ? 'held' : `BROKEN in ${plural(runs, 'run')}`;
}

/** What a failed seed comes to, in one sentence. Of a defect the rest is its stack. */
export function failureTitle({ seed, invariant, what }: FailedRun): string {
  return invariant === null
    ? `seed ${seed} ended in a defect: ${what}`
    : `seed ${seed} breaks invariant ${invariant}: ${what}`;
}

function failed(failure: FailedRun): string {
  const { options, story, shortest } = failure;
  const made =
    shortest === null
      ? ''
      : `${plural(shortest.faults, 'fault')} of ${shortest.ofFaults} ${shortest.faults === 1 ? 'is' : 'are'} enough (found in ${plural(shortest.runs, 'run')})`;
  return [
    failureTitle(failure),
    made,
    ...story.map((line) => `  ${line}`),
    `run it again: ${replayCommand(options)}`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Whole, in groups of three digits: `1 234 567`. */
function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ');
}

function plural(count: number, thing: string): string {
  return `${grouped(count)} ${thing}${count === 1 ? '' : 's'}`;
}
