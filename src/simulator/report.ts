import { createHash } from 'node:crypto';
import type { FaultKind } from './faults.ts';
import type { InvariantId } from './invariants.ts';
import type { Counts, SimulationResult } from './outcome.ts';
import type { Shortest } from './shortest.ts';
import type { SimulationOptions } from './simulation.ts';
import { Times } from './times.ts';

/** Runs together, as plain data: what `wdrip simulate --json` prints. Times in ms, shares 0 to 1. */
export interface Report {
  /** How many seeds were run to their end. */
  readonly seeds: number;
  readonly simulatedHours: number;
  readonly nodeHours: number;
  /** SHA-256 over the digests of all runs: the same for the same seeds and options, whatever machine and number of jobs. */
  readonly digest: string;
  /** Share of the nodes' time in which they were up. */
  readonly availability: number;
  /** The run with the lowest availability. */
  readonly worst: { readonly seed: number; readonly availability: number } | null;
  /** The faults that were inflicted, by kind. */
  readonly faults: Counts;
  /** Time until a node that a fault had taken away was up again, by fault and the dearest rung that began meanwhile. */
  readonly repairs: readonly {
    readonly fault: FaultKind;
    readonly rung: string;
    readonly count: number;
    readonly medianMs: number;
    /** 19 of 20 were not longer. */
    readonly p95Ms: number;
    readonly longestMs: number;
    /** The seed with the longest. */
    readonly longestSeed: number;
  }[];
  /** The changes that took effect on instances, by call. */
  readonly actions: Counts;
  /** How often the supervisor died and was started again. */
  readonly crashes: number;
  /** Of the time for which the pools' budgets allow nodes to be away for repair: the share that was used. */
  readonly budgetUsed: number;
  /** How often each invariant was looked at, by its number. */
  readonly checks: Counts;
  /** Runs that broke an invariant, or could not be carried out to their end: all of them, and by invariant. */
  readonly failed: number;
  readonly failedBy: Counts;
  /** The first of them, in the order of their seeds. */
  readonly failures: readonly FailedRun[];
}

/** A run that broke an invariant, or (`invariant` null) a defect that ended it. */
export interface FailedRun {
  readonly seed: number;
  readonly invariant: InvariantId | null;
  readonly what: string;
  /** The options that show it, and the story that they tell: the shortest that were found. */
  readonly options: SimulationOptions;
  readonly story: readonly string[];
  /** How it was made shorter, if that was tried. */
  readonly shortest: {
    readonly faults: number;
    readonly ofFaults: number;
    readonly runs: number;
  } | null;
}

/** Failed runs that are kept with their stories. Of the others there are only counts: memory must not grow with the seeds. */
const mostKept = 20;

const ladder = ['none', 'restartingKubelet', 'rebooting', 'resetting', 'replacing'];

interface RepairGroup {
  readonly fault: FaultKind;
  readonly rung: string;
  readonly times: Times;
  longestSeed: number;
  longestMs: number;
}

