import { assign, fromPromise, setup } from 'xstate';
import type { RepairFailure } from './node.ts';
import type { RestoreSource } from './quorum-contract.ts';

/**
 * One recovery of a cluster's data into one master, step by step. Each step is an effect that can be asked again: whatever interrupts it,
 * it goes on from the last step that was done.
 */
export interface RecoveryContext {
  readonly cluster: string;
  readonly source: RestoreSource;
  /** The master that gets the data; null until it is chosen. */
  readonly master: { readonly slot: string; readonly instanceId: string } | null;
  /** Revision that the restored etcd is at, after the bump; 0 before. */
  readonly revision: number;
  /** What is known to be lost, in one sentence; null before it is known. */
  readonly lost: string | null;
  /** Tries of the step that is at work. */
  readonly tries: number;
  readonly failure: RepairFailure | null;
}

export interface RecoveryInput {
  readonly cluster: string;
  readonly source: RestoreSource;
}

interface StepInput {
  readonly cluster: string;
  readonly source: RestoreSource;
  readonly master: { readonly slot: string; readonly instanceId: string } | null;
}
interface Ended {
  readonly at: number;
}

/** What each step is given and gives back; they live in src/effects/recovery. */
export interface RecoveryEffects {
  /** A master whose instance runs and does what it is told; one is created if there is none. The survivor itself, if the data is there. */
  readonly prepareMaster: {
    readonly input: StepInput;
    readonly output: Ended & { readonly slot: string; readonly instanceId: string };
  };
  /**
   * Stops API servers, controllers and etcd on every master that can be reached, so that nobody serves what is about to change (safety
   * 45, 55).
   */
  readonly stopControlPlane: { readonly input: StepInput; readonly output: Ended };
  /** Keeps a copy of whatever data is there: nothing is overwritten that was not kept. */
  readonly keepOldData: { readonly input: StepInput; readonly output: Ended };
  /** Makes a cluster of one from the survivor's data, or restores the snapshot with its revision bumped. */
  readonly restoreData: { readonly input: StepInput; readonly output: Ended & { readonly revision: number } };
  /** Brings the changes since the snapshot back, in their order. Says what could not be brought back. */
  readonly replayChanges: {
    readonly input: StepInput;
    readonly output: Ended & { readonly revision: number; readonly lost: string };
  };
  /** Removes leases of API servers that are gone, and Node objects without an instance. Instances that are younger are kept. */
  readonly reconcileCluster: { readonly input: StepInput; readonly output: Ended };
  /** Starts the API server, the controllers and the scheduler of this master, and waits until the API is writable. */
  readonly startControlPlane: { readonly input: StepInput; readonly output: Ended };
}

type DoneEvent = {
  [K in keyof RecoveryEffects]: {
    readonly type: `xstate.done.actor.${K}`;
    readonly output: RecoveryEffects[K]['output'];
  };
}[keyof RecoveryEffects];
type ErrorEvent = {
  [K in keyof RecoveryEffects]: { readonly type: `xstate.error.actor.${K}`; readonly error: RepairFailure };
}[keyof RecoveryEffects];

/** Machines only declare their work. The runtime runs the effect of the same name, and never this. */
function effect<K extends keyof RecoveryEffects>(name: K) {
  return fromPromise<RecoveryEffects[K]['output'], RecoveryEffects[K]['input']>(() =>
    Promise.reject(new Error(`the effect ${name} must be run by the runtime`)),
  );
}

/** A step before the data is in is tried this often before the recovery has failed: what can pass has passed by then. */
const mostTries = 3;
/** Rest between two tries of a step: as much longer with each try, up to the most. */
const retryMs = 5_000;
const mostRetryMs = 60_000;
/** The most that a step may take: gigabytes may have to come from another region. */
const stepMs = 900_000;

function stepInput({ cluster, source, master }: RecoveryContext): StepInput {
  return { cluster, source, master };
}

