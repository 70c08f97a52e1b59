import { assign, fromPromise, setup } from 'xstate';
import { isWhole, type MemberFacts, type MemberStep, nextStep } from './members.ts';
import type { RepairFailure } from './node.ts';

/** Every number that the quorum machine waits by, in ms; the reason of each stands beside it. */
export interface QuorumPolicy {
  /** How long something may be missing before it is repaired: a restart of etcd, or of its node, takes seconds. */
  readonly patienceMs: number;
  /** After a step: until the next look at the members can have seen what it changed. */
  readonly lookAgainMs: number;
  /** From one check of a lost quorum to the next. */
  readonly checkMs: number;
  /** So many failed checks in a row confirm that the quorum is lost (safety 44). */
  readonly checks: number;
  /** From a restart of etcd to a healthy member: it reads its log first. */
  readonly memberWaitMs: number;
  /** The most that one change of the membership may take; a learner's catching up is the longest of them. */
  readonly changeMs: number;
  /** How long it is tried to get the quorum back without losing anything. */
  readonly reviveMs: number;
  /** The most that looking at what is left may take. */
  readonly lookMs: number;
  /** The most that bringing data back may take: gigabytes from another region. */
  readonly restoreMs: number;
  /** Rest after a failure. */
  readonly throttleMs: number;
}

export const defaultQuorumPolicy: QuorumPolicy = Object.freeze({
  patienceMs: 30_000,
  lookAgainMs: 5_000,
  checkMs: 10_000,
  checks: 6,
  memberWaitMs: 60_000,
  changeMs: 300_000,
  reviveMs: 180_000,
  lookMs: 180_000,
  restoreMs: 1_800_000,
  throttleMs: 300_000,
});

/** Where a lost cluster's data comes from: what is left on a master, or a backup. */
export type RestoreSource =
  | {
      readonly kind: 'member';
      readonly slot: string;
      readonly instanceId: string;
      /** Of the data found on the instance: the highest of all. */
      readonly term: number;
      readonly index: number;
    }
  | {
      readonly kind: 'backup';
      readonly key: string;
      readonly region: string;
      readonly revision: number;
      /** Better ones that could not be used, and why. */
      readonly passedOver: readonly { readonly key: string; readonly why: string }[];
    };

/** What looking at every master and every backup came to. */
export type SourceChoice =
  | { readonly kind: 'source'; readonly source: RestoreSource; readonly because: string }
  /** It answers again: nothing is to be restored. */
  | { readonly kind: 'held' }
  /** A member whose loss is not proven may still come back: nothing is overwritten (design.md section 6). */
  | { readonly kind: 'unproven'; readonly because: string }
  /** Proven lost, and there is nothing to restore from: a person must decide. */
  | { readonly kind: 'none'; readonly because: string };

export interface QuorumContext {
  readonly cluster: string;
  /** How many masters the cluster is to have. */
  readonly size: number;
  readonly members: readonly MemberFacts[];
  /** The newest look found a quorum. */
  readonly held: boolean;
  /** Failed checks in a row. */
  readonly failedChecks: number;
  /** The member that is worked on. */
  readonly target: MemberFacts | null;
  /** Slots whose etcd was restarted since the membership was last whole. */
  readonly restarted: readonly string[];
  /** The permit to change the membership, or to restore. Its existence here IS the permit. */
  readonly permit: string | null;
  readonly source: RestoreSource | null;
  /** Why this source, or why none: for people. */
  readonly because: string | null;
  readonly failedRepairs: number;
  readonly failure: RepairFailure | null;
  readonly paused: boolean;
  readonly policy: Partial<QuorumPolicy>;
}

export interface QuorumInput {
  readonly cluster: string;
  readonly size: number;
  readonly policy: Partial<QuorumPolicy>;
}

