import { keeper, targetInput } from './quorum-setup.ts';

const failed = { target: 'resting', actions: 'noteFailure' } as const;
const overdue = { target: 'resting', actions: 'noteOverdue' } as const;

/**
 * One change of the membership, from its permit to the voter: remove, rebuild, add as a learner, promote. Used wherever members are
 * missing.
 */
export const replacingMember = keeper.createStateConfig({
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
        input: ({ context }) => ({ ...targetInput(context), failedBefore: context.failedRepairs }),
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

export const takingOut = keeper.createStateConfig({
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

export const promotingFound = keeper.createStateConfig({
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
export const choices = [
  { guard: 'isPaused', target: 'waiting' },
  { guard: { type: 'nextIs', params: { step: 'clearAlarm' } }, target: 'clearingAlarm', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'promote' } }, target: 'promotingFound', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'restart' } }, target: 'restartingMember', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'remove' } }, target: 'takingOut', actions: 'aim' },
  { guard: { type: 'nextIs', params: { step: 'replace' } }, target: 'replacingMember', actions: 'aim' },
  { target: 'waiting' },
] as const;

export const clearingAlarm = keeper.createStateConfig({
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

export const restartingMember = keeper.createStateConfig({
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

export const looking = keeper.createStateConfig({
  description: 'Something was changed: the next look at the members sees it before anything else is chosen.',
  after: { lookAgain: { target: 'choosing' } },
});
