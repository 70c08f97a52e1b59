import type { PauseScope, Pauses } from '../../machines/supervisor.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';

/** A person who was not answered asks again after this long, in ms. */
const askAgainMs = 5_000;

/** What people ask of the supervisor: they insist until it is so, over its crashes, and change their minds. */
export class People {
  readonly #clock: Clock;
  readonly #supervisor: () => Supervisor | null;
  /** By scope, as text: what is wanted last. */
  readonly #wants = new Map<string, { readonly scope: PauseScope; paused: boolean }>();

  constructor(clock: Clock, supervisor: () => Supervisor | null) {
    this.#clock = clock;
    this.#supervisor = supervisor;
  }

  /** Pauses repairs for so long, in ms. */
  pause(scope: PauseScope, forMs: number): void {
    this.#want(scope, true);
    this.#clock.after(forMs, () => this.#want(scope, false));
  }

  /** Everything is resumed. */
  calm(): void {
    for (const { scope } of [...this.#wants.values()]) this.#want(scope, false);
  }

  #want(scope: PauseScope, paused: boolean): void {
    const key = JSON.stringify(scope);
    const known = this.#wants.get(key);
    if (known) {
      known.paused = paused;
      return;
    }
    const want = { scope, paused };
    this.#wants.set(key, want);
    const insist = () => {
      const supervisor = this.#supervisor();
      if (supervisor !== null && isPaused(supervisor.pauses(), scope) === want.paused) {
        // A pause is remembered until it is over.
        if (!want.paused) {
          this.#wants.delete(key);
          return;
        }
      } else if (supervisor !== null) supervisor.setPause(scope, want.paused).catch(() => {});
      this.#clock.after(askAgainMs, insist);
    };
    insist();
  }
}

/** Whether that very scope is paused. */
export function isPaused(pauses: Pauses, scope: PauseScope): boolean {
  if (scope.kind === 'cluster') return pauses.cluster;
  return (scope.kind === 'pool' ? pauses.pools : pauses.slots).includes(scope.id);
}