/** The facts that the quorum's actor hears of. `at` is when the look began, in epoch ms. */
export type QuorumEvent =
  | {
      readonly type: 'MEMBERS_OBSERVED';
      readonly at: number;
      readonly held: boolean;
      readonly members: readonly MemberFacts[];
    }
  | { readonly type: 'SIZE_CHANGED'; readonly at: number; readonly size: number }
  | { readonly type: 'POLICY_CHANGED'; readonly at: number; readonly policy: Partial<QuorumPolicy> }
  | { readonly type: 'REPAIRS_PAUSED'; readonly at: number }
  | { readonly type: 'REPAIRS_RESUMED'; readonly at: number };

interface MemberInput {
  readonly slot: string | null;
  readonly instanceId: string | null;
  readonly memberId: string | null;
  readonly because: string;
}
interface Ended {
  readonly at: number;
}

/** What each effect is given and gives back; they live in src/effects/quorum. `at` is when it ended, in epoch ms. */
export interface QuorumEffects {
  /** Waits until admission lets the membership be changed, however long that takes. */
  readonly requestMemberPermit: {
    readonly input: MemberInput;
    readonly output: Ended & { readonly permit: string };
  };
  /** Restarts etcd on the member's instance. */
  readonly restartMember: { readonly input: MemberInput; readonly output: Ended };
  /** Takes the member out of the membership, its leadership handed over before. Gone already is no error. */
  readonly removeMember: { readonly input: MemberInput; readonly output: Ended };
  /** Empties the instance's data directory and sets it up to join the present members. Its old data is kept aside. */
  readonly rebuildMember: { readonly input: MemberInput; readonly output: Ended };
  /** Adds the master to the membership as a learner, and waits until it is heard of. */
  readonly addLearner: {
    readonly input: MemberInput;
    readonly output: Ended & { readonly memberId: string };
  };
  /** Promotes it as soon as it has caught up. */
  readonly promoteLearner: { readonly input: MemberInput; readonly output: Ended };
  /** NOSPACE: compacts, defragments one member after the other, and lifts the alarm. */
  readonly clearAlarm: { readonly input: MemberInput; readonly output: Ended };
  /** One look at etcd, now. */
  readonly checkQuorum: {
    readonly input: { readonly size: number };
    readonly output: Ended & { readonly held: boolean };
  };
  /** What loses nothing: starts stopped instances and etcd. Ends as soon as the quorum is back, or when all was tried. */
  readonly reviveMembers: {
    readonly input: { readonly size: number; readonly forMs: number };
    readonly output: Ended & { readonly held: boolean };
  };
  /** Looks for proof at every master, and for the best source. */
  readonly chooseSource: {
    /** Who voted when the quorum was last seen. */
    readonly input: { readonly voters: readonly MemberFacts[] };
    readonly output: Ended & { readonly choice: SourceChoice };
  };
  /** Brings the data back on one master, API servers stopped before; ends when the API is writable again. */
  readonly restoreQuorum: {
    readonly input: { readonly source: RestoreSource | null };
    readonly output: Ended & { readonly revision: number };
  };
  /** After the members are whole: the same data on all, no stale leases, controllers restarted. */
  readonly verifyQuorum: { readonly input: { readonly size: number }; readonly output: Ended };
  /** Tells people. */
  readonly reportQuorumTrouble: {
    readonly input: { readonly trouble: 'failed' | 'undecided' | 'lost'; readonly because: string };
    readonly output: Ended;
  };
}

type DoneEvent = {
  [K in keyof QuorumEffects]: {
    readonly type: `xstate.done.actor.${K}`;
    readonly output: QuorumEffects[K]['output'];
  };
}[keyof QuorumEffects];
type ErrorEvent = {
  [K in keyof QuorumEffects]: { readonly type: `xstate.error.actor.${K}`; readonly error: RepairFailure };
}[keyof QuorumEffects];

/** Machines only declare their work. The runtime runs the effect of the same name, and never this. */
function effect<K extends keyof QuorumEffects>(name: K) {
  return fromPromise<QuorumEffects[K]['output'], QuorumEffects[K]['input']>(() =>
    Promise.reject(new Error(`the effect ${name} must be run by the runtime`)),
  );
}

function policyOf<K extends keyof QuorumPolicy>({ policy }: QuorumContext, key: K): QuorumPolicy[K] {
  return policy[key] ?? defaultQuorumPolicy[key];
}

