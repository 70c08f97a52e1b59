import { connect } from 'node:net';
import type { Clock } from '../../../runtime/clock.ts';
import { unverified } from '../unverified.ts';

/** What a listener looks for. Times in ms. */
export interface HealthSettings {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

/** The health of one backend, by its checks so far: so many in a row must say something else before it changes. */
export interface Verdict {
  readonly health: 'normal' | 'abnormal' | null;
  /** Checks in a row that said something else. */
  readonly against: number;
}

export function judge(before: Verdict, passed: boolean, settings: HealthSettings): Verdict {
  const said = passed ? 'normal' : 'abnormal';
  if (said === before.health) return { health: said, against: 0 };
  const against = before.against + 1;
  const threshold = passed ? settings.healthyThreshold : settings.unhealthyThreshold;
  const needed = before.health === null && unverified.firstCheckDecides ? 1 : threshold;
  return against >= needed ? { health: said, against: 0 } : { health: before.health, against };
}

/** A backend that is looked at again and again until it is closed. */
export interface Checker {
  readonly health: 'normal' | 'abnormal' | null;
  close(): void;
}

/** Begins at once. `onChange` hears of every change of health, the first verdict included. */
export function startChecks(
  target: { readonly host: string; readonly port: number },
  settings: HealthSettings,
  clock: Clock,
  onChange: (health: 'normal' | 'abnormal') => void,
): Checker {
  let verdict: Verdict = { health: null, against: 0 };
  let closed = false;
  let cancel = () => {};
  const round = async () => {
    const passed = await canConnect(target, settings.timeoutMs, clock);
    if (closed) return;
    const { health } = verdict;
    verdict = judge(verdict, passed, settings);
    if (verdict.health !== health && verdict.health !== null) onChange(verdict.health);
    cancel = clock.after(settings.intervalMs, () => void round());
  };
  void round();
  return {
    get health() {
      return verdict.health;
    },
    close() {
      closed = true;
      cancel();
    },
  };
}

/** A TCP check: a connection is made, and ended. */
function canConnect(
  target: { readonly host: string; readonly port: number },
  timeoutMs: number,
  clock: Clock,
): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(target);
    const end = (passed: boolean) => {
      cancel();
      socket.destroy();
      settle(passed);
    };
    const cancel = clock.after(timeoutMs, () => end(false));
    socket.once('connect', () => end(true));
    socket.on('error', () => end(false));
  });
}
