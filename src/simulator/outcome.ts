import type { CrashPlan } from './crashing-store.ts';
import type { FaultKind, Swarm } from './faults.ts';
import type { Violation } from './invariants.ts';
import type { SimulationOptions } from './simulation.ts';
import { type CountedTimes, Times } from './times.ts';

/** How long it took until nodes were up again after a fault had taken them away. */
export interface RepairTimes {
  readonly fault: FaultKind;
  /** The dearest rung that began meanwhile, or `none`. */
  readonly rung: string;
  readonly times: CountedTimes;
}

/** Counted by a name. */
export type Counts = Readonly<Record<string, number>>;

/** What became of one run, as plain data whose size does not grow with the simulated time. */
export interface SimulationResult {
  readonly options: SimulationOptions;
  readonly simulatedMs: number;
  readonly swarm: Swarm;
  readonly violation: Violation | null;
  /** What led to the violation, newest last, with times relative to it. Empty without one. */
  readonly story: readonly string[];
  readonly events: number;
  /** SHA-256 of the whole history. */
  readonly digest: string;
  /** Of the nodes' time together: how much of it they were up, and all of it, in ms. */
  readonly upMs: number;
  readonly nodesMs: number;
  readonly repairs: readonly RepairTimes[];
  /** The changes that took effect on instances, by call. */
  readonly actions: Counts;
  /** How often each invariant was looked at, by its number. */
  readonly checks: Counts;
  /** The faults that were inflicted, by kind; how many were drawn, and when the last one struck, in ms since the calm start. */
  readonly faults: Counts;
  readonly faultsDrawn: number;
  readonly lastFaultMs: number;
  /** The supervisor's deaths that it was started again after. */
  readonly crashes: number;
  /** Of those, the ones in the middle of a commit, and while the records were read back. */
  readonly crashesInCommit: number;
  readonly crashesRestoring: number;
  /** Permits to take a node away: how long they were held together, and how long the budgets would have allowed, in ms. */
  readonly permitMs: number;
  readonly budgetMs: number;
}

const rungOrder = ['none', 'restartingKubelet', 'rebooting', 'resetting', 'replacing'];

/** What the simulation alone knows of its end. */
type Ending = Pick<
  SimulationResult,
  'options' | 'simulatedMs' | 'swarm' | 'violation' | 'story' | 'events' | 'digest' | 'faultsDrawn'
>;

/** Gathers what the report tells. Times are epoch ms, but where they are said to be spans. */
export class Outcome {
  readonly #nodes: number;
  readonly #calmUntil: number;
  /** How many permits the budgets of all pools allow together. */
  readonly #budget: number;
  /** By slot: the fault that took its node away and has not been made good. */
  readonly #open = new Map<
    string,
    { readonly fault: FaultKind; readonly at: number; rung: string; down: boolean }
  >();
  readonly #repairs = new Map<
    string,
    { readonly fault: FaultKind; readonly rung: string; readonly times: Times }
  >();
  readonly #actions = new Map<string, number>();
  readonly #checks = new Map<string, number>();
  readonly #faults = new Map<string, number>();
  readonly #permits = new Set<string>();
  /** By slot: how many of its instances are up. */
  readonly #up = new Map<string, number>();
  #countedUntil: number;
  #crashes = 0;
  #crashesInCommit = 0;
  #crashesRestoring = 0;
  #lastFaultMs = 0;
  #upMs = 0;
  #nodesMs = 0;
  #permitMs = 0;
  #budgetMs = 0;

  constructor(options: { readonly nodes: number; readonly calmUntil: number; readonly budget: number }) {
    this.#nodes = options.nodes;
    this.#calmUntil = options.calmUntil;
    this.#budget = options.budget;
    this.#countedUntil = options.calmUntil;
  }

  /** A fault is inflicted, on whatever. */
  inflicted(kind: FaultKind, at: number): void {
    count(this.#faults, kind);
    this.#lastFaultMs = at - this.#calmUntil;
  }

  /** A fault took the slot's node away. A second one while the first lasts belongs to the first. */
  struck(slot: string, fault: FaultKind, at: number): void {
    if (slot !== '' && !this.#open.has(slot))
      this.#open.set(slot, { fault, at, rung: 'none', down: !this.#up.has(slot) });
  }

  moved(slot: string, state: string): void {
    const open = this.#open.get(slot);
    const rung = /^repairing\.(\w+)\.acting$/.exec(state)?.[1];
    if (open && rung && rungOrder.indexOf(rung) > rungOrder.indexOf(open.rung)) open.rung = rung;
  }

  /** Whether the slot's actor holds a permit now. */
  permit(slot: string, held: boolean, now: number): void {
    if (held === this.#permits.has(slot)) return;
    this.#countUntil(now);
    if (held) this.#permits.add(slot);
    else this.#permits.delete(slot);
  }

  acted(call: string): void {
    count(this.#actions, call);
  }

  checked(invariant: string): void {
    count(this.#checks, invariant);
  }

  /** The supervisor dies. `at`: where, if it was planned so. */
  crashed(at: CrashPlan['at'] | null): void {
    this.#crashes += 1;
    if (at === 'commit') this.#crashesInCommit += 1;
    if (at === 'restore') this.#crashesRestoring += 1;
  }

  /** An instance of the slot is up from now on, or is not any more. */
  stands(slot: string, isUp: boolean, now: number): void {
    this.#countUntil(now);
    const count = (this.#up.get(slot) ?? 0) + (isUp ? 1 : -1);
    if (count > 0) this.#up.set(slot, count);
    else this.#up.delete(slot);
    const open = this.#open.get(slot);
    if (open === undefined) return;
    if (count === 0) open.down = true;
    else if (open.down) {
      this.#repaired(open.fault, open.rung, now - open.at);
      this.#open.delete(slot);
    }
  }

  /** The time since the last change, in which everything was as it is. */
  #countUntil(now: number): void {
    const ms = now - this.#countedUntil;
    if (ms <= 0) return;
    this.#countedUntil = now;
    this.#upMs += this.#up.size * ms;
    this.#nodesMs += this.#nodes * ms;
    this.#permitMs += this.#permits.size * ms;
    this.#budgetMs += this.#budget * ms;
  }

  /** At the end, now. */
  result(now: number, ending: Ending): SimulationResult {
    this.#countUntil(now);
    return {
      ...ending,
      upMs: this.#upMs,
      nodesMs: this.#nodesMs,
      repairs: [...this.#repairs.values()].map(({ times, ...rest }) => ({ ...rest, times: times.data() })),
      actions: sorted(this.#actions),
      checks: sorted(this.#checks),
      faults: sorted(this.#faults),
      lastFaultMs: this.#lastFaultMs,
      crashes: this.#crashes,
      crashesInCommit: this.#crashesInCommit,
      crashesRestoring: this.#crashesRestoring,
      permitMs: this.#permitMs,
      budgetMs: this.#budgetMs,
    };
  }

  #repaired(fault: FaultKind, rung: string, ms: number): void {
    const key = `${fault} ${rung}`;
    const group = this.#repairs.get(key) ?? { fault, rung, times: new Times() };
    group.times.add(ms);
    this.#repairs.set(key, group);
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** In the order of the names' UTF-16 units, which no language setting changes. */
function sorted(counts: ReadonlyMap<string, number>): Counts {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
