import type { FaultKind, Swarm } from './faults.ts';
import type { Violation } from './invariants.ts';

/** One fault that took a node away, until its node was up again. */
export interface Repair {
  readonly fault: FaultKind;
  /** The dearest rung that began meanwhile, or `none`. */
  readonly rung: string;
  readonly ms: number;
}

export interface SimulationResult {
  readonly seed: number;
  readonly options: {
    readonly nodes: number;
    readonly hours: number;
    readonly zones: number;
    readonly masters?: number;
    readonly only?: readonly number[];
    readonly faults?: readonly FaultKind[];
  };
  readonly simulatedMs: number;
  readonly swarm: Swarm;
  readonly violation: Violation | null;
  /** What led to the violation, newest last. Empty without one. */
  readonly story: readonly string[];
  readonly events: number;
  /** SHA-256 of the whole history. */
  readonly digest: string;
  /** Share of the nodes' time in which they were up, 0 to 1. */
  readonly availability: number;
  readonly repairs: readonly Repair[];
  readonly actions: Readonly<Record<string, number>>;
  readonly checks: number;
}

const rungOrder = ['none', 'restartingKubelet', 'rebooting', 'resetting', 'replacing'];

/** Gathers what the report tells. */
export class Outcome {
  readonly #nodes: number;
  readonly #open = new Map<
    string,
    { readonly fault: FaultKind; readonly at: number; rung: string; down: boolean }
  >();
  readonly #repairs: Repair[] = [];
  readonly #actions = new Map<string, number>();
  #upMs = 0;
  #allMs = 0;
  #checks = 0;

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  /** A fault took the slot's node away. A second one while the first lasts belongs to the first. */
  struck(slot: string, fault: FaultKind, at: number): void {
    if (slot !== '' && !this.#open.has(slot)) this.#open.set(slot, { fault, at, rung: 'none', down: false });
  }

  moved(slot: string, state: string, _at: number): void {
    const open = this.#open.get(slot);
    const rung = /^repairing\.(\w+)\.acting$/.exec(state)?.[1];
    if (open && rung && rungOrder.indexOf(rung) > rungOrder.indexOf(open.rung)) open.rung = rung;
  }

  acted(call: string): void {
    this.#actions.set(call, (this.#actions.get(call) ?? 0) + 1);
  }

  checked(): void {
    this.#checks += 1;
  }

  /** Which slots are up, looked at every `tickMs`. */
  observe(now: number, up: ReadonlySet<string>, tickMs: number): void {
    this.#upMs += up.size * tickMs;
    this.#allMs += this.#nodes * tickMs;
    for (const [slot, open] of this.#open) {
      if (!up.has(slot)) open.down = true;
      else if (open.down) {
        this.#repairs.push({ fault: open.fault, rung: open.rung, ms: now - open.at });
        this.#open.delete(slot);
      }
    }
  }

  result(rest: Omit<SimulationResult, 'availability' | 'repairs' | 'actions' | 'checks'>): SimulationResult {
    return {
      ...rest,
      availability: this.#allMs === 0 ? 1 : this.#upMs / this.#allMs,
      repairs: this.#repairs,
      actions: Object.fromEntries([...this.#actions].sort(([a], [b]) => (a < b ? -1 : 1))),
      checks: this.#checks,
    };
  }
}