function targetInput({ target, failure }: QuorumContext): MemberInput {
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

const keeper = setup({
  types: {
    context: {} as QuorumContext,
    input: {} as QuorumInput,
    events: {} as QuorumEvent | DoneEvent | ErrorEvent,
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
    isWhole: ({ context }) => context.held && isWhole(context.members, context.size),
    isNotWhole: ({ context }) => !isWhole(context.members, context.size),
    seesLoss: ({ event }) => event.type === 'MEMBERS_OBSERVED' && !event.held,
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
    countCheck: assign({ failedChecks: ({ context }) => context.failedChecks + 1 }),
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

const failed = { target: 'resting', actions: 'noteFailure' } as const;
const overdue = { target: 'resting', actions: 'noteOverdue' } as const;

/** One change of the membership, from its permit to the voter: remove, rebuild, add as a learner, promote. Used wherever members are missing. */
const replacingMember = keeper.createStateConfig({
  description: 'Takes the dead member out first, then brings its master back as a learner, and promotes it.',
  initial: 'admitting',
  states: {
    admitting: {
      description:
        'Waits for the permit: no other master is under repair, and the quorum survives without it.',
      invoke: {
        id: 'requestMemberPermit',
        src: 'requestMemberPermit',
        input: ({ context }) => targetInput(context),
        onDone: [
          { guard: 'targetIsMember', target: 'removing', actions: 'takePermit' },
          { target: 'rebuilding', actions: 'takePermit' },
        ],
        onError: failed,
      },
      on: {
        MEMBERS_OBSERVED: {
          target: 'done',
          actions: 'noteMembers',
          description: 'What it waits for has changed.',
        },
        REPAIRS_PAUSED: { target: 'done', actions: 'pause' },
      },
    },
    removing: {
      description:
        'Removes the dead member before anything is added: a second dead voter would be worse than none.',
      invoke: {
        id: 'removeMember',
        src: 'removeMember',
        input: ({ context }) => targetInput(context),
        onDone: { target: 'rebuilding', actions: 'noteRemoved' },
        onError: failed,
      },
      after: { changeDeadline: overdue },
    },
    rebuilding: {
      description:
        'Empties the data directory, for a removed member never comes back with it, and sets it up to join.',
      invoke: {
        id: 'rebuildMember',
        src: 'rebuildMember',
        input: ({ context }) => targetInput(context),
        onDone: { target: 'addingLearner' },
        onError: failed,
      },
      after: { changeDeadline: overdue },
    },
    addingLearner: {
      description: 'Adds it as a learner, which counts for no quorum while it catches up.',
      invoke: {
        id: 'addLearner',
        src: 'addLearner',
        input: ({ context }) => targetInput(context),
        onDone: { target: 'promoting', actions: 'noteLearner' },
        onError: failed,
      },
      after: { changeDeadline: overdue },
    },
    promoting: {
      description: 'Promotes the learner as soon as it has caught up.',
      invoke: {
        id: 'promoteLearner',
        src: 'promoteLearner',
        input: ({ context }) => targetInput(context),
        onDone: { target: 'done' },
        onError: failed,
      },
      after: { changeDeadline: overdue },
    },
    resting: {
      description: 'A step failed. Others may act meanwhile, and the whole is looked at anew after the rest.',
      entry: ['returnPermit', 'countFailure'],
      invoke: {
        id: 'reportQuorumTrouble',
        src: 'reportQuorumTrouble',
        input: ({ context }) => ({ trouble: 'failed' as const, because: targetInput(context).because }),
        onDone: { description: 'People know.' },
        onError: { description: 'They will see it in wdrip get and explain.' },
      },
      after: { throttle: { target: 'done' } },
    },
    done: { description: 'This change is over, one way or the other.', type: 'final' },
  },
  onDone: { target: 'looking', actions: 'forgetTarget' },
});

const takingOut = keeper.createStateConfig({
  description:
    'Removes a member that is not to come back: its instance is gone, or its slot is not wanted any more.',
  initial: 'admitting',
  states: {
    admitting: {
      description: 'Waits for the permit.',
      invoke: {
        id: 'requestMemberPermit',
        src: 'requestMemberPermit',
        input: ({ context }) => targetInput(context),
        onDone: { target: 'removing', actions: 'takePermit' },
        onError: { target: 'done', actions: 'noteFailure' },
      },
      on: {
        MEMBERS_OBSERVED: {
          target: 'done',
          actions: 'noteMembers',
          description: 'What it waits for has changed.',
        },
        REPAIRS_PAUSED: { target: 'done', actions: 'pause' },
      },
    },
    removing: {
      description: 'Takes it out of the membership; a leader hands over before.',
      invoke: {
        id: 'removeMember',
        src: 'removeMember',
        input: ({ context }) => targetInput(context),
        onDone: { target: 'done', actions: 'noteRemoved' },
        onError: { target: 'done', actions: 'noteFailure' },
      },
      after: { changeDeadline: { target: 'done', actions: 'noteOverdue' } },
    },
    done: { description: 'It is out, or it could not be taken out.', type: 'final' },
  },
  onDone: { target: 'looking', actions: 'forgetTarget' },
});

const promotingFound = keeper.createStateConfig({
  description:
    'A learner is there already, from a node that was replaced or from before a restart: promotes it.',
  invoke: {
    id: 'promoteLearner',
    src: 'promoteLearner',
    input: ({ context }) => targetInput(context),
    onDone: { target: 'looking', actions: 'forgetTarget' },
    onError: { target: 'waiting', actions: 'noteFailure' },
  },
  after: { changeDeadline: { target: 'waiting', actions: 'noteOverdue' } },
});

/** What repairs a membership whose quorum holds. In `degraded`, and after a restore in `rejoining`. */
const choices = [
  { guard: 'isPaused', target: 'waiting' },
  { guard: { type: 'nextIs', params: { step: 'clearAlarm' } }, target: 'clearingAlarm', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'promote' } }, target: 'promotingFound', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'restart' } }, target: 'restartingMember', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'remove' } }, target: 'takingOut', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'replace' } }, target: 'replacingMember', actions: 'aim' },
  { target: 'waiting' },
] as const;

