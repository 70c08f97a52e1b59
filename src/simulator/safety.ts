import type { Violation } from './invariants.ts';

/**
 * Cases of docs/decisions/simulator.md's table that can be stated as invariants, each as a pure function over plain facts and named after
 * its number there. Spans are in ms.
 */

/**
 * What the defaults of machines/policy.ts and src/supervisor/config.ts promise, written down a second time on purpose: an invariant that
 * read them would follow whoever breaks them. In ms.
 */
export const promised = {
  suspectMs: 20_000,
  settleMs: 30_000,
  throttleMs: 600_000,
  drainMs: 120_000,
  rebootWaitMs: 180_000,
  replaceWaitMs: 300_000,
  leaseSilentMs: 60_000,
} as const;

/** A rung's work, or the deletion of a slot that nobody wants, begins. */
export interface WorkBegins {
  readonly slot: string;
  /** `restartingKubelet`, `rebooting`, `resetting`, `replacing` or `retiring`. */
  readonly work: string;
  /** It has a permit in its record. */
  readonly holdsPermit: boolean;
  /** The kubelet was not restarted in this climb, although the instance runs and its agent has not been silent. */
  readonly skipsKubelet: boolean;
  /** How long repairs of it have been paused, as the supervisor knows durably or was told; null: they are not. */
  readonly pausedForMs: number | null;
  /** How long the cloud has refused work on the instance; null: it doesn't. */
  readonly lockedForMs: number | null;
  /** How long the cluster has been seen without a break; null: it isn't. */
  readonly sightedForMs: number | null;
  /** How long the Node has not been Ready without a break, in truth; null: that does not count, since tellings are late or lost. */
  readonly notReadyForMs: number | null;
  /** The actor believes that the instance is gone, and the cloud has it. */
  readonly wronglyGone: boolean;
  /** The worst storm that the node is in, and for how long. */
  readonly storm: { readonly state: 'calm' | 'holding' | 'confirming'; readonly forMs: number };
  /** The node is well, and only said to be NotReady, for so long; null: it isn't. */
  readonly liedAboutForMs: number | null;
  /** Since wdrip's own work last booted this very instance, which has run since and was never Ready; null: that is not so. */
  readonly bootedMsAgo: number | null;
  /** How long such an instance is to be given at least. */
  readonly bootWaitMs: number;
}

/** A pause, or a fact of the cluster, has reached every decision after this long: one look, one commit. */
const newsTakeMs = 1_000;
/** The same of a fact of the cloud: its list is asked for every 10 s, may be late by as much, and too old after 50 s. */
const cloudNewsTakeMs = 120_000;
/** Timers fire late by no more than this. */
const lateMs = 3_000;
/** A second signal may take more than a minute to come, and is good for half of one. */
const signalMs = 120_000;
/** A clock that drifts, and timers that are rounded, take this share of a wait at most. */
const shareOfWait = 0.98;

function broken(invariant: Violation['invariant'], slot: string, what: string): readonly Violation[] {
  return [{ invariant, what, concerns: [slot] }];
}

/** 2. What takes a node away from its users begins only with a permit, by which it is counted. */
export function worksWithPermit({ slot, work, holdsPermit }: WorkBegins): readonly Violation[] {
  return holdsPermit || work === 'restartingKubelet'
    ? []
    : broken(2, slot, `${work} of ${slot} began without a permit`);
}

/** The least cost: no dearer rung begins before the kubelet's restart, where that could help. */
export function cheapestFirst({ slot, work, skipsKubelet }: WorkBegins): readonly Violation[] {
  return skipsKubelet && (work === 'rebooting' || work === 'resetting')
    ? broken('ladder', slot, `${work} of ${slot} began, and its kubelet was not restarted before`)
    : [];
}

/** Safety 26. A pause holds at the next step. */
export function pausesHold({ slot, work, pausedForMs }: WorkBegins): readonly Violation[] {
  return pausedForMs === null || pausedForMs <= newsTakeMs
    ? []
    : broken('safety 26', slot, `${work} of ${slot} began ${pausedForMs} ms after repairs were paused`);
}

/** No rung can help an instance that the cloud has locked: it is held. */
export function locksHold({ slot, work, lockedForMs }: WorkBegins): readonly Violation[] {
  return lockedForMs === null || lockedForMs <= cloudNewsTakeMs
    ? []
    : broken('locked', slot, `${work} of ${slot} began ${lockedForMs} ms after the cloud had locked it`);
}