/** Folds one run after the other, in the order of their seeds, into a report, in a room that does not grow with their number. */
export class Totals {
  readonly #repairs = new Map<string, RepairGroup>();
  readonly #counts = {
    faults: new Map<string, number>(),
    actions: new Map<string, number>(),
    checks: new Map<string, number>(),
    failedBy: new Map<string, number>(),
  };
  readonly #failures: FailedRun[] = [];
  readonly #digest = createHash('sha256');
  #worst: Report['worst'] = null;
  #seeds = 0;
  #simulatedMs = 0;
  #upMs = 0;
  #nodesMs = 0;
  #nodeHours = 0;
  #crashes = 0;
  #permitMs = 0;
  #budgetMs = 0;
  #failed = 0;

  /** Returns what failed, or null. */
  add(result: SimulationResult): FailedRun | null {
    const seed = result.options.seed;
    this.#seeds += 1;
    this.#digest.update(`${seed} ${result.digest}\n`);
    this.#simulatedMs += result.simulatedMs;
    const { nodes, masters = 0 } = result.options;
    this.#nodeHours += (result.simulatedMs / 3_600_000) * (nodes + masters);
    this.#upMs += result.upMs;
    this.#nodesMs += result.nodesMs;
    this.#crashes += result.crashes;
    this.#permitMs += result.permitMs;
    this.#budgetMs += result.budgetMs;
    const availability = share(result.upMs, result.nodesMs, 1);
    if (this.#worst === null || availability < this.#worst.availability) this.#worst = { seed, availability };
    for (const each of ['faults', 'actions', 'checks'] as const) merge(this.#counts[each], result[each]);
    for (const { fault, rung, times } of result.repairs) {
      const key = `${fault} ${rung}`;
      const group = this.#repairs.get(key) ?? {
        fault,
        rung,
        times: new Times(),
        longestSeed: seed,
        longestMs: 0,
      };
      group.times.merge(times);
      if (times.longestMs > group.longestMs) [group.longestMs, group.longestSeed] = [times.longestMs, seed];
      this.#repairs.set(key, group);
    }
    const { violation, options, story } = result;
    if (violation === null) return null;
    const { invariant, what } = violation;
    return this.#fail({ seed, invariant, what, options, story, shortest: null });
  }

  /** A run that threw: the simulator or the supervisor failed where it must not. */
  addDefect(options: SimulationOptions, why: string): FailedRun {
    this.#seeds += 1;
    this.#digest.update(`${options.seed} ${why}\n`);
    return this.#fail({ seed: options.seed, invariant: null, what: why, options, story: [], shortest: null });
  }

  get seeds(): number {
    return this.#seeds;
  }

  get failed(): number {
    return this.#failed;
  }

  /** The first failed run of each invariant: those that are worth a search for their shortest prefix. */
  telling(): readonly FailedRun[] {
    const seen = new Set<InvariantId | null>();
    return this.#failures.filter(({ invariant }) => !seen.has(invariant) && seen.add(invariant));
  }

  /** A shorter history that shows the same takes the place of the one that was found. */
  shorten(failure: FailedRun, { result, faults, ofFaults, runs }: Shortest): void {
    const index = this.#failures.indexOf(failure);
    if (index < 0 || result.violation === null) return;
    const { what } = result.violation;
    const { options, story } = result;
    this.#failures[index] = { ...failure, what, options, story, shortest: { faults, ofFaults, runs } };
  }

  report(): Report {
    return {
      seeds: this.#seeds,
      simulatedHours: this.#simulatedMs / 3_600_000,
      nodeHours: this.#nodeHours,
      digest: this.#digest.copy().digest('hex'),
      availability: share(this.#upMs, this.#nodesMs, 1),
      worst: this.#worst,
      faults: sorted(this.#counts.faults),
      repairs: [...this.#repairs.values()].sort(byFaultAndRung).map(({ times, ...group }) => ({
        fault: group.fault,
        rung: group.rung,
        count: times.data().count,
        medianMs: times.quantile(0.5),
        p95Ms: times.quantile(0.95),
        longestMs: group.longestMs,
        longestSeed: group.longestSeed,
      })),
      actions: sorted(this.#counts.actions),
      crashes: this.#crashes,
      budgetUsed: share(this.#permitMs, this.#budgetMs, 0),
      checks: sorted(this.#counts.checks),
      failed: this.#failed,
      failedBy: sorted(this.#counts.failedBy),
      failures: this.#failures,
    };
  }

  #fail(run: FailedRun): FailedRun {
    this.#failed += 1;
    merge(this.#counts.failedBy, { [run.invariant ?? 'defect']: 1 });
    if (this.#failures.length < mostKept) this.#failures.push(run);
    return run;
  }
}

function byFaultAndRung(a: RepairGroup, b: RepairGroup): number {
  if (a.fault !== b.fault) return a.fault < b.fault ? -1 : 1;
  return ladder.indexOf(a.rung) - ladder.indexOf(b.rung);
}

function merge(into: Map<string, number>, counts: Counts): void {
  for (const [name, count] of Object.entries(counts)) into.set(name, (into.get(name) ?? 0) + count);
}

function sorted(counts: ReadonlyMap<string, number>): Counts {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function share(part: number, whole: number, ofNothing: number): number {
  return whole === 0 ? ofNothing : part / whole;
}