const clearingAlarm = keeper.createStateConfig({
  description: 'The store is full: compacts it, defragments one member after the other, and lifts the alarm.',
  invoke: {
    id: 'clearAlarm',
    src: 'clearAlarm',
    input: ({ context }) => targetInput(context),
    onDone: { target: 'looking', actions: 'forgetTarget' },
    onError: { target: 'waiting', actions: 'noteFailure' },
  },
  after: { changeDeadline: { target: 'waiting', actions: 'noteOverdue' } },
});

const restartingMember = keeper.createStateConfig({
  description: 'A member is silent and its instance runs: restarts etcd there, which takes nothing away.',
  initial: 'acting',
  states: {
    acting: {
      description: 'Runs systemctl restart etcd on the instance and reads the result.',
      entry: 'noteRestarted',
      invoke: {
        id: 'restartMember',
        src: 'restartMember',
        input: ({ context }) => targetInput(context),
        onDone: { target: 'awaitingHealthy' },
        onError: { target: 'done', actions: 'noteFailure' },
      },
      after: { changeDeadline: { target: 'done', actions: 'noteOverdue' } },
    },
    awaitingHealthy: {
      description: 'etcd was started: waits until the member answers.',
      always: { guard: 'targetIsHealthy', target: 'done' },
      after: { memberWait: { target: 'done' } },
    },
    done: { description: 'It answers, or it has had its time.', type: 'final' },
  },
  onDone: { target: 'looking', actions: 'forgetTarget' },
});

const looking = keeper.createStateConfig({
  description: 'Something was changed: the next look at the members sees it before anything else is chosen.',
  after: { lookAgain: { target: 'choosing' } },
});

/** Raised with every change that a stored record could notice. */
export const quorumVersion = 1;

/**
 * The etcd quorum of a cluster: what is wrong with its members, and how each is brought back while the rest carries on; and if the quorum
 * itself is lost, on proof, how the data comes back.
 */
