import type { NodePolicy } from '../../machines/policy.ts';
import type { SandboxCall } from '../../src/sandbox/admin-client.ts';
import { fastTimings } from '../../src/sandbox/cloud/timings.ts';
import { type CloudTimes, cloudTimes, effective, namesInstance } from './cloud-busy.ts';
import type { Interval } from './intervals.ts';
import type { NodeSight } from './node-eyes.ts';
import { type OwnTime, ownTime } from './own-time.ts';
import { type Checks, createChecks, rungsSince, type ScenarioResult } from './scenario.ts';
import { mostOwnMs, quickPolicy } from './settings.ts';
import type { Stage, Worker } from './stage.ts';
import { instanceOf, nodesOf, rungsTaken, type StateChange } from './story.ts';
import { until } from './until.ts';

/** Actions of the cloud that change something, as the scenarios count them. */
export const changingActions = [
  'RunCommand',
  'RebootInstance',
  'StartInstance',
  'StopInstance',
  'ModifyInstanceAttribute',
  'ReplaceSystemDisk',
  'DeleteInstance',
  'RunInstances',
] as const;
export type ChangingAction = (typeof changingActions)[number];

/** A scenario in which one node breaks and heals. */
export interface HealScenario {
  readonly name: string;
  readonly fault: string;
  /** One of those that `--smoke` runs. */
  readonly smoke?: boolean;
  inject(stage: Stage, victim: Worker): Promise<void>;
  /** While it heals: kills of the supervisor, or the fault's end. Runs beside the wait for the node. */
  meanwhile?(stage: Stage, victim: Worker, faultAt: number): Promise<void>;
  /** The rungs that must be taken, in order, and no other. */
  readonly rungs: readonly string[];
  /** How often each action must take effect on the victim's instances; those not named: never. Commands are not counted here. */
  readonly actions: Readonly<Partial<Record<ChangingAction, number>>>;
  /** How often the kubelet's restart must be commanded. */
  readonly kubeletRestarts: number;
  /** Actions that may take effect again after a crash, since doing so destroys nothing. */
  readonly repeatable?: readonly ChangingAction[];
  /** The most that it may take from the fault to the end, in ms. */
  readonly limitMs: number;
  /** wdrip's own time is not asserted: the supervisor was not there. */
  readonly killed?: boolean;
}

/** Breaks a node, waits until it is whole again, and looks at how that came about, from three sides. */
export async function heal(stage: Stage, group: string, scenario: HealScenario): Promise<ScenarioResult> {
  const { clock } = stage;
  const checks = createChecks();
  const victim = await stage.pickVictim();
  const podsBefore = await stage.workload.on(victim.node);
  const faultAt = clock.now();
  await scenario.inject(stage, victim);
  const done = { readyAt: null as number | null };
  const healing = untilRecovered(stage, scenario, victim, faultAt);
  try {
    const [readyAt] = await Promise.all([healing, scenario.meanwhile?.(stage, victim, faultAt)]);
    done.readyAt = readyAt;
    const recoveredAt = clock.now();
    await stage.workload.untilWhole(scenario.limitMs);
    checks.that('the Deployment is whole again', (await stage.workload.ready()) === stage.workload.replicas);
    await settled(stage, victim, checks);
    return await judge(stage, group, scenario, { victim, faultAt, readyAt, recoveredAt, podsBefore }, checks);
  } catch (caught) {
    stage.signal.throwIfAborted();
    checks.that(caught instanceof Error ? caught.message : String(caught), false);
    const rungs = rungsSince(faultAt, rungsTaken(stage.changes(faultAt), victim.slot));
    return {
      group,
      scenario: scenario.name,
      ok: false,
      fault: scenario.fault,
      faultToReadyMs: done.readyAt === null ? null : done.readyAt - faultAt,
      ownMs: null,
      rungs,
      measured: { slot: victim.slot },
      failures: checks.failures,
    };
  }
}