/**
 * Safety 11, 14 and 16. Nothing is decided on what was seen before sight was lost, or the supervisor started: the suspicion starts anew.
 */
export function decidedInSight({ slot, work, sightedForMs }: WorkBegins): readonly Violation[] {
  if (work === 'retiring' || (sightedForMs !== null && sightedForMs >= promised.suspectMs * shareOfWait))
    return [];
  const seen = sightedForMs === null ? 'without sight' : `after ${sightedForMs} ms of sight`;
  return broken('safety 14', slot, `${work} of ${slot} began ${seen}`);
}

/** Nothing begins at the first NotReady: it must last. */
export function suspectsFirst({ slot, work, notReadyForMs }: WorkBegins): readonly Violation[] {
  return work === 'retiring' || notReadyForMs === null || notReadyForMs >= promised.suspectMs * shareOfWait
    ? []
    : broken('suspicion', slot, `${work} of ${slot} began ${notReadyForMs} ms after it was Ready`);
}

/** Safety 3. An instance is gone only on the cloud's own word, never because a list lacks it. */
export function goneOnProof({ slot, work, wronglyGone }: WorkBegins): readonly Violation[] {
  return wronglyGone ? broken('safety 3', slot, `${work} of ${slot} began, whose instance is there`) : [];
}

/** A node is healthy again, and may climb again, only after its time. `restedMs`: in the state that it leaves. */
export function restsFirst(move: {
  readonly slot: string;
  readonly from: string;
  readonly to: string;
  readonly restedMs: number;
}): readonly Violation[] {
  const { slot, from, to, restedMs } = move;
  if (from.startsWith('recovering') && to === 'healthy')
    return broken('settling', slot, `${slot} is healthy without having settled`);
  if (from === 'settling' && to === 'healthy' && restedMs < promised.settleMs * shareOfWait)
    return broken('settling', slot, `${slot} settled for ${restedMs} ms only`);
  if (from === 'throttled' && to.startsWith('repairing') && restedMs < promised.throttleMs * shareOfWait)
    return broken('safety 25', slot, `${slot} climbs again after ${restedMs} ms`);
  return [];
}

/** Safety 23. A node has recovered only if it was heard of after wdrip's own work on it. Times in epoch ms of the world. */
export function recoversOnFreshWord(node: {
  readonly slot: string;
  readonly bootedAt: number;
  readonly heardAt: number;
}): readonly Violation[] {
  return node.heardAt < node.bootedAt
    ? broken('safety 23', node.slot, `${node.slot} recovers, and was last heard of before it was booted`)
    : [];
}

/** Safety 7. While many fail at once nothing is taken away from one that is well: a storm holds, and then asks for a second signal. */
export function stormsHold({ slot, work, storm, liedAboutForMs }: WorkBegins): readonly Violation[] {
  if (work === 'restartingKubelet' || storm.forMs <= newsTakeMs) return [];
  if (storm.state === 'holding')
    return broken('safety 7', slot, `${work} of ${slot} began ${storm.forMs} ms into a storm that is held`);
  return storm.state === 'confirming' && liedAboutForMs !== null && liedAboutForMs > signalMs
    ? broken('safety 7', slot, `${work} of ${slot} began in a storm, and it was well`)
    : [];
}

/** Safety 9. An instance that has just been made or booted is given its time to join. */
export function joinsInPeace({ slot, work, bootedMsAgo, bootWaitMs }: WorkBegins): readonly Violation[] {
  return bootedMsAgo === null || bootedMsAgo >= bootWaitMs * shareOfWait
    ? []
    : broken('safety 9', slot, `${work} of ${slot} began ${bootedMsAgo} ms after it was booted`);
}

/** Safety 24. A permit is held by nobody who is not under repair. */
export function permitsReturn(node: {
  readonly slot: string;
  readonly state: string;
  readonly permit: string | null;
}): readonly Violation[] {
  const rests = ['unknown', 'healthy', 'settling', 'throttled', 'held', 'retired'].includes(node.state);
  return rests && node.permit !== null
    ? broken('safety 24', node.slot, `${node.slot} is ${node.state} and holds a permit`)
    : [];
}

