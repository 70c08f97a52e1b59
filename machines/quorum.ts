/**
 * The arithmetic of an etcd quorum: pure, and all in one place, with truth tables in test/machines/quorum.test.ts. A voter that has never
 * started is one that is not healthy: it counts against the quorum as any other does.
 */
export interface QuorumMember {
  readonly id: string;
  /** False: a learner, which counts for nothing. */
  readonly voter: boolean;
  readonly started: boolean;
  /** It has answered its health check. */
  readonly healthy: boolean;
  /** It answers and votes, and what it says is wrong. Default: false. */
  readonly corrupt?: boolean;
  readonly zone: string;
}

/** May a change of the members be made? If not, the first reason that speaks against it. */
export type MayChange =
  | { readonly may: true }
  | {
      readonly may: false;
      readonly because:
        | 'noQuorum'
        | 'unknownMember'
        | 'learnerPending'
        | 'memberUnhealthy'
        | 'lastVoter'
        | 'tooManyVoters'
        | 'notALearner'
        | 'breaksQuorum';
    };

/** More voters make writes slower and the quorum no safer: etcd's own advice. */
export const mostVoters = 7;

const may: MayChange = Object.freeze({ may: true });

/** Voters that must agree: more than half. */
export function quorumOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** Enough voters are healthy for the cluster to write. */
export function hasQuorum(members: readonly QuorumMember[]): boolean {
  return votingMembers(members).length >= quorumOf(voters(members).length);
}

/** The cluster writes on while this member is away, though it stays a member. One that is no voter is never missed. */
export function survivesWithout(members: readonly QuorumMember[], id: string): boolean {
  const others = healthyVoters(members).filter((member) => member.id !== id);
  return others.length >= quorumOf(voters(members).length);
}

/** How many more healthy voters may fail before the quorum is lost; below zero if it is lost. */
export function margin(members: readonly QuorumMember[]): number {
  return healthyVoters(members).length - quorumOf(voters(members).length);
}

/**
 * May a learner be added? One at a time, and while every member is there: etcd itself refuses it otherwise (`unhealthy cluster`). So
 * the dead are removed first.
 */
export function mayAdd(members: readonly QuorumMember[]): MayChange {
  if (!hasQuorum(members)) return { may: false, because: 'noQuorum' };
  if (members.some((member) => !member.voter)) return { may: false, because: 'learnerPending' };
  if (voters(members).length >= mostVoters) return { may: false, because: 'tooManyVoters' };
  if (members.some((member) => !isWell(member))) return { may: false, because: 'memberUnhealthy' };
  return may;
}

/** May this learner vote? The quorum must hold at once, even if the new voter fails in the same moment. */
export function mayPromote(members: readonly QuorumMember[], id: string): MayChange {
  const learner = members.find((member) => member.id === id);
  if (!hasQuorum(members)) return { may: false, because: 'noQuorum' };
  if (learner === undefined) return { may: false, because: 'unknownMember' };
  if (learner.voter) return { may: false, because: 'notALearner' };
  if (!isWell(learner)) return { may: false, because: 'memberUnhealthy' };
  const count = voters(members).length;
  if (count >= mostVoters) return { may: false, because: 'tooManyVoters' };
  // A cluster of one can't grow otherwise: for its second voter there is no quorum without it.
  const without = healthyVoters(members).length;
  if (without < quorumOf(count + 1) && count > 1) return { may: false, because: 'breaksQuorum' };
  return may;
}

/**
 * May this member be removed? A learner always, since nothing hangs on it, and so a dead voter: that never takes the quorum away, even
 * if another one is dead (safety 39, 42), and with a learner waiting it is what lets that be promoted. A corrupt one votes: it may go if
 * those that are left are a quorum, so the dead go before it. A healthy voter only if all others are healthy and no learner is on its way.
 */
export function mayRemove(members: readonly QuorumMember[], id: string): MayChange {
  const member = members.find((each) => each.id === id);
  if (!hasQuorum(members)) return { may: false, because: 'noQuorum' };
  if (member === undefined) return { may: false, because: 'unknownMember' };
  if (!member.voter) return may;
  if (voters(members).length === 1) return { may: false, because: 'lastVoter' };
  if (!votes(member)) return may;
  if (member.corrupt === true) {
    const left = votingMembers(members).filter((each) => each.id !== id).length;
    return left >= quorumOf(voters(members).length - 1) ? may : { may: false, because: 'breaksQuorum' };
  }
  const others = members.filter((each) => each.id !== id);
  if (others.some((other) => !other.voter)) return { may: false, because: 'learnerPending' };
  if (others.some((other) => !isWell(other))) return { may: false, because: 'memberUnhealthy' };
  return may;
}

/**
 * Whom to remove next, so that `desired` voters are left and all of them are there; null: nobody. What blocks everything else goes
 * first (safety 37): a learner that is not well, a voter that never started, one that is not healthy. Then, if there are too many, a
 * healthy one: of the zone that has most of them, and never the leader while another will do.
 */
export function removeFirst(
  members: readonly QuorumMember[],
  { desired, leader }: { readonly desired: number; readonly leader: string | null },
): string | null {
  const ill = members.filter((member) => !isWell(member));
  const first =
    ill.find(({ voter }) => !voter) ?? ill.find(({ started }) => !started) ?? ill.find(({ voter }) => voter);
  if (first !== undefined) return first.id;
  const standing = voters(members);
  if (standing.length <= desired) return null;
  const inZone = (zone: string) => standing.filter((each) => each.zone === zone).length;
  // The last of the list is the youngest: it has served least.
  const candidates = standing.filter(({ id }) => id !== leader).reverse();
  const [best] = candidates.sort((a, b) => inZone(b.zone) - inZone(a.zone));
  return best?.id ?? null;
}

/** How far a member's data has come, as it lies on its disk. */
export interface SurvivingData {
  readonly id: string;
  readonly raftTerm: number;
  readonly raftIndex: number;
}

/**
 * The survivor whose data to carry on with: the highest raft term, then the highest index. Between equals the first id, so that a
 * second look chooses the same.
 */
export function bestSurvivor<T extends SurvivingData>(survivors: readonly T[]): T | null {
  const [best] = [...survivors].sort(
    (a, b) => b.raftTerm - a.raftTerm || b.raftIndex - a.raftIndex || (a.id < b.id ? -1 : 1),
  );
  return best ?? null;
}

/**
 * What has been found out about a voter's data. `gone` takes proof: its instance does not exist, its disk was replaced, or its data
 * directory, looked at on the instance, is missing or broken.
 */
export type DataEvidence = 'present' | 'gone' | 'unknown';

/** The quorum can never come back: so many voters' data is proven gone that the others, all of them started, are too few (safety 44). */
export function lossProven(evidence: readonly DataEvidence[]): boolean {
  const mayReturn = evidence.filter((each) => each !== 'gone').length;
  return evidence.length > 0 && mayReturn < quorumOf(evidence.length);
}

function voters(members: readonly QuorumMember[]): readonly QuorumMember[] {
  return members.filter(({ voter }) => voter);
}

function healthyVoters(members: readonly QuorumMember[]): readonly QuorumMember[] {
  return members.filter((member) => member.voter && isWell(member));
}

function votingMembers(members: readonly QuorumMember[]): readonly QuorumMember[] {
  return members.filter((member) => member.voter && votes(member));
}

function votes({ started, healthy }: QuorumMember): boolean {
  return started && healthy;
}

function isWell(member: QuorumMember): boolean {
  return votes(member) && member.corrupt !== true;
}