const steps = setup({
  types: {
    context: {} as RecoveryContext,
    input: {} as RecoveryInput,
    events: {} as DoneEvent | ErrorEvent,
  },
  actors: {
    prepareMaster: effect('prepareMaster'),
    stopControlPlane: effect('stopControlPlane'),
    keepOldData: effect('keepOldData'),
    restoreData: effect('restoreData'),
    replayChanges: effect('replayChanges'),
    reconcileCluster: effect('reconcileCluster'),
    startControlPlane: effect('startControlPlane'),
  },
  delays: {
    retry: ({ context }) => Math.min(mostRetryMs, retryMs * Math.max(1, context.tries)),
    stepDeadline: stepMs,
  },
  guards: {
    mayTryAgain: ({ context, event }) =>
      context.tries + 1 < mostTries && !('error' in event && event.error.kind === 'rejected'),
    masterIsGone: ({ event }) =>
      'error' in event && (event.error.code === 'InstanceGone' || event.error.code === 'DataLost'),
    masterIsSilent: ({ event }) => 'error' in event && event.error.code === 'MasterSilent',
    isFromBackup: ({ context }) => context.source.kind === 'backup',
  },
  actions: {
    noteMaster: assign(({ event }) =>
      event.type === 'xstate.done.actor.prepareMaster'
        ? { master: { slot: event.output.slot, instanceId: event.output.instanceId } }
        : {},
    ),
    noteRevision: assign(({ event }) =>
      event.type === 'xstate.done.actor.restoreData' || event.type === 'xstate.done.actor.replayChanges'
        ? { revision: event.output.revision }
        : {},
    ),
    noteLost: assign(({ event }) =>
      event.type === 'xstate.done.actor.replayChanges' ? { lost: event.output.lost } : {},
    ),
    countTry: assign(({ context, event }) => ({
      tries: context.tries + 1,
      failure: 'error' in event ? event.error : context.failure,
    })),
    noteSilence: assign(({ context, event }) => ({
      failure: 'error' in event ? event.error : context.failure,
    })),
    noteOverdue: assign(({ context }) => ({
      tries: context.tries + 1,
      failure: {
        kind: 'retryable',
        code: 'ActionOverdue',
        message: 'a step of the recovery took longer than its deadline',
      },
    })),
    goWithoutChanges: assign(({ context, event }) => ({
      tries: 0,
      lost: `all that was changed after the snapshot: the change log could not be brought back (${
        'error' in event ? event.error.message : (context.failure?.message ?? 'it took too long')
      })`,
    })),
    stepDone: assign({ tries: 0, failure: null }),
  },
});

const again = [
  { guard: 'mayTryAgain', target: 'resting', actions: 'countTry' },
  { target: '#recovery.failed', actions: 'countTry' },
] as const;
/**
 * With the data in, etcd has a quorum and no API server runs: to give up here would leave it so. Only a master that is gone, or whose
 * data is gone, ends it, since the loss of the quorum is then found anew.
 */
const onwards = [
  { guard: 'masterIsGone', target: '#recovery.failed', actions: 'countTry' },
  { target: 'resting', actions: 'countTry' },
] as const;
const lateOnwards = { stepDeadline: { target: 'resting', actions: 'noteOverdue' } } as const;
const late = { stepDeadline: { target: '#recovery.failed', actions: 'noteOverdue' } } as const;
const resting = steps.createStateConfig({
  description: 'The step failed: it is tried again after a rest.',
  after: { retry: { target: 'working' } },
});

/** Raised with every change that a stored record could notice. */
export const recoveryVersion = 1;

