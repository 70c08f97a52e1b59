import { availableParallelism } from 'node:os';
import { type Command, Option } from 'commander';
import { Failure } from '../../failure.ts';
import { type FaultKind, faultKinds } from '../../simulator/faults.ts';

/** What `wdrip simulate` was asked for, once commander has parsed it. */
export interface SimulateOptions {
  readonly seed: number;
  readonly seeds: number;
  readonly nodes: number;
  readonly masters: number;
  readonly hours: number;
  readonly zones: number;
  readonly faults?: readonly FaultKind[];
  readonly only?: readonly number[];
  readonly jobs: number;
  readonly failFast?: true;
  readonly shorten: boolean;
  readonly json?: true;
}

/** Bounds of what may be asked for: beyond them a run would take days, or the seed would not be one of 32 bits. */
const mostSeeds = 1_000_000;
const mostNodes = 10_000;
const mostHours = 8_760;
const mostZones = 26;
const mostFaults = 1_000_000;
const largestSeed = 2 ** 32 - 1;
/** More processes than this help nobody, and each takes some 100 MB. */
const mostJobs = 256;
/** etcd's members: an odd number, as a majority needs; 0: the simulated cluster has no control plane of its own. */
const mastersAllowed = [0, 1, 3, 5];

export function withSimulateOptions(command: Command): Command {
  return command
    .option('--seed <n>', 'the first seed: one seed is one history', whole('seed', 0, largestSeed), 1)
    .option('--seeds <n>', 'how many seeds from there on', whole('seeds', 1, mostSeeds), 1)
    .option('--nodes <n>', 'worker nodes', whole('nodes', 1, mostNodes), 12)
    .option('--masters <n>', 'control-plane nodes: 0, 1, 3 or 5', masters, 0)
    .option('--zones <n>', 'zones', whole('zones', 1, mostZones), 2)
    .option('--hours <n>', 'how long there are faults', whole('hours', 1, mostHours), 24)
    .option('--faults <names>', 'draw only from these, by commas', kinds)
    .addOption(
      new Option(
        '--only <numbers>',
        'of the faults that are drawn, inflict only those with these numbers, or none',
      ).argParser(numbers),
    )
    .option(
      '--jobs <n>',
      'processes that work at the same time (default: one for each core)',
      whole('jobs', 1, mostJobs),
      availableParallelism(),
    )
    .option('--fail-fast', 'end at the first seed that fails')
    .option('--no-shorten', "don't look for the shortest history that shows a violation")
    .option('--json', 'the report as JSON');
}

/** Throws `Failure` `Usage` where options don't go together. */
export function checkTogether({ seed, seeds, only }: SimulateOptions): void {
  if (seed + seeds - 1 > largestSeed) throw usage(`the last seed would be larger than ${largestSeed}`);
  if (only !== undefined && seeds > 1)
    throw usage('--only names faults of one seed: it does not go with --seeds');
}

function whole(name: string, least: number, most: number) {
  return (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw usage(`--${name} must be a whole number from ${least} to ${most}, not ‹${text}›`);
  };
}

function masters(text: string): number {
  const count = mastersAllowed.find((each) => String(each) === text);
  if (count === undefined)
    throw usage(`--masters must be one of ${mastersAllowed.join(', ')}, not ‹${text}›`);
  return count;
}

function kinds(text: string): readonly FaultKind[] {
  return text.split(',').map((name) => {
    const kind = faultKinds.find((each) => each === name);
    if (kind === undefined) throw usage(`there is no fault ‹${name}›; there are ${faultKinds.join(', ')}`);
    return kind;
  });
}

function numbers(text: string): readonly number[] {
  return text === 'none' ? [] : text.split(',').map(whole('only', 1, mostFaults));
}

function usage(message: string): Failure {
  return new Failure({ kind: 'rejected', code: 'Usage', message });
}
