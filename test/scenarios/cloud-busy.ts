import type { SandboxCall, SandboxChange } from '../../src/sandbox/admin-client.ts';
import { type Interval, union } from './intervals.ts';

/** States in which the cloud itself is at work on an instance. */
const moving = new Set(['Pending', 'Starting', 'Stopping']);
const deadBecause = /^(its system died|powered on, but its system can not boot|boot failed)/;

/** What the cloud itself took, of its own log: nothing that wdrip could have done meanwhile. */
export interface CloudTimes {
  readonly busy: readonly Interval[];
  /** When the instance was last powered on, before `until`. Null if it was not. */
  lastBoot(until: number): number | null;
}

/**
 * When the cloud was at work on one of these instances: in a state between two others, making a disk, releasing it, running a command,
 * or waiting for an agent that is silent.
 */
export function cloudTimes(options: {
  readonly instances: readonly string[];
  readonly history: readonly SandboxChange[];
  readonly calls: readonly SandboxCall[];
  /** How long a command to a silent agent stays undelivered. */
  readonly deliveryMs: number;
  /** When the observation ended: what is unfinished then lasts till then. */
  readonly now: number;
}): CloudTimes {
  const busy: Interval[] = [];
  const boots: number[] = [];
  for (const id of options.instances) {
    const changes = options.history.filter(({ instanceId }) => instanceId === id);
    const calls = options.calls.filter(({ parameters }) => namesInstance(parameters, id));
    busy.push(...moves(changes, options.now), ...disks(calls, changes, options.now));
    busy.push(...commands(calls, changes, options.deliveryMs));
    boots.push(
      ...changes.filter(({ from, to }) => from === 'Starting' && to === 'Running').map(({ at }) => at),
    );
  }
  return {
    busy: union(busy),
    lastBoot: (until) => boots.filter((at) => at <= until).reduce((a, b) => Math.max(a, b), 0) || null,
  };
}

/** Whether a call is about this instance. Lists of ids are in JSON or in numbered parameters. */
export function namesInstance(parameters: Readonly<Record<string, string>>, id: string): boolean {
  return Object.entries(parameters).some(([name, value]) => /^InstanceId/.test(name) && value.includes(id));
}

function moves(changes: readonly SandboxChange[], now: number): readonly Interval[] {
  const found: Interval[] = [];
  let since: number | null = null;
  for (const { at, to, why } of changes) {
    const works =
      moving.has(to) || why === 'DeleteInstance' || (since !== null && why.startsWith('traces are left'));
    if (works) since ??= at;
    else if (since !== null) {
      found.push({ from: since, to: at });
      since = null;
    }
  }
  return since === null ? found : [...found, { from: since, to: now }];
}

function disks(
  calls: readonly SandboxCall[],
  changes: readonly SandboxChange[],
  now: number,
): readonly Interval[] {
  return effective(calls, 'ReplaceSystemDisk').map(({ at }) => ({
    from: at,
    to: changes.find((each) => each.at >= at && /system disk|old disk/.test(each.why))?.at ?? now,
  }));
}

/**
 * A command ends between the last look that found it running and the one that found its end: only up to the former it surely was not wdrip
 * that was waited for.
 */
function commands(
  calls: readonly SandboxCall[],
  changes: readonly SandboxChange[],
  deliveryMs: number,
): readonly Interval[] {
  const ran = effective(calls, 'RunCommand');
  return ran.map(({ at }, index) => {
    const dead = changes.findLast((each) => each.at <= at && /boot|died/.test(each.why));
    if (dead !== undefined && deadBecause.test(dead.why)) return { from: at, to: at + deliveryMs };
    const next = ran[index + 1]?.at ?? Number.POSITIVE_INFINITY;
    const looks = calls.filter(
      (each) => each.action === 'DescribeInvocationResults' && each.at > at && each.at < next,
    );
    return { from: at, to: looks.at(-2)?.at ?? at };
  });
}

/** It changed something of the cluster. Backups and the change log go into object storage all the while. */
export function changesCluster({ action, effect }: SandboxCall): boolean {
  return effect && !action.startsWith('oss:');
}

/** Calls of an action that changed something. */
export function effective(calls: readonly SandboxCall[], action: string): readonly SandboxCall[] {
  return calls.filter((call) => call.action === action && call.effect);
}