/** Safety 27. A drain ends by its deadline. `overMs`: how long that has been over while the supervisor was there. */
export function drainsEnd(drain: { readonly slot: string; readonly overMs: number }): readonly Violation[] {
  return drain.overMs > lateMs
    ? broken(
        'safety 27',
        drain.slot,
        `the drain of ${drain.slot} lasts ${drain.overMs} ms beyond its deadline`,
      )
    : [];
}

/** Safety 28 and 29. Pods are released, and a Node object deleted, only when nothing on the instance can write any more. */
export function fencedFirst(release: {
  readonly node: string;
  readonly act: string;
  /** Null: there is no such instance. */
  readonly status: string | null;
}): readonly Violation[] {
  const { node, act, status } = release;
  return status === null || status === 'Stopped'
    ? []
    : broken('safety 29', node, `${act} of ${node} while its instance was ${status}`);
}

/**
 * Safety 13. Nothing holds back the recovery of a node that is Ready. `readyForMs`: as the supervisor was told, up to the last heartbeat.
 * `silentForMs`: since then. Who is silent for long is not Ready, whatever its Node still says.
 */
export function recoveryIsFree(node: {
  readonly slot: string;
  readonly state: string;
  readonly readyForMs: number | null;
  readonly silentForMs: number;
}): readonly Violation[] {
  const { slot, state, readyForMs, silentForMs } = node;
  const waits = /^(suspect|blind|joining|throttled|held|awaitingCloud\b|repairing\.(?!\w+\.acting))/.test(
    state,
  );
  const isReady = readyForMs !== null && silentForMs < promised.leaseSilentMs;
  return waits && isReady && readyForMs > recoveryTakesMs
    ? broken('safety 13', slot, `${slot} is ${state} though it has been seen Ready for ${readyForMs} ms`)
    : [];
}

/** Ready reaches a node's actor within this: the next heartbeat after the rung's work, or the next look at everybody. */
const recoveryTakesMs = 45_000;

/** 3. What takes a running node from its users is not done to one that has become Ready since its rung began. */
export function notOnTheReady(deed: {
  readonly call: string;
  readonly slot: string;
  readonly readyForMs: number | null;
  readonly silentForMs: number;
}): readonly Violation[] {
  const { call, slot, readyForMs, silentForMs } = deed;
  const isReady = readyForMs !== null && silentForMs < promised.leaseSilentMs;
  return isReady && readyForMs > callTakesMs
    ? broken(3, slot, `${call} of ${slot}, which had been seen Ready for ${readyForMs} ms`)
    : [];
}

/** From the last look to the call's effect: a slow one takes three seconds. */
const callTakesMs = 4_000;

/** Safety 34. Whoever looks at a node under repair can see that. */
export function isMarked(deed: {
  readonly call: string;
  readonly slot: string;
  /** Null: the mark can't be expected, since the Node object is not there, or the API was disturbed. */
  readonly annotation: string | undefined | null;
}): readonly Violation[] {
  return deed.annotation === undefined
    ? broken('safety 34', deed.slot, `${deed.call} of ${deed.slot}, and nothing on its Node says so`)
    : [];
}

/** Safety 1 and 25. No endless deletions: `inHour` are wdrip's own of one slot that is wanted, in an hour. */
export function deletesWithMeasure(slot: string, inHour: number): readonly Violation[] {
  return inHour > mostDeletionsInHour
    ? broken('safety 1', slot, `${slot} was deleted ${inHour} times within an hour`)
    : [];
}

/** A climb that ends in a replacement takes at least half an hour with its waits, and the first may come at once. */
const mostDeletionsInHour = 3;

/** Safety 5. No doubled creation: an instance is made for a slot that has none. `others`: those of the slot that are there. */
export function createsOne(slot: string, others: readonly string[]): readonly Violation[] {
  return others.length > 0
    ? broken('safety 5', slot, `an instance was made for ${slot}, which has ${others.join(' and ')}`)
    : [];
}

/** Safety 32. A zone without stock is not asked again and again. `refusals`: of one attempt by one zone. */
export function asksElsewhere(attempt: string, zone: string, refusals: number): readonly Violation[] {
  return refusals > mostRefusals
    ? [
        {
          invariant: 'safety 32',
          what: `${zone}, which has no stock, was asked ${refusals} times by ${attempt}`,
          concerns: [],
        },
      ]
    : [];
}

/** Once, and again after a crash that falls between the answer and its record. */
const mostRefusals = 3;
