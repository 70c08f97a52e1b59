import type { MemberFacts } from '../../machines/members.ts';

/** A master whose member votes and is well, but for the changes. */
export function member(index: number, changes: Partial<MemberFacts> = {}): MemberFacts {
  return {
    slot: `control-plane-${index}`,
    wanted: true,
    instanceId: `i-${index}`,
    instance: 'running',
    memberId: `m${index}`,
    role: 'voter',
    started: true,
    health: 'healthy',
    alarm: null,
    ...changes,
  };
}
