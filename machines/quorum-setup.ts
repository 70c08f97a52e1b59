import { assign, fromPromise, setup } from 'xstate';
import { isWhole, type MemberStep, nextStep } from './members.ts';
import type { RepairFailure } from './node.ts';
import {
  defaultQuorumPolicy,
  type MemberInput,
  type QuorumContext,
  type QuorumDone,
  type QuorumEffects,
  type QuorumError,
  type QuorumEvent,
  type QuorumInput,
  type QuorumPolicy,
  type SourceChoice,
} from './quorum-contract.ts';

/** Machines only declare their work. The runtime runs the effect of the same name, and never this. */
function effect<K extends keyof QuorumEffects>(name: K) {
  return fromPromise<QuorumEffects[K]['output'], QuorumEffects[K]['input']>(() =>
    Promise.reject(new Error(`the effect ${name} must be run by the runtime`)),
  );
}

export function policyOf<K extends keyof QuorumPolicy>({ policy }: QuorumContext, key: K): QuorumPolicy[K] {
  return policy[key] ?? defaultQuorumPolicy[key];
}

export function targetInput({ target, failure }: QuorumContext): MemberInput {
  const because = failure
    ? `${failure.code}: ${failure.message}`
    : target === null
      ? 'an etcd member is missing'
      : target.memberId === null
        ? `${target.slot ?? 'a master'} is not a member of etcd`
        : `the etcd member ${target.memberId} (${target.slot ?? 'its instance is none of ours'}) is ${target.alarm ?? target.health}`;
  return {
    slot: target?.slot ?? null,
    instanceId: target?.instanceId ?? null,
    memberId: target?.memberId ?? null,
    because,
  };
}

