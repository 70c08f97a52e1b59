import type { ChangingAction, HealScenario } from './heal.ts';
import type { Stage, Worker } from './stage.ts';
import { stateChanges } from './story.ts';
import { until } from './until.ts';

/** When the supervisor is killed. */
export type Kill =
  /** The cloud has done what it was asked for, and its answer never arrives: the harshest moment there is. */
  | { readonly lost: ChangingAction }
  /** The slot has just entered this state: its record is on disk, and its effects begin. */
  | { readonly state: string };

/** How often the cloud's log is looked at for the call that is waited for, in ms. */
const lookMs = 15;

/** The same fault, while the supervisor is killed at these moments, in this order, and started again each time. */
export function killed(scenario: HealScenario, kills: readonly Kill[]): HealScenario {
  return {
    ...scenario,
    killed: true,
    fault: `${scenario.fault}; the supervisor is killed ${kills.map(describe).join(', ')}`,
    async inject(stage, victim) {
      for (const kill of kills) if ('lost' in kill) await loseAnswer(stage, victim, kill.lost);
      await scenario.inject(stage, victim);
    },
    async meanwhile(stage, victim, faultAt) {
      let since = faultAt;
      for (const kill of kills) {
        if ('lost' in kill) await untilLost(stage, kill.lost, since, scenario.limitMs);
        else await untilEntered(stage, victim, kill.state, since, scenario.limitMs);
        await stage.supervisor.kill();
        since = stage.clock.now();
        await stage.supervisor.start();
      }
      await scenario.meanwhile?.(stage, victim, faultAt);
    },
  };
}

function describe(kill: Kill): string {
  return 'lost' in kill ? `between ${kill.lost}'s effect and its answer` : `in ${kill.state}`;
}

async function loseAnswer(stage: Stage, victim: Worker, action: ChangingAction): Promise<void> {
  await stage.sandbox.admin.addFault({
    action,
    ...(action === 'RunInstances' ? {} : { instanceId: victim.instance }),
    count: 1,
    afterEffect: true,
    answer: { kind: 'noAnswer' },
  });
}

async function untilLost(
  stage: Stage,
  action: ChangingAction,
  since: number,
  limitMs: number,
): Promise<void> {
  const happened = async () =>
    (await stage.sandbox.admin.calls(since)).some(
      (call) => call.action === action && call.effect && call.code === 'NoAnswer',
    );
  await until(stage, `${action} to take effect without an answer`, limitMs, happened, () => '', lookMs);
}

/** Resolves in the same turn in which the line arrives, so that the kill comes as soon after as can be. */
async function untilEntered(
  stage: Stage,
  victim: Worker,
  state: string,
  since: number,
  limitMs: number,
): Promise<void> {
  let entered = stage.changes(since).some(({ actor, to }) => actor === victim.slot && to === state);
  let wake = () => {};
  const end = stage.supervisor.onLine((line) => {
    entered ||= stateChanges([line]).some(({ actor, to }) => actor === victim.slot && to === state);
    if (entered) wake();
  });
  try {
    await Promise.race([
      new Promise<void>((settle) => {
        wake = settle;
      }),
      until(stage, `${victim.slot} to enter ${state}`, limitMs, () => entered),
    ]);
  } finally {
    end();
  }
}