export const recoveryMachine = steps.createMachine({
  id: 'recovery',
  description:
    "Brings a cluster's data back into one master, step by step; interrupted, it goes on where it was.",
  initial: 'preparingMaster',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    cluster: input.cluster,
    source: input.source,
    master: null,
    revision: 0,
    lost: null,
    tries: 0,
    failure: null,
  }),
  states: {
    preparingMaster: {
      description: 'Chooses the master that gets the data, and makes one if there is none.',
      initial: 'working',
      states: {
        working: {
          description: 'At work.',
          invoke: {
            id: 'prepareMaster',
            src: 'prepareMaster',
            input: ({ context }) => stepInput(context),
            onDone: { target: '#recovery.stoppingControlPlane', actions: ['noteMaster', 'stepDone'] },
            onError: again,
          },
          after: late,
        },
        resting,
      },
    },
    stoppingControlPlane: {
      description: 'Stops API servers, controllers and etcd wherever they can be reached.',
      initial: 'working',
      states: {
        working: {
          description: 'At work.',
          invoke: {
            id: 'stopControlPlane',
            src: 'stopControlPlane',
            input: ({ context }) => stepInput(context),
            onDone: { target: '#recovery.keepingOldData', actions: 'stepDone' },
            onError: again,
          },
          after: late,
        },
        resting,
      },
    },
    keepingOldData: {
      description: 'Keeps a copy of the data that is there.',
      initial: 'working',
      states: {
        working: {
          description: 'At work.',
          invoke: {
            id: 'keepOldData',
            src: 'keepOldData',
            input: ({ context }) => stepInput(context),
            onDone: { target: '#recovery.restoringData', actions: 'stepDone' },
            onError: again,
          },
          after: late,
        },
        resting,
      },
    },
    restoringData: {
      description: 'Makes a cluster of one from the data.',
      initial: 'working',
      states: {
        working: {
          description: 'At work.',
          invoke: {
            id: 'restoreData',
            src: 'restoreData',
            input: ({ context }) => stepInput(context),
            onDone: [
              {
                guard: 'isFromBackup',
                target: '#recovery.replayingChanges',
                actions: ['noteRevision', 'stepDone'],
              },
              { target: '#recovery.startingControlPlane', actions: ['noteRevision', 'stepDone'] },
            ],
            onError: again,
          },
          after: late,
        },
        resting,
      },
    },
    replayingChanges: {
      description: 'Brings back what was changed after the snapshot was taken.',
      initial: 'working',
      states: {
        working: {
          description: 'At work.',
          invoke: {
            id: 'replayChanges',
            src: 'replayChanges',
            input: ({ context }) => stepInput(context),
            onDone: {
              target: '#recovery.startingControlPlane',
              actions: ['noteRevision', 'noteLost', 'stepDone'],
            },
            onError: [
              { guard: 'masterIsGone', target: '#recovery.failed', actions: 'countTry' },
              {
                guard: 'masterIsSilent',
                target: 'resting',
                actions: 'noteSilence',
                description: 'It was started anew: that says nothing of the change log.',
              },
              { guard: 'mayTryAgain', target: 'resting', actions: 'countTry' },
              {
                target: '#recovery.startingControlPlane',
                actions: ['countTry', 'goWithoutChanges'],
                description: 'An API that says what it has lost is better than none.',
              },
            ],
          },
          after: {
            stepDeadline: {
              target: '#recovery.startingControlPlane',
              actions: ['noteOverdue', 'goWithoutChanges'],
            },
          },
        },
        resting,
      },
    },
    startingControlPlane: {
      description: 'Starts the API server and the controllers on the data that came back.',
      initial: 'working',
      states: {
        working: {
          description: 'At work.',
          invoke: {
            id: 'startControlPlane',
            src: 'startControlPlane',
            input: ({ context }) => stepInput(context),
            onDone: { target: '#recovery.reconciling', actions: 'stepDone' },
            onError: onwards,
          },
          after: lateOnwards,
        },
        resting,
      },
    },
    reconciling: {
      description: 'Takes away what the restored data says of things that are gone.',
      initial: 'working',
      states: {
        working: {
          description: 'At work.',
          invoke: {
            id: 'reconcileCluster',
            src: 'reconcileCluster',
            input: ({ context }) => stepInput(context),
            onDone: { target: '#recovery.recovered', actions: 'stepDone' },
            onError: onwards,
          },
          after: lateOnwards,
        },
        resting,
      },
    },
    recovered: { description: 'The API is writable again.', type: 'final' },
    failed: { description: 'A step could not be done. What was kept is still there.', type: 'final' },
  },
});
