import { type NodePolicy, policyValue } from '../../machines/policy.ts';
import type { CloudTimes } from './cloud-busy.ts';
import { type Interval, lengthOf, subtract, union, within } from './intervals.ts';
import { type DeskLine, type StateChange, type Stay, stays } from './story.ts';

/**
 * How much of the time from a fault to the node's recovery was wdrip's own: docs/e2e.md says what counts. What is not certain counts as
 * wdrip's own.
 */
export interface OwnTime {
  readonly ownMs: number;
  /** The parts of 20 ms and more, the longest first. */
  readonly parts: readonly { readonly what: string; readonly ms: number }[];
}

export interface OwnTimeInput {
  readonly slot: string;
  readonly changes: readonly StateChange[];
  readonly desk: readonly DeskLine[];
  readonly cloud: CloudTimes;
  /** The settings that the supervisor ran with. */
  readonly policy: Partial<NodePolicy>;
  /** When the failure was to be seen at the Kubernetes API. */
  readonly visibleAt: number;
  /** When the node was Ready there for good. */
  readonly readyAt: number;
  /** When the last kubelet restart was asked for at the cloud: from there on the kubelet starts. Null if it was not. */
  readonly kubeletRestartAt: number | null;
  /** When the supervisor was not there: from its kill to its first sight of the cluster. */
  readonly away: readonly Interval[];
}

/** Rules of admission that are a declared wait, or say that somebody else must move first. */
const declaredRules = new Set([
  'storm',
  'unconfirmed',
  'budget',
  'freshSight',
  'freshFailure',
  'blind',
  'paused',
  'quorum',
  'controlPlaneBudget',
]);
/** Parts shorter than this are summed, and not shown one by one. In ms. */
const shownFromMs = 20;

const waits: Readonly<Record<string, keyof NodePolicy>> = {
  suspect: 'suspectMs',
  throttled: 'throttleMs',
  'repairing.restartingKubelet.awaitingReady': 'kubeletWaitMs',
  'repairing.rebooting.awaitingReady': 'rebootWaitMs',
  'repairing.resetting.awaitingReady': 'resetWaitMs',
  'repairing.replacing.awaitingReady': 'replaceWaitMs',
  'awaitingCloud.awaitingReady': 'rebootWaitMs',
  joining: 'joinMs',
};

/** Sums up the gaps in which wdrip itself was the one whom everybody waited for. */
export function ownTime(input: OwnTimeInput): OwnTime {
  const all = stays(input.changes, input.slot, 0).filter(({ to }) => to === null || to > input.visibleAt);
  const end = recoveredAt(all, input.readyAt);
  const bounds = { from: input.visibleAt, to: end };
  const parts: { what: string; interval: Interval }[] = [];
  for (const stay of all) {
    const interval = within({ from: stay.from, to: stay.to ?? end }, bounds);
    if (interval === null) continue;
    const excused = [...input.away, ...programsStart(input), ...excuse(stay, interval, input)];
    for (const piece of subtract(interval, excused))
      parts.push({ what: what(stay, piece, input), interval: piece });
  }
  const shown = parts.map(({ what, interval }) => ({ what, ms: interval.to - interval.from }));
  return {
    ownMs: Math.round(lengthOf(union(parts.map(({ interval }) => interval)))),
    parts: shown.filter(({ ms }) => ms >= shownFromMs).sort((a, b) => b.ms - a.ms),
  };
}

/** From Ready on it is wdrip's own until it has lifted its marks. (It may see Ready some ms before the scenario does.) */
function recoveredAt(all: readonly Stay[], readyAt: number): number {
  const recovered = all.findLast(
    ({ state }, index) =>
      state === 'settling' || (state === 'healthy' && index > 0 && all[index - 1]?.state !== 'settling'),
  );
  return Math.max(readyAt, recovered?.from ?? readyAt);
}

/** What heals the node has been done: its instance boots, its user data and its kubelet run, until it is Ready. */
function programsStart(input: OwnTimeInput): readonly Interval[] {
  const boot = input.cloud.lastBoot(input.readyAt) ?? 0;
  const restart =
    input.kubeletRestartAt !== null && input.kubeletRestartAt <= input.readyAt ? input.kubeletRestartAt : 0;
  const from = Math.max(boot >= input.visibleAt ? boot : 0, restart >= input.visibleAt ? restart : 0);
  return from === 0 ? [] : [{ from, to: input.readyAt }];
}

/** What of a stay was not wdrip's own. After Ready nothing excuses it. */
function excuse(stay: Stay, interval: Interval, input: OwnTimeInput): readonly Interval[] {
  const beforeReady = (intervals: readonly Interval[]) =>
    intervals.map(({ from, to }) => ({ from, to: Math.min(to, input.readyAt) }));
  const wait = waits[stay.state];
  if (wait !== undefined) {
    const due = stay.from + policyValue(input.policy, wait);
    // Left early because the cloud said something else: since when it said so it was to be seen.
    const seen = stay.leftBy === 'INSTANCE_CHANGED' ? lastEnd(input.cloud.busy, interval) : due;
    return beforeReady([{ from: stay.from, to: Math.min(due, seen ?? due) }]);
  }
  const step = stay.state.split('.').at(-1);
  if (step === 'draining')
    return beforeReady([{ from: stay.from, to: stay.from + policyValue(input.policy, 'drainMs') }]);
  if (step === 'admitting' || step === 'confirming') return held(interval, input);
  if (step === 'acting' || step === 'working') return beforeReady(input.cloud.busy);
  if (stay.state === 'blind' || stay.state === 'held') return beforeReady([interval]);
  return [];
}

function lastEnd(busy: readonly Interval[], interval: Interval): number | null {
  return busy.filter(({ from }) => from <= interval.to).at(-1)?.from ?? null;
}

/** While a rule held the request: up to the moment at which whoever was waited for moved, if the log tells it. */
function held(interval: Interval, input: OwnTimeInput): readonly Interval[] {
  const lines = input.desk.filter(
    ({ slot, at }) => slot === input.slot && at >= interval.from && at <= interval.to,
  );
  return lines.flatMap(({ at, rule }, index) => {
    if (rule === null || !declaredRules.has(rule)) return [];
    const until = lines[index + 1]?.at ?? interval.to;
    const moved = input.changes.filter(
      (each) => each.at > at && each.at <= until && releases(each, rule, input.slot),
    );
    return [{ from: at, to: moved.at(-1)?.at ?? until }];
  });
}

function releases(change: StateChange, rule: string, slot: string): boolean {
  if (rule === 'storm') return change.actor.startsWith('storm/') && change.from === 'holding';
  if (rule === 'budget')
    return (
      change.actor !== slot && (change.to === 'settling' || change.to === 'throttled' || change.to === 'held')
    );
  return false;
}

function what(stay: Stay, piece: Interval, input: OwnTimeInput): string {
  if (piece.from >= input.readyAt) return `Ready, and still ${stay.state}`;
  return waits[stay.state] === undefined ? stay.state : `${stay.state} beyond its time`;
}
