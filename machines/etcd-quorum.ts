import {
  choices,
  clearingAlarm,
  looking,
  promotingFound,
  replacingMember,
  restartingMember,
  takingOut,
} from './quorum-members.ts';
import { keeper, policyOf } from './quorum-setup.ts';

export type {
  QuorumContext,
  QuorumEffects,
  QuorumEvent,
  QuorumInput,
  QuorumPolicy,
  RestoreSource,
  SourceChoice,
} from './quorum-contract.ts';

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
      always: [
        { guard: 'isLost', target: 'lost', description: 'Whichever step heard of it.' },
        { guard: 'isWhole', target: 'healthy' },
      ],
      states: {
        waiting: {
          description: 'It may come back by itself, or with its node, which its own ladder repairs.',
          after: { patience: { target: 'choosing' } },
          on: {
            MEMBERS_OBSERVED: {
              guard: 'seesLearnerReady',
              target: 'choosing',
              actions: 'noteMembers',
              description: 'Promoting one that has joined takes nothing away: it is not waited for.',
            },
          },
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
            input: ({ context }) => ({
              voters: context.members.filter(({ role }) => role === 'voter'),
              readThrough: context.failedRepairs > 0,
            }),
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
            onError: [
              {
                guard: 'copyWasDamaged',
                target: 'choosingSource',
                actions: 'passOverCopy',
                description:
                  'The master found the backup damaged: all copies are read through, and the next best is taken.',
              },
              { target: 'failed', actions: 'noteFailure' },
            ],
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
          always: [
            {
              guard: 'isLost',
              target: '#quorum.lost',
              description: 'Lost again, whichever step heard of it.',
            },
            { guard: 'isWhole', target: 'verifying' },
          ],
          on: { MEMBERS_OBSERVED: { actions: 'noteMembers' } },
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
          entry: 'forgetTarget',
          always: [
            { guard: 'isLost', target: '#quorum.lost' },
            {
              guard: 'isNotWhole',
              target: 'rejoining',
              description: 'One is ill again: verified once it is not.',
            },
          ],
          on: {
            MEMBERS_OBSERVED: {
              actions: 'noteMembers',
              description: 'A restore is not over before it was verified.',
            },
          },
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
          always: { guard: 'isLost', target: '#quorum.lost' },
          on: { MEMBERS_OBSERVED: { actions: 'noteMembers' } },
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