export const quorumMachine = keeper.createMachine({
  id: 'quorum',
  description: 'The etcd quorum: repairs members one at a time, and brings the data back when all is lost.',
  initial: 'unknown',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    cluster: input.cluster,
    size: input.size,
    members: [],
    held: false,
    failedChecks: 0,
    target: null,
    restarted: [],
    permit: null,
    source: null,
    because: null,
    failedRepairs: 0,
    failure: null,
    paused: false,
    policy: input.policy,
  }),
  on: {
    MEMBERS_OBSERVED: [
      { guard: 'seesLoss', target: '.lost', actions: 'noteMembers' },
      { actions: 'noteMembers' },
    ],
    SIZE_CHANGED: { actions: 'noteSize' },
    POLICY_CHANGED: { actions: 'takePolicy' },
    REPAIRS_PAUSED: { actions: 'pause' },
    REPAIRS_RESUMED: { actions: 'resume' },
  },
  states: {
    unknown: {
      description: 'Not looked at yet.',
      always: { guard: 'isHeld', target: 'healthy' },
    },
    healthy: {
      description: 'Every wanted master has a healthy voting member, and there is nobody else.',
      entry: 'forget',
      always: { guard: 'isNotWhole', target: 'degraded' },
    },
    degraded: {
      description: 'The quorum holds, and not every member is as it should be.',
      initial: 'waiting',
      always: { guard: 'isWhole', target: 'healthy' },
      states: {
        waiting: {
          description: 'It may come back by itself, or with its node, which its own ladder repairs.',
          after: { patience: { target: 'choosing' } },
        },
        choosing: { description: 'Picks the step that takes least away.', always: choices },
        looking,
        restartingMember,
        promotingFound,
        takingOut,
        replacingMember,
        clearingAlarm,
      },
    },
    lost: {
      description: 'No quorum answers: the API can write nothing.',
      initial: 'confirming',
      entry: ['forgetChecks', 'forgetTarget'],
      on: {
        MEMBERS_OBSERVED: [
          { guard: 'seesQuorum', target: 'degraded', actions: 'noteMembers' },
          { actions: 'noteMembers' },
        ],
      },
      states: {
        confirming: {
          description: 'Looks again and again: a loss that passes is none.',
          initial: 'resting',
          states: {
            resting: {
              description: 'Until the next check.',
              after: { nextCheck: { target: 'checking' } },
            },
            checking: {
              description: 'Asks every member.',
              invoke: {
                id: 'checkQuorum',
                src: 'checkQuorum',
                input: ({ context }) => ({ size: context.size }),
                onDone: [
                  { guard: 'checkFoundIt', target: '#quorum.degraded', actions: 'noteHeld' },
                  { guard: 'isPaused', target: 'resting', actions: 'countCheck' },
                  { guard: 'isConfirmed', target: '#quorum.lost.reviving', actions: 'countCheck' },
                  { target: 'resting', actions: 'countCheck' },
                ],
                onError: {
                  target: 'resting',
                  actions: 'noteFailure',
                  description: 'A check that could not be made says nothing.',
                },
              },
              after: { lookDeadline: { target: 'resting' } },
            },
          },
        },
        reviving: {
          description: 'Tries what loses nothing: starts stopped instances, starts etcd.',
          invoke: {
            id: 'reviveMembers',
            src: 'reviveMembers',
            input: ({ context }) => ({ size: context.size, forMs: policyOf(context, 'reviveMs') }),
            onDone: [
              { guard: 'checkFoundIt', target: '#quorum.degraded', actions: 'noteHeld' },
              { target: 'choosingSource' },
            ],
            onError: { target: 'choosingSource', actions: 'noteFailure' },
          },
          after: { reviveDeadline: { target: 'choosingSource', actions: 'noteOverdue' } },
        },
        choosingSource: {
          description: 'Looks for proof that the quorum cannot come back, and for the data that loses least.',
          invoke: {
            id: 'chooseSource',
            src: 'chooseSource',
            input: ({ context }) => ({ voters: context.members.filter(({ role }) => role === 'voter') }),
            onDone: [
              {
                guard: { type: 'choiceIs', params: { kind: 'held' } },
                target: '#quorum.degraded',
                actions: ['noteHeld', 'noteChoice'],
              },
              { guard: 'isPaused', target: 'undecided', actions: 'noteChoice' },
              {
                guard: { type: 'choiceIs', params: { kind: 'source' } },
                target: 'restoring',
                actions: ['noteChoice', 'takeRestorePermit'],
              },
              {
                guard: { type: 'choiceIs', params: { kind: 'unproven' } },
                target: 'undecided',
                actions: 'noteChoice',
              },
              { target: 'failed', actions: 'noteChoice' },
            ],
            onError: { target: 'failed', actions: 'noteFailure' },
          },
          after: { lookDeadline: { target: 'failed', actions: 'noteOverdue' } },
        },
        undecided: {
          description:
            'A member may still come back, so nothing is overwritten. People are told; then all is tried again.',
          invoke: {
            id: 'reportQuorumTrouble',
            src: 'reportQuorumTrouble',
            input: ({ context }) => ({
              trouble: 'undecided' as const,
              because: context.because ?? 'not known yet',
            }),
            onDone: { description: 'People know.' },
            onError: { description: 'They will see it in wdrip get and explain.' },
          },
          after: { patience: { target: 'confirming' } },
        },
        restoring: {
          description:
            'Brings the data back on one master: the API servers are stopped before and started after.',
          invoke: {
            id: 'restoreQuorum',
            src: 'restoreQuorum',
            input: ({ context }) => ({ source: context.source }),
            onDone: { target: 'rejoining', actions: 'noteHeld' },
            onError: { target: 'failed', actions: 'noteFailure' },
          },
          after: { restoreDeadline: { target: 'failed', actions: 'noteOverdue' } },
          on: {
            MEMBERS_OBSERVED: {
              actions: 'noteMembers',
              description: 'One member that answers is what the restore itself makes: it is not over yet.',
            },
          },
        },
        rejoining: {
          description: 'The API is writable. The other masters join again, one at a time, as learners.',
          initial: 'waiting',
          entry: 'returnPermit',
          always: { guard: 'isWhole', target: 'verifying' },
          on: {
            MEMBERS_OBSERVED: [
              { guard: 'seesLoss', target: 'confirming', actions: 'noteMembers' },
              { actions: 'noteMembers' },
            ],
          },
          states: {
            waiting: {
              description:
                "For the bodies, which the masters' own ladders bring back, and for the next look.",
              after: { nextCheck: { target: 'choosing' } },
            },
            choosing: { description: 'Picks the next master that can join.', always: choices },
            looking,
            restartingMember,
            promotingFound,
            takingOut,
            replacingMember,
            clearingAlarm,
          },
        },
        verifying: {
          description: 'All are back: the same data everywhere, no stale leases, and controllers that know.',
          invoke: {
            id: 'verifyQuorum',
            src: 'verifyQuorum',
            input: ({ context }) => ({ size: context.size }),
            onDone: { target: '#quorum.healthy' },
            onError: { target: 'unverified', actions: 'noteFailure' },
          },
          after: { lookDeadline: { target: 'unverified', actions: 'noteOverdue' } },
        },
        unverified: {
          description:
            'Something is not as it should be after the restore, or could not be looked at: looks again.',
          after: { patience: { target: 'rejoining' } },
        },
        failed: {
          description: 'Nothing more can be done alone. People are told what they must decide.',
          entry: ['returnPermit', 'countFailure'],
          always: { target: 'throttled' },
        },
        throttled: {
          description: 'Rests after a failure, then looks at everything anew.',
          invoke: {
            id: 'reportQuorumTrouble',
            src: 'reportQuorumTrouble',
            input: ({ context }) => ({
              trouble: 'lost' as const,
              because:
                context.failure === null
                  ? (context.because ?? 'the quorum is lost')
                  : `${context.failure.code}: ${context.failure.message}`,
            }),
            onDone: { description: 'People know.' },
            onError: { description: 'They will see it in wdrip get and explain.' },
          },
          after: { throttle: { target: 'confirming' } },
        },
      },
    },
  },
});
