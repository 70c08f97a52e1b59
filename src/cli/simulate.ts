import { Command } from 'commander';
import { Failure } from '../failure.ts';
import { type FaultKind, faultKinds } from '../simulator/faults.ts';
import type { SimulationResult } from '../simulator/outcome.ts';
import { reportOf, reportText } from '../simulator/report.ts';
import { simulate } from '../simulator/simulation.ts';

interface Options {
  readonly seed: number;
  readonly seeds: number;
  readonly nodes: number;
  readonly hours: number;
  readonly zones: number;
  readonly faults?: readonly FaultKind[];
  readonly json?: true;
}

/** Bounds of what may be asked for: beyond them a run would take days, or the seed would not be one of 32 bits. */
const mostSeeds = 1_000_000;
const mostNodes = 1_000;
const mostHours = 8_760;
const mostZones = 26;
const largestSeed = 2 ** 32 - 1;

function whole(name: string, least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw usage(`--${name} must be a whole number from ${least} to ${most}, not ${text}`);
  };
}

function kinds(text: string): readonly FaultKind[] {
  return text.split(',').map((name) => {
    const kind = faultKinds.find((each) => each === name);
    if (kind === undefined) throw usage(`there is no fault ${name}; there are ${faultKinds.join(', ')}`);
    return kind;
  });
}

function usage(message: string): Failure {
  return new Failure({ kind: 'rejected', code: 'Usage', message });
}

/** `wdrip simulate`: bad days in virtual time. Fails if an invariant is broken. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'runs the supervisor through simulated bad days in virtual time, and checks what must always hold',
    )
    .option('--seed <n>', 'the first seed: one seed is one history', whole('seed', 0, largestSeed), 1)
    .option('--seeds <n>', 'how many seeds, one after the other', whole('seeds', 1, mostSeeds), 1)
    .option('--nodes <n>', 'nodes of the pool', whole('nodes', 1, mostNodes), 12)
    .option('--hours <n>', 'how long there are faults', whole('hours', 1, mostHours), 24)
    .option('--zones <n>', 'zones', whole('zones', 1, mostZones), 2)
    .option('--faults <names>', 'only these, by commas', kinds)
    .option('--json', 'the report as JSON')
    .action(async (options: Options) => {
      const { seed: first, seeds, json, ...rest } = options;
      if (first + seeds - 1 > largestSeed) throw usage(`the last seed would be larger than ${largestSeed}`);
      const results: SimulationResult[] = [];
      for (let seed = first; seed < first + seeds; seed++) {
        results.push(await simulate({ seed, ...rest }));
        if (seeds > 1 && process.stderr.isTTY) process.stderr.write(`\r${seed - first + 1} of ${seeds}`);
      }
      if (seeds > 1 && process.stderr.isTTY) process.stderr.write('\n');
      const report = reportOf(results);
      process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
      if (report.violations.length > 0) process.exitCode = 1;
    });
}
