import type { InstanceState } from './node.ts';
import { mayRemove, type QuorumMember } from './quorum.ts';

/** One etcd member, or one master that has none, as it was last seen: etcd and the cloud were asked directly, never the API server. */
export interface MemberFacts {
  /** The master's slot. Null: a member whose instance is none of ours any more. */
  readonly slot: string | null;
  /** The slot is one of those that the cluster is to have. */
  readonly wanted: boolean;
  readonly instanceId: string | null;
  readonly instance: InstanceState;
  /** Null: the master is not in etcd's membership. */
  readonly memberId: string | null;
  readonly role: 'voter' | 'learner' | 'none';
  /** It has been seen by the cluster since it was added. */
  readonly started: boolean;
  /** `healthy`: answered a read of its own in time. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  readonly alarm: 'noSpace' | 'corrupt' | null;
}

/** What is to be done next while the quorum holds. */
export type MemberStep =
  | {
      readonly kind: 'promote' | 'clearAlarm' | 'restart' | 'remove' | 'replace';
      readonly member: MemberFacts;
    }
  | { readonly kind: 'wait' };

/** Every wanted master has a healthy voter, and there is nobody else. */
export function isWhole(members: readonly MemberFacts[], size: number): boolean {
  return (
    members.length === size &&
    members.every(({ slot, wanted, role, health, alarm }) => {
      return slot !== null && wanted && role === 'voter' && health === 'healthy' && alarm === null;
    })
  );
}

/** The members as the quorum's arithmetic sees them. */
export function asQuorum(members: readonly MemberFacts[]): readonly QuorumMember[] {
  return members.flatMap(({ memberId, role, started, health, alarm }) =>
    memberId === null
      ? []
      : [
          {
            id: memberId,
            voter: role === 'voter',
            started,
            healthy: health === 'healthy',
            corrupt: alarm === 'corrupt',
            zone: '',
          },
        ],
  );
}

/** The instance does what it is told: only then is its member repaired in place. Else its node's ladder brings the body back. */
function canBeTold({ slot, instance, wanted }: MemberFacts): boolean {
  return slot !== null && wanted && instance === 'running';
}

function isIll({ memberId, health, alarm }: MemberFacts): boolean {
  return memberId !== null && (health === 'unhealthy' || alarm === 'corrupt');
}

/**
 * The next step towards a whole membership, the least harmful first. `restarted`: slots whose etcd was restarted since the membership was
 * last whole. A body that is not there, or stopped, is not this machine's: its node's ladder brings it back, and it waits. Pure.
 */
export function nextStep(members: readonly MemberFacts[], restarted: readonly string[]): MemberStep {
  const find = (kind: Exclude<MemberStep['kind'], 'wait'>, applies: (member: MemberFacts) => boolean) => {
    const member = members.find(applies);
    return member === undefined ? undefined : ({ kind, member } as const);
  };
  const mayGo = ({ memberId }: MemberFacts) =>
    memberId !== null && mayRemove(asQuorum(members), memberId).may;
  const canBeRestarted = (member: MemberFacts) =>
    canBeTold(member) && member.alarm !== 'corrupt' && !restarted.includes(member.slot ?? '');

  const isCorrupt = members.some(({ alarm }) => alarm === 'corrupt');
  const gentle =
    // Beside a corrupt member etcd refuses to compact: that one goes first.
    find('clearAlarm', ({ alarm }) => alarm === 'noSpace' && !isCorrupt) ??
    find('promote', ({ role, health, wanted }) => role === 'learner' && health === 'healthy' && wanted) ??
    find('restart', (member) => isIll(member) && canBeRestarted(member));
  if (gentle !== undefined) return gentle;

  // A learner that does not come up blocks every later join (safety 37): it goes before anything else is changed.
  const learner = members.find(({ role }) => role === 'learner');
  if (learner !== undefined) {
    if (learner.health !== 'unhealthy' && learner.wanted) return { kind: 'wait' };
    return { kind: canBeTold(learner) ? 'replace' : 'remove', member: learner };
  }

  // While one of them is dead etcd lets nobody join: of several dead all go, and only then the first comes back (safety 39, 42).
  const ill = members.filter(isIll);
  const dead = ill.filter(mayGo);
  const lastOne = ill.length === 1 ? dead[0] : undefined;
  if (lastOne !== undefined && canBeTold(lastOne)) return { kind: 'replace', member: lastOne };
  // Beside a corrupt one nothing is waited for: etcd serves nobody until that has gone, and it goes after the dead.
  const goes = dead.find(
    (member) => isCorrupt || member.instance === 'gone' || canBeTold(member) || !member.wanted,
  );
  if (goes !== undefined) return { kind: 'remove', member: goes };
  if (ill.length > 0) return { kind: 'wait' };

  return (
    find('replace', (member) => member.role === 'none' && canBeTold(member)) ??
    find('remove', (member) => !member.wanted && member.memberId !== null && mayGo(member)) ?? {
      kind: 'wait',
    }
  );
}
