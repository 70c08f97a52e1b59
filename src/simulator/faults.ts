import type { Random } from '../runtime/random.ts';

/** Everything that a run may suffer: what strikes one instance, and what lies for a while on everything around it. */
const instanceFaults = [
  'blip',
  'kubeletDies',
  'needsReboot',
  'diskBroken',
  'unbootable',
  'stoppedByPerson',
  'deletedByPerson',
  'cloudRepairs',
  'agentDies',
  'cordonedByPerson',
  'nodeObjectDeleted',
  'rebootedByPerson',
  'lockedByCloud',
  'liedAbout',
  'flaps',
  'pausedNode',
  'pausedByAnnotation',
  'retaggedByPerson',
] as const;
const faultsAround = [
  'apiUnreachable',
  'cloudSlow',
  'cloudFails',
  'cloudLosesAnswers',
  'cloudThrottles',
  'cloudListsLate',
  'cloudListsPartial',
  'apiSlow',
  'apiFails',
  'apiLosesAnswers',
  'apiThrottles',
  'watchLate',
  'watchLossy',
  'watchDoubled',
  'outOfStock',
  'zoneFails',
  'poolLiedAbout',
  'budgetBlocks',
  'pausedCluster',
  'pausedPool',
  'scaled',
  'rivalRepairs',
  'clockSet',
  'clockDrifts',
  'supervisorKilled',
  'supervisorKilledAtCommit',
  'supervisorKilledRestoring',
] as const;
export const quorumFaults = [
  'etcdStopped',
  'etcdWiped',
  'etcdCorrupt',
  'etcdFull',
  'etcdFrozen',
  'mastersStoppedTogether',
  'mastersLostTogether',
  'mastersAllLost',
  'backupRegionGone',
  'backupDamaged',
] as const;
export type QuorumFault = (typeof quorumFaults)[number];
/** What lies on every request to etcd for a while. */
const etcdCallFaults = ['etcdSlow', 'etcdFails', 'etcdLosesAnswers'] as const;
export const faultKinds = [...instanceFaults, ...faultsAround, ...quorumFaults, ...etcdCallFaults] as const;
export type FaultKind = (typeof faultKinds)[number];
export type InstanceFault = (typeof instanceFaults)[number];

/** True of a fault of one instance; the others are of everything around it. */
export function strikesInstance(kind: FaultKind): kind is InstanceFault {
  return instanceFaults.some((each) => each === kind);
}

/** What strikes etcd, its members together, and their backups: only where there are masters. */
export function strikesQuorum(kind: FaultKind): kind is QuorumFault {
  return quorumFaults.some((each) => each === kind);
}

/**
 * Those that a run with so many masters can have. Without any the list is what it was before there were masters: old seeds stay what they
 * are.
 */
export function faultsWith(masters: number): readonly FaultKind[] {
  return masters > 0 ? faultKinds : [...instanceFaults, ...faultsAround];
}

/** A run's own mix: which faults it has, and how long it is between two of them on average, in ms. */
export interface Swarm {
  readonly kinds: readonly FaultKind[];
  readonly meanGapMs: number;
}

/** Faults come between every 3 and every 40 minutes: seldom enough to heal between, often enough to fall into a repair. */
const shortestMeanMs = 180_000;
const longestMeanMs = 2_400_000;
/** Half of the kinds are in a run: a mix that lacks one lets the others go where it would have hidden them (swarm testing). */
const share = 0.5;

/** Draws a run's mix from those allowed. Never empty unless nothing is allowed. */
export function drawSwarm(random: Random, allowed: readonly FaultKind[]): Swarm {
  const drawn = allowed.filter(() => random.next() < share);
  const kinds = drawn.length > 0 ? drawn : allowed;
  const [drawnGap, span] = [random.next(), longestMeanMs - shortestMeanMs];
  // Not `** 2`: a power is rounded as the engine likes, and one seed must be one history everywhere.
  const meanGapMs = shortestMeanMs + drawnGap * drawnGap * span;
  return { kinds, meanGapMs };
}

/** A wait until the next fault: exponential, in whole ms. */
export function drawGap(random: Random, meanMs: number): number {
  return Math.ceil(-Math.log(1 - random.next()) * meanMs);
}

/** One of them. The list must not be empty. */
export function pick<T>(random: Random, from: readonly T[]): T | undefined {
  return from[Math.floor(random.next() * from.length)];
}
