import type { InstanceState } from './node.ts';

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
  /** `healthy`: answered a read of its own in time. */
  readonly health: 'healthy' | 'unhealthy' | 'unknown';
  readonly alarm: 'NOSPACE' | 'CORRUPT' | null;
}

/** What is to be done next while the quorum holds; the first that applies, the least harmful first. */
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
    members.every(
      ({ slot, wanted, role, health, alarm }) =>
        slot !== null && wanted && role === 'voter' && health === 'healthy' && alarm === null,
    )
  );
}

/** The instance can still run what it is told: only then is its member repaired in place. Else its node's ladder brings the body back. */
function canBeTold({ slot, instance, wanted }: MemberFacts): boolean {
  return slot !== null && wanted && instance === 'running';
}

/** The voters that stay healthy without this member are a quorum of those that stay. One change at a time: no learner is on its way. */
export function mayLeave(members: readonly MemberFacts[], member: MemberFacts): boolean {
  if (member.role === 'learner') return true;
  const others = members.filter(({ role, memberId }) => role === 'voter' && memberId !== member.memberId);
  const healthy = others.filter(({ health }) => health === 'healthy');
  return others.length > 0 && healthy.length >= Math.floor(others.length / 2) + 1;
}

/**
 * The next step towards a whole membership. `restarted`: slots whose etcd was restarted since they were last healthy. Pure.
 */
export function nextStep(members: readonly MemberFacts[], restarted: readonly string[]): MemberStep {
  const first = (
    kind: Exclude<MemberStep['kind'], 'wait'>,
    applies: (member: MemberFacts) => boolean,
  ): MemberStep | null => {
    const member = members.find(applies);
    return member === undefined ? null : { kind, member };
  };
  const hasLearner = members.some(({ role }) => role === 'learner');
  const wasRestarted = ({ slot }: MemberFacts) => slot !== null && restarted.includes(slot);
  return (
    first('clearAlarm', ({ alarm }) => alarm === 'NOSPACE') ??
    first('promote', ({ role, health, wanted }) => role === 'learner' && health === 'healthy' && wanted) ??
    first(
      'restart',
      (member) =>
        member.role !== 'none' &&
        member.health === 'unhealthy' &&
        member.alarm !== 'CORRUPT' &&
        canBeTold(member) &&
        !wasRestarted(member),
    ) ??
    // A learner that never comes up blocks every later join (safety 37): it is taken out again.
    first(
      'remove',
      (member) => member.role === 'learner' && member.health === 'unhealthy' && !canBeTold(member),
    ) ??
    (hasLearner
      ? first(
          'replace',
          (member) => member.role === 'learner' && member.health === 'unhealthy' && canBeTold(member),
        )
      : null) ??
    (hasLearner
      ? null
      : (first(
          'remove',
          (member) =>
            member.role === 'voter' &&
            member.health === 'unhealthy' &&
            member.instance === 'gone' &&
            mayLeave(members, member),
        ) ??
        first(
          'replace',
          (member) =>
            canBeTold(member) &&
            (member.role === 'none' ||
              ((member.health === 'unhealthy' || member.alarm === 'CORRUPT') &&
                wasRestartedOrCorrupt(member, wasRestarted) &&
                mayLeave(members, member))),
        ) ??
        first(
          'remove',
          (member) => !member.wanted && member.role !== 'none' && mayLeave(members, member),
        ))) ?? {
      kind: 'wait',
    }
  );
}

function wasRestartedOrCorrupt(member: MemberFacts, wasRestarted: (member: MemberFacts) => boolean): boolean {
  return member.alarm === 'CORRUPT' || wasRestarted(member);
}
