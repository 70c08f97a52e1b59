import { asQuorum, type MemberFacts } from '../../machines/members.ts';
import { hasQuorum, mayAdd, mayRemove } from '../../machines/quorum.ts';
import type { Decision } from './admission.ts';

/** A change of etcd's membership that the quorum's actor asks for: a member goes, or (without one) a master joins. */
export interface MemberRequest {
  /** The desk's key: there is one quorum. */
  readonly slot: 'quorum';
  /** For people. */
  readonly rung: 'removing a member' | 'adding a member';
  readonly memberId: string | null;
  /** The master that it is about; null if it is none of ours any more. */
  readonly master: string | null;
}

export interface MemberAdmissionFacts {
  readonly paused: boolean;
  /** A quorum answered in the newest look, and that look is recent. */
  readonly held: boolean;
  readonly members: readonly MemberFacts[];
  /** Masters whose own ladder holds a permit. */
  readonly mastersUnderRepair: readonly string[];
}

/** When the membership may be changed. Pure. One change at a time, and none while a master's own ladder takes its body away. */
export function admitMember(request: MemberRequest, facts: MemberAdmissionFacts): Decision {
  const refuse = (rule: 'paused' | 'quorum' | 'controlPlaneBudget', why: string): Decision => ({
    granted: false,
    rule,
    why,
  });
  if (facts.paused) return refuse('paused', 'repairs are paused (cluster)');
  const [busy] = facts.mastersUnderRepair;
  if (busy !== undefined) return refuse('controlPlaneBudget', `the master ${busy} is under repair`);
  const members = asQuorum(facts.members);
  if (!facts.held || !hasQuorum(members)) return refuse('quorum', 'etcd has no quorum');
  const verdict = request.memberId === null ? mayAdd(members) : mayRemove(members, request.memberId);
  return verdict.may
    ? { granted: true }
    : refuse('quorum', `${request.rung} is not safe now: ${verdict.because}`);
}