/** Waits until the supervisor has lifted its marks, with the slot's node Ready at the API. Returns when it became that. */
async function untilRecovered(
  stage: Stage,
  scenario: HealScenario,
  victim: Worker,
  faultAt: number,
): Promise<number> {
  const isRecovered = (change: StateChange) =>
    change.actor === victim.slot &&
    change.at >= faultAt &&
    (change.to === 'settling' || change.to === 'healthy') &&
    change.from !== 'settling';
  const seen = () => {
    const changes = stage.changes(faultAt);
    return `${victim.slot} is ${changes.findLast(({ actor }) => actor === victim.slot)?.to ?? 'as before'}`;
  };
  return until(
    stage,
    `${victim.slot} to recover`,
    scenario.limitMs,
    () => {
      const changes = stage.changes(faultAt);
      const last = changes.findLast(({ actor }) => actor === victim.slot);
      if (last === undefined || !(isRecovered(last) || last.to === 'healthy')) return null;
      return readySince(sightsOf(stage, changes, victim, faultAt));
    },
    seen,
  );
}

/** The slot must come to rest: healthy, and nothing more is done. */
async function settled(stage: Stage, victim: Worker, checks: Checks): Promise<void> {
  const limitMs = quickPolicy.settleMs + 10_000;
  const isHealthy = async () => (await stage.states()).get(victim.slot) === 'healthy';
  await until(stage, `${victim.slot} to count as healthy`, limitMs, isHealthy, () => '', 200);
  const now = (await stage.workers()).find(({ slot }) => slot === victim.slot);
  const sight = now === undefined ? null : stage.eyes.now(now.node);
  checks.that('the node is Ready', sight?.ready === 'True', sight);
  checks.that('the node is not cordoned', sight?.unschedulable === false, sight);
  checks.that('the node carries no mark of a repair', sight?.marks.length === 0, sight?.marks);
}

/** What was seen of the nodes that the slot had. */
function sightsOf(
  stage: Stage,
  changes: readonly StateChange[],
  victim: Worker,
  since: number,
): readonly NodeSight[] {
  const names = new Set([victim.node, ...nodesOf(changes, victim.slot)]);
  return stage.eyes.history(since).filter(({ name }) => names.has(name));
}

/** Since when the newest of these nodes is Ready, or null if it is not. */
function readySince(sights: readonly NodeSight[]): number | null {
  const last = sights.findLast(({ ready }) => ready !== 'Gone');
  if (last?.ready !== 'True') return null;
  const own = sights.filter(({ name }) => name === last.name);
  const before = own.findLastIndex(({ ready }) => ready !== 'True');
  return own[before + 1]?.at ?? null;
}

interface Observed {
  readonly victim: Worker;
  readonly faultAt: number;
  readonly readyAt: number;
  readonly recoveredAt: number;
  readonly podsBefore: number;
}