/** The quorum machine's vocabulary: every effect, wait, guard and action by its name. */
export const keeper = setup({
  types: {
    context: {} as QuorumContext,
    input: {} as QuorumInput,
    events: {} as QuorumEvent | QuorumDone | QuorumError,
  },
  actors: {
    requestMemberPermit: effect('requestMemberPermit'),
    restartMember: effect('restartMember'),
    removeMember: effect('removeMember'),
    rebuildMember: effect('rebuildMember'),
    addLearner: effect('addLearner'),
    promoteLearner: effect('promoteLearner'),
    clearAlarm: effect('clearAlarm'),
    checkQuorum: effect('checkQuorum'),
    reviveMembers: effect('reviveMembers'),
    chooseSource: effect('chooseSource'),
    restoreQuorum: effect('restoreQuorum'),
    verifyQuorum: effect('verifyQuorum'),
    reportQuorumTrouble: effect('reportQuorumTrouble'),
  },
  delays: {
    patience: ({ context }) => policyOf(context, 'patienceMs'),
    lookAgain: ({ context }) => policyOf(context, 'lookAgainMs'),
    nextCheck: ({ context }) => policyOf(context, 'checkMs'),
    memberWait: ({ context }) => policyOf(context, 'memberWaitMs'),
    changeDeadline: ({ context }) => policyOf(context, 'changeMs'),
    reviveDeadline: ({ context }) => policyOf(context, 'reviveMs') * 2,
    lookDeadline: ({ context }) => policyOf(context, 'lookMs'),
    restoreDeadline: ({ context }) => policyOf(context, 'restoreMs'),
    throttle: ({ context }) => policyOf(context, 'throttleMs'),
  },
  guards: {
    isPaused: ({ context }) => context.paused,
    isHeld: ({ context }) => context.held,
    isLost: ({ context }) => !context.held,
    isWhole: ({ context }) => context.held && isWhole(context.members, context.size),
    isNotWhole: ({ context }) => !isWhole(context.members, context.size),
    seesLoss: ({ event }) => event.type === 'MEMBERS_OBSERVED' && !event.held,
    seesLearnerReady: ({ context, event }) =>
      event.type === 'MEMBERS_OBSERVED' &&
      event.held &&
      nextStep(event.members, context.restarted).kind === 'promote',
    seesQuorum: ({ event }) => event.type === 'MEMBERS_OBSERVED' && event.held,
    nextIs: ({ context }, params: { readonly step: MemberStep['kind'] }) =>
      nextStep(context.members, context.restarted).kind === params.step,
    targetIsMember: ({ context }) => context.target?.memberId !== null && context.target !== null,
    targetIsHealthy: ({ context }) =>
      context.members.some(({ slot, health }) => slot === context.target?.slot && health === 'healthy'),
    checkFoundIt: ({ event }) =>
      (event.type === 'xstate.done.actor.checkQuorum' || event.type === 'xstate.done.actor.reviveMembers') &&
      event.output.held,
    isConfirmed: ({ context }) => context.failedChecks + 1 >= policyOf(context, 'checks'),
    /** For the first time: if it is found again in what was read through, people must look. */
    copyWasDamaged: ({ context, event }) =>
      context.failedRepairs === 0 && 'error' in event && event.error.code === 'BackupDamaged',
    choiceIs: ({ event }, params: { readonly kind: SourceChoice['kind'] }) =>
      event.type === 'xstate.done.actor.chooseSource' && event.output.choice.kind === params.kind,
  },
  actions: {
    noteMembers: assign(({ event }) =>
      event.type === 'MEMBERS_OBSERVED' ? { members: event.members, held: event.held } : {},
    ),
    noteHeld: assign({ held: true }),
    noteSize: assign(({ event }) => (event.type === 'SIZE_CHANGED' ? { size: event.size } : {})),
    takePolicy: assign(({ event }) => (event.type === 'POLICY_CHANGED' ? { policy: event.policy } : {})),
    pause: assign({ paused: true }),
    resume: assign({ paused: false }),
    aim: assign(({ context }) => {
      const step = nextStep(context.members, context.restarted);
      return { target: step.kind === 'wait' ? null : step.member, failure: null };
    }),
    noteRestarted: assign(({ context }) => ({
      restarted: [...new Set([...context.restarted, context.target?.slot ?? ''])],
    })),
    takePermit: assign(({ event }) =>
      event.type === 'xstate.done.actor.requestMemberPermit' ? { permit: event.output.permit } : {},
    ),
    returnPermit: assign({ permit: null }),
    noteRemoved: assign(({ context }) => ({
      target: context.target && { ...context.target, memberId: null, role: 'none' as const },
    })),
    noteLearner: assign(({ context, event }) =>
      event.type === 'xstate.done.actor.addLearner' && context.target !== null
        ? { target: { ...context.target, memberId: event.output.memberId, role: 'learner' as const } }
        : {},
    ),
    countCheck: assign({ held: false, failedChecks: ({ context }) => context.failedChecks + 1 }),
    forgetChecks: assign({ failedChecks: 0 }),
    noteChoice: assign(({ event }) => {
      if (event.type !== 'xstate.done.actor.chooseSource') return {};
      const { choice } = event.output;
      return {
        source: choice.kind === 'source' ? choice.source : null,
        because: choice.kind === 'held' ? null : choice.because,
        failure: null,
      };
    }),
    takeRestorePermit: assign({ permit: 'restore' }),
    noteFailure: assign(({ event }) => ('error' in event ? { failure: event.error } : {})),
    noteOverdue: assign({
      failure: (): RepairFailure => ({
        kind: 'retryable',
        code: 'ActionOverdue',
        message: 'the change of the membership took longer than its deadline',
      }),
    }),
    /** What the restore has shown of members is nothing that a choice may go by. */
    passOverCopy: assign(({ context, event }) => ({
      held: false,
      permit: null,
      failedRepairs: context.failedRepairs + 1,
      failure: 'error' in event ? event.error : context.failure,
    })),
    countFailure: assign({ failedRepairs: ({ context }) => context.failedRepairs + 1 }),
    forget: assign({
      target: null,
      restarted: [],
      permit: null,
      source: null,
      because: null,
      failedRepairs: 0,
      failedChecks: 0,
      failure: null,
    }),
    forgetTarget: assign({ target: null, permit: null }),
  },
});
