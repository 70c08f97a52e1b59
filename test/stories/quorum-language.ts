import { z } from 'zod';
import { type QuorumContext, type QuorumInput, quorumMachine } from '../../machines/etcd-quorum.ts';
import type { MemberFacts } from '../../machines/members.ts';
import { drive } from '../machines/driver.ts';
import { brokenQuorumRules } from '../machines/quorum-rules.ts';
import { type Driver, fieldsOf, type Language } from './runner.ts';

const words = {
  instance: z.enum(['unknown', 'moving', 'running', 'stopped', 'locked', 'gone']),
  role: z.enum(['voter', 'learner', 'none']),
  health: z.enum(['healthy', 'unhealthy', 'unknown']),
  alarm: z.enum(['noSpace', 'corrupt']),
};

/** `0=voter/healthy`, `1=voter/unhealthy/stopped`, `2=none`, `x1=voter/unhealthy/gone`: a slot, or a member that no slot has. */
function memberOf(name: string, said: string, size: number): MemberFacts {
  const [role, health = role === 'none' ? 'unknown' : 'healthy', instance = 'running', alarm] =
    said.split('/');
  const index = Number(name);
  const isSlot = /^\d+$/.test(name);
  const kind = words.role.parse(role);
  return {
    slot: isSlot ? `control-plane-${index}` : null,
    wanted: isSlot && index < size,
    instanceId: `i-${name}`,
    instance: words.instance.parse(instance),
    memberId: kind === 'none' ? null : `m${name}`,
    role: kind,
    started: kind !== 'none',
    health: words.health.parse(health),
    alarm: alarm === undefined ? null : words.alarm.parse(alarm),
  };
}

function input(fields: Readonly<Record<string, string>>): QuorumInput {
  return { cluster: 'demo', size: Number(fields.size ?? 3), policy: {} };
}

const outputs: Readonly<Record<string, (count: number) => Readonly<Record<string, unknown>>>> = {
  requestMemberPermit: (count) => ({ permit: `permit-${count}` }),
  addLearner: (count) => ({ memberId: `new-${count}` }),
  checkQuorum: () => ({ held: false }),
  reviveMembers: () => ({ held: false }),
  restoreQuorum: () => ({ revision: 1_000 }),
};

/**
 * Stories of the quorum machine:
 *
 *     quorum size=3
 *     MEMBERS 0=voter/healthy 1=voter/unhealthy/stopped 2=none       what etcd and the cloud say; `lost` first: no quorum answers
 */
export const quorumLanguage: Language = {
  word: 'quorum',
  begin: (given) =>
    drive<QuorumContext, { readonly type: string }>(
      quorumMachine,
      input(fieldsOf(given)),
    ) as unknown as Driver,
  event(type, given, now, driver) {
    const size = Number(Reflect.get(driver.context(), 'size'));
    switch (type) {
      case 'MEMBERS': {
        const held = given[0] !== 'lost';
        const members = Object.entries(fieldsOf(held ? given : given.slice(1))).map(([name, said]) =>
          memberOf(name, said, size),
        );
        return Object.assign({ type: 'MEMBERS_OBSERVED' }, { at: now, held, members });
      }
      case 'SIZE_CHANGED':
        return Object.assign({ type }, { at: now, size: Number(fieldsOf(given).size) });
      case 'REPAIRS_PAUSED':
      case 'REPAIRS_RESUMED':
        return Object.assign({ type }, { at: now });
      default:
        throw new Error(`the quorum machine has no event ${type}`);
    }
  },
  usualOutput: (effect, count) => outputs[effect]?.(count) ?? {},
  followed: ['held', 'failedChecks', 'restarted', 'permit', 'because', 'failedRepairs', 'paused', 'size'],
  told: ['slot', 'memberId', 'trouble', 'because'],
  broken: (step) => brokenQuorumRules(step as Parameters<typeof brokenQuorumRules>[0]),
};