async function judge(
  stage: Stage,
  group: string,
  scenario: HealScenario,
  observed: Observed,
  checks: Checks,
): Promise<ScenarioResult> {
  const { victim, faultAt, readyAt } = observed;
  const changes = stage.changes(faultAt);
  const calls = await stage.calls(faultAt);
  const history = await stage.sandbox.admin.history(faultAt);
  const taken = rungsTaken(changes, victim.slot);
  const instances = [...new Set([victim.node, ...nodesOf(changes, victim.slot)])].map(instanceOf);

  checks.equal(
    'rungs taken',
    taken.map(({ rung }) => rung),
    scenario.rungs,
  );
  for (const action of changingActions) {
    if (action === 'RunCommand') continue;
    const times = effective(calls, action).length;
    const expected = scenario.actions[action] ?? 0;
    if (scenario.repeatable?.includes(action))
      checks.that(`${action} took effect at least ${expected} times`, times >= expected, times);
    else checks.equal(`how often ${action} took effect`, times, expected);
  }
  const restarts = effective(calls, 'RunCommand').filter(isKubeletRestart);
  checks.equal('how often the kubelet was restarted', restarts.length, scenario.kubeletRestarts);
  const elsewhere = calls.filter(
    (call) =>
      call.effect && !isBirth(call.action) && !instances.some((id) => namesInstance(call.parameters, id)),
  );
  checks.equal(
    'calls that changed something else',
    elsewhere.map(({ action, parameters }) => [action, parameters]),
    [],
  );
  const touched = changes.filter(
    ({ actor, to }) => actor !== victim.slot && /repairing|held|throttled/.test(to),
  );
  checks.equal(
    'other nodes under repair',
    touched.map(({ actor, to }) => [actor, to]),
    [],
  );

  const sights = sightsOf(stage, changes, victim, faultAt);
  const visibleAt = sights.find(({ ready }) => ready !== 'True')?.at ?? faultAt;
  const times = cloudTimes({
    instances,
    history,
    calls,
    deliveryMs: fastTimings.deliveryMs,
    now: observed.recoveredAt,
  });
  const own = measureOwn(stage, victim, changes, times, {
    visibleAt,
    readyAt,
    restartAt: restarts.at(-1)?.at ?? null,
    away: timesAway(stage, calls, nodesOf(changes, victim.slot).at(-1) ?? victim.node, readyAt),
  });
  checks.that(`wdrip's own time is at most ${mostOwnMs} ms`, own.ownMs <= mostOwnMs, own);
  return {
    group,
    scenario: scenario.name,
    ok: checks.failures.length === 0,
    fault: scenario.fault,
    faultToReadyMs: readyAt - faultAt,
    ownMs: own.ownMs,
    rungs: rungsSince(faultAt, taken),
    measured: {
      slot: victim.slot,
      detectionMs: visibleAt - faultAt,
      recoveredMs: observed.recoveredAt - faultAt,
      podsOnVictim: observed.podsBefore,
      ...(stage.supervisor.away().length > 0 && scenario.killed === true
        ? { kills: stage.supervisor.away().filter(({ from }) => from >= faultAt).length }
        : {}),
      ownParts: own.parts.map(({ what, ms }) => `${what} ${ms} ms`).join('; '),
    },
    failures: checks.failures,
  };
}

/** What comes before there is an instance to name: it is counted by itself, and the bundle that it fetches does nothing. */
function isBirth(action: string): boolean {
  return action === 'RunInstances' || action === 'oss:PutObject';
}

/** The supervisor's other commands carry a suffix: they only ask. */
function isKubeletRestart(call: { readonly parameters: Readonly<Record<string, string>> }): boolean {
  return !/^probe-|-[ab]$/.test(call.parameters.ClientToken ?? '');
}

function measureOwn(
  stage: Stage,
  victim: Worker,
  changes: readonly StateChange[],
  cloud: CloudTimes,
  at: {
    readonly visibleAt: number;
    readonly readyAt: number;
    readonly restartAt: number | null;
    readonly away: readonly Interval[];
  },
): OwnTime {
  const policy: Partial<NodePolicy> = quickPolicy;
  return ownTime({
    slot: victim.slot,
    changes,
    desk: stage.desk(at.visibleAt),
    cloud,
    policy,
    visibleAt: at.visibleAt,
    readyAt: at.readyAt,
    kubeletRestartAt: at.restartAt,
    away: at.away,
  });
}

/**
 * When the supervisor could not do anything: from each kill until the new process has seen the cluster and has asked the cloud (the library
 * for that takes a second to load); and, if the node was Ready by then, until its next heartbeat, for without one Ready may be old news.
 */
function timesAway(
  stage: Stage,
  calls: readonly SandboxCall[],
  node: string,
  readyAt: number,
): readonly Interval[] {
  return stage.supervisor.away().map(({ from, to }) => {
    const opened = Math.max(to, calls.find(({ at }) => at > from)?.at ?? to);
    if (readyAt > opened) return { from, to: opened };
    return { from, to: stage.eyes.heartbeatAfter(node, opened) ?? opened };
  });
}
