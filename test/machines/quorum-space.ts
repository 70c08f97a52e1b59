import type { AnyMachineSnapshot } from 'xstate';
import { type QuorumContext, quorumMachine } from '../../machines/etcd-quorum.ts';
import type { MemberFacts } from '../../machines/members.ts';
import type { AnyEvent, Space } from './explore.ts';
import { member } from './member.ts';
import { declaredDeadlines, declaredEffects, dotted } from './pure.ts';

interface Look {
  readonly held: boolean;
  readonly members: readonly MemberFacts[];
}

const dead = { health: 'unhealthy' } as const;
const none = { memberId: null, role: 'none', started: false, health: 'unknown' } as const;
const learner = { memberId: 'n1', role: 'learner' } as const;

/** What is seen of three masters: each kind of trouble once, of the second one, and of another where it makes a difference who. */
const looks = {
  whole: { held: true, members: [member(0), member(1), member(2)] },
  silent: { held: true, members: [member(0), member(1, dead), member(2)] },
  gone: { held: true, members: [member(0), member(1, { ...dead, instance: 'gone' }), member(2)] },
  missing: { held: true, members: [member(0), member(1, none), member(2)] },
  learns: { held: true, members: [member(0), member(1, { ...learner, health: 'unknown' }), member(2)] },
  hasLearned: { held: true, members: [member(0), member(1, learner), member(2)] },
  learnerDead: { held: true, members: [member(0), member(1, { ...learner, ...dead }), member(2)] },
  full: { held: true, members: [member(0), member(1, { alarm: 'noSpace' }), member(2)] },
  otherCorrupt: { held: true, members: [member(0, { alarm: 'corrupt' }), member(1), member(2)] },
  oneTooMany: { held: true, members: [member(0), member(1), member(2), member(3, { wanted: false })] },
  lost: { held: false, members: [member(0), member(1, dead), member(2, dead)] },
} as const satisfies Readonly<Record<string, Look>>;

/** While people hold repairs back less is seen, and they hold them back only then: a pause and a look are each other's business seldom. */
const looksWhenPaused: readonly Look[] = [
  looks.whole,
  looks.silent,
  looks.missing,
  looks.oneTooMany,
  looks.lost,
];

const retryable = { kind: 'retryable', code: 'NoAnswer', message: 'no answer' };
const damaged = { kind: 'retryable', code: 'BackupDamaged', message: 'the master found it so' };
const survivor = { kind: 'member', slot: 'control-plane-0', instanceId: 'i-0', term: 3, index: 9 } as const;
const backup = { kind: 'backup', key: 'b', region: 'r', revision: 7, passedOver: [] } as const;

const outputs: Readonly<Record<string, readonly object[]>> = {
  requestMemberPermit: [{ permit: 'permit' }],
  addLearner: [{ memberId: 'n1' }],
  checkQuorum: [{ held: false }, { held: true }],
  reviveMembers: [{ held: false }, { held: true }],
  chooseSource: [
    { choice: { kind: 'source', source: survivor, because: 'it has come furthest' } },
    { choice: { kind: 'source', source: backup, because: 'nobody survives' } },
    { choice: { kind: 'held' } },
    { choice: { kind: 'unproven', because: 'one may come back' } },
    { choice: { kind: 'none', because: 'there is no backup' } },
  ],
  restoreQuorum: [{ revision: 1_000 }],
};

function ends(id: string): readonly AnyEvent[] {
  return [
    ...(outputs[id] ?? [{}]).map((output) => ({
      type: `xstate.done.actor.${id}`,
      output: { at: 1, ...output },
    })),
    { type: `xstate.error.actor.${id}`, error: retryable },
    ...(id === 'restoreQuorum' ? [{ type: `xstate.error.actor.${id}`, error: damaged }] : []),
  ];
}

/** Arrays that came from an event stay the same objects: their text is made once. */
const texts = new WeakMap<object, string>();

function textOf(value: object): string {
  const known = texts.get(value);
  if (known !== undefined) return known;
  const text = JSON.stringify(value);
  texts.set(value, text);
  return text;
}

/** States in which somebody is worked on, or was chosen to be: elsewhere it is chosen anew before it matters. */
const aims = /(restartingMember|promotingFound|takingOut|replacingMember|clearingAlarm)/;

/**
 * Left out: how many repairs failed, but for the first while all is lost, and what the last failure was, which are only told; who is aimed
 * at where nobody is; checks where nobody counts them.
 */
export function quorumKey({ value, context }: { readonly value: unknown; readonly context: QuorumContext }) {
  const { members, held, target, restarted, permit, source, paused, size } = context;
  const state = dotted(value);
  const isLost = /^lost\.(confirming|reviving|choosingSource|restoring)/.test(state);
  return [
    state,
    textOf(members),
    held,
    aims.test(state) && target !== null ? textOf(target) : '-',
    restarted.join(),
    permit !== null,
    state === 'lost.restoring' ? source?.kind : '-',
    paused,
    size,
    isLost ? Math.min(context.failedChecks, 6) : '-',
    isLost ? Math.min(context.failedRepairs, 1) : '-',
  ].join(' ');
}

export const quorumSpace: Space = {
  machine: quorumMachine,
  inputs: [{ cluster: 'demo', size: 3, policy: { checks: 2 } }],
  keyOf: quorumKey,
  possible: (snapshot) => [
    ...(snapshot.context.paused ? looksWhenPaused : Object.values(looks)).map(
      (look): AnyEvent => ({ type: 'MEMBERS_OBSERVED', at: 1, ...look }),
    ),
    { type: 'SIZE_CHANGED', at: 1, size: snapshot.context.size },
    { type: 'POLICY_CHANGED', at: 1, policy: snapshot.context.policy },
    ...(looksWhenPaused.some(({ members }) => members === snapshot.context.members)
      ? [{ type: 'REPAIRS_PAUSED', at: 1 }]
      : []),
    { type: 'REPAIRS_RESUMED', at: 1 },
    ...declaredDeadlines(snapshot).map((type) => ({ type })),
    ...declaredEffects(snapshot).flatMap(ends),
  ],
};

/** People let it act, every master is seen well, effects succeed, time passes. */
export function whatComesWhenMembersAreWell(snapshot: AnyMachineSnapshot): AnyEvent {
  const { paused, held, members, size }: QuorumContext = snapshot.context;
  if (paused) return { type: 'REPAIRS_RESUMED', at: 1 };
  const well = { type: 'MEMBERS_OBSERVED', at: 1, ...looks.whole };
  if (!held || members.length !== size || textOf(members) !== textOf(looks.whole.members)) return well;
  // To tell people ends nothing.
  const effect = declaredEffects(snapshot).find((id) => id !== 'reportQuorumTrouble');
  if (effect === undefined) return { type: declaredDeadlines(snapshot)[0] ?? 'nothing' };
  if (effect === 'checkQuorum' || effect === 'reviveMembers')
    return { type: `xstate.done.actor.${effect}`, output: { at: 1, held: true } };
  return ends(effect)[0] ?? { type: 'nothing' };
}
