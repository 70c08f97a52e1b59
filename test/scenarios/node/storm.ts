import { fastTimings } from '../../../src/sandbox/cloud/timings.ts';
import { changesCluster, cloudTimes, effective } from '../cloud-busy.ts';
import { type Interval, union } from '../intervals.ts';
import { ownTime } from '../own-time.ts';
import { createChecks, rungsSince, type ScenarioResult } from '../scenario.ts';
import { maxUnavailable, mostOwnMs, quickPolicy, quickSupervisor } from '../settings.ts';
import type { Stage, Worker } from '../stage.ts';
import { rungsTaken, type StateChange, stays } from '../story.ts';
import { until } from '../until.ts';
import { faults } from './faults.ts';

const limitMs = 240_000;
const breaker = 'storm/pool/workers';

/** Scenario 8: half of the workers die at once. One incident: held, and then healed one by one. */
export const storm = {
  name: 'storm',
  fault: 'half of the workers die at once',
  smoke: false,
  async run(stage: Stage, group: string): Promise<ScenarioResult> {
    const { clock } = stage;
    const checks = createChecks();
    const all = await stage.workers();
    const victims = all.slice(0, Math.floor(all.length / 2));
    const faultAt = clock.now();
    await Promise.all(victims.map((victim) => faults.systemDies(stage, victim)));

    const recovered = (victim: Worker) =>
      stage
        .changes(faultAt)
        .find(({ actor, from, to }) => actor === victim.slot && to === 'settling' && from !== 'settling');
    const missing = () => victims.filter((each) => recovered(each) === undefined).map(({ slot }) => slot);
    await until(
      stage,
      'all of them to recover',
      limitMs,
      () => missing().length === 0,
      () => `not: ${missing().join(', ')}`,
    );
    const recoveredAt = clock.now();
    await stage.restore(60_000);

    const changes = stage.changes(faultAt);
    const calls = await stage.calls(faultAt);
    const history = await stage.sandbox.admin.history(faultAt);
    const held = changes.find(({ actor, to }) => actor === breaker && to === 'holding');
    const released = changes.find(({ actor, from }) => actor === breaker && from === 'holding');
    checks.that('it is held as a storm', held !== undefined);
    const heldMs = (released?.at ?? recoveredAt) - (held?.at ?? recoveredAt);
    // It lasts from the count that found it, which is some ms before the transition that is seen here.
    checks.that('... for its whole time', heldMs >= quickSupervisor.stormHoldMs - 100, heldMs);
    const probes = /^probe-/;
    const slots = victims.map(({ slot }) => slot);
    const early = calls.filter(
      (call) =>
        changesCluster(call) &&
        call.at < (released?.at ?? 0) &&
        !probes.test(call.parameters.ClientToken ?? ''),
    );
    const begun = changes.filter(
      ({ actor, at, to }) =>
        slots.includes(actor) && at < (released?.at ?? 0) && /\.(draining|acting)$/.test(to),
    );
    checks.equal(
      'rungs begun while it was held',
      begun.map(({ actor, to }) => [actor, to]),
      [],
    );
    checks.equal(
      'calls that changed something while it was held',
      early.map(({ action }) => action),
      [],
    );
    const reboots = effective(calls, 'RebootInstance').map(({ parameters }) => parameters.InstanceId);
    checks.equal(
      'each is rebooted once',
      [...reboots].sort(),
      victims.map(({ instance }) => instance).sort(),
    );
    const most = mostAtOnce(victims.map(({ slot }) => permitOf(changes, slot)));
    checks.that(`never more than ${maxUnavailable} at once`, most <= maxUnavailable, most);
    for (const victim of victims)
      checks.equal(
        `rungs of ${victim.slot}`,
        rungsTaken(changes, victim.slot).map(({ rung }) => rung),
        ['restartingKubelet', 'rebooting'],
      );
    const others = changes.filter(({ actor, to }) => !slots.includes(actor) && /^repairing/.test(to));
    checks.equal(
      'other nodes under repair',
      others.map(({ actor, to }) => [actor, to]),
      [],
    );

    const own = victims.map((victim) => {
      const sights = stage.eyes.history(faultAt).filter(({ name }) => name === victim.node);
      const visibleAt = sights.find(({ ready }) => ready !== 'True')?.at ?? faultAt;
      const readyAt =
        sights.findLast(({ ready }, index) => ready === 'True' && sights[index - 1]?.ready !== 'True')?.at ??
        recoveredAt;
      const restarts = effective(calls, 'RunCommand').filter(
        ({ parameters }) => !/^probe-|-[ab]$/.test(parameters.ClientToken ?? ''),
      );
      const cloud = cloudTimes({
        instances: [victim.instance],
        history,
        calls,
        deliveryMs: fastTimings.deliveryMs,
        now: recoveredAt,
      });
      const time = ownTime({
        slot: victim.slot,
        changes,
        desk: stage.desk(visibleAt),
        cloud,
        policy: quickPolicy,
        visibleAt,
        readyAt,
        kubeletRestartAt:
          restarts.find(({ parameters }) =>
            Object.values(parameters).some((value) => value.includes(victim.instance)),
          )?.at ?? null,
        away: [],
      });
      return { slot: victim.slot, readyMs: readyAt - faultAt, ...time };
    });
    const worst = own.reduce((a, b) => (b.ownMs > a.ownMs ? b : a));
    checks.that(`wdrip's own time is at most ${mostOwnMs} ms for each`, worst.ownMs <= mostOwnMs, worst);
    return {
      group,
      scenario: storm.name,
      ok: checks.failures.length === 0,
      fault: `${storm.fault} (${slots.join(', ')})`,
      faultToReadyMs: Math.max(...own.map(({ readyMs }) => readyMs)),
      ownMs: worst.ownMs,
      rungs: victims
        .flatMap(({ slot }) => rungsSince(faultAt, rungsTaken(changes, slot)))
        .sort((a, b) => a.atMs - b.atMs),
      measured: {
        heldMs,
        mostAtOnce: most,
        ownParts: worst.parts.map(({ what, ms }) => `${what} ${ms} ms`).join('; '),
      },
      failures: checks.failures,
    };
  },
} as const;

/** When the slot held a permit: from the drain, which needs it, until its marks were lifted. */
function permitOf(changes: readonly StateChange[], slot: string): readonly Interval[] {
  const needs =
    /^repairing\.(rebooting|resetting|replacing)\.(draining|confirming|acting|awaitingReady)|^recovering/;
  return union(
    stays(changes, slot, changes[0]?.at ?? 0)
      .filter(({ state }) => needs.test(state))
      .map(({ from, to }) => ({ from, to: to ?? Number.POSITIVE_INFINITY })),
  );
}

/** The most of these that ever overlap. */
export function mostAtOnce(permits: readonly (readonly Interval[])[]): number {
  const starts = permits.flat().map(({ from }) => from);
  const at = (moment: number) =>
    permits.filter((intervals) => intervals.some(({ from, to }) => from <= moment && moment < to)).length;
  return Math.max(0, ...starts.map(at));
}
