import { assign, fromPromise, setup } from 'xstate';
import type { RepairFailure } from './node.ts';

/** Every number that backups wait by, in ms; the reason of each stands beside it. */
export interface BackupPolicy {
  /** The most that taking one may take: gigabytes go to another region. */
  readonly takeMs: number;
  /** The most that reading it back and rehearsing its restore may take. */
  readonly verifyMs: number;
  /** The most that removing old ones may take. */
  readonly pruneMs: number;
  /** Rest after a failure: the quorum may be away for a moment. */
  readonly retryMs: number;
}

export const defaultBackupPolicy: BackupPolicy = Object.freeze({
  takeMs: 900_000,
  verifyMs: 900_000,
  pruneMs: 300_000,
  retryMs: 60_000,
});

/** A backup, as far as people and other machines ask for it. */
export interface BackupFacts {
  readonly key: string;
  /** etcd's revision that it holds. */
  readonly revision: number;
  /** When its snapshot was taken, in epoch ms. */
  readonly takenAt: number;
  readonly bytes: number;
  /** Regions that have it whole. */
  readonly regions: readonly string[];
}

export interface BackupContext {
  readonly cluster: string;
  /** A cron expression, in UTC. */
  readonly schedule: string;
  /** Until the next run, in ms from when it was planned. */
  readonly waitMs: number;
  /** Why one is wanted that has not been begun yet; null: none is. */
  readonly wantedFor: string | null;
  /** Why the one at work was asked for; null: the schedule. Kept until it is taken, so that another try says the same. */
  readonly takingFor: string | null;
  readonly taken: BackupFacts | null;
  readonly verified: BackupFacts | null;
  readonly verifiedAt: number;
  /** Failures in a row. */
  readonly failures: number;
  readonly failure: RepairFailure | null;
  readonly policy: Partial<BackupPolicy>;
}

export interface BackupInput {
  readonly cluster: string;
  readonly schedule: string;
  readonly policy: Partial<BackupPolicy>;
}

export type BackupEvent =
  /** One is wanted now, and why: a person, a chaos run, a repair that removes data. */
  | { readonly type: 'BACKUP_WANTED'; readonly at: number; readonly reason: string }
  | { readonly type: 'SCHEDULE_CHANGED'; readonly at: number; readonly schedule: string };

interface Ended {
  readonly at: number;
}

/** What each effect is given and gives back; they live in src/effects/backup. */
export interface BackupEffects {
  /** Asks the schedule for the next run. */
  readonly planBackup: {
    readonly input: { readonly schedule: string };
    readonly output: Ended & { readonly waitMs: number };
  };
  /** A snapshot of a healthy follower, and all else that a new body needs, streamed to every region. */
  readonly takeBackup: {
    readonly input: { readonly reason: string };
    readonly output: Ended & { readonly backup: BackupFacts };
  };
  /** Reads it back, and rehearses its restore: only then does it count. */
  readonly verifyBackup: { readonly input: { readonly backup: BackupFacts | null }; readonly output: Ended };
  /** Removes what the policy does not keep; never the newest verified one. */
  readonly pruneBackups: { readonly input: { readonly cluster: string }; readonly output: Ended };
  /** Tells people that backups fail. */
  readonly reportBackupTrouble: {
    readonly input: { readonly failures: number; readonly because: string };
    readonly output: Ended;
  };
}

type DoneEvent = {
  [K in keyof BackupEffects]: {
    readonly type: `xstate.done.actor.${K}`;
    readonly output: BackupEffects[K]['output'];
  };
}[keyof BackupEffects];
type ErrorEvent = {
  [K in keyof BackupEffects]: { readonly type: `xstate.error.actor.${K}`; readonly error: RepairFailure };
}[keyof BackupEffects];

/** Machines only declare their work. The runtime runs the effect of the same name, and never this. */
function effect<K extends keyof BackupEffects>(name: K) {
  return fromPromise<BackupEffects[K]['output'], BackupEffects[K]['input']>(() =>
    Promise.reject(new Error(`the effect ${name} must be run by the runtime`)),
  );
}

function policyOf<K extends keyof BackupPolicy>({ policy }: BackupContext, key: K): BackupPolicy[K] {
  return policy[key] ?? defaultBackupPolicy[key];
}

const keeper = setup({
  types: {
    context: {} as BackupContext,
    input: {} as BackupInput,
    events: {} as BackupEvent | DoneEvent | ErrorEvent,
  },
  actors: {
    planBackup: effect('planBackup'),
    takeBackup: effect('takeBackup'),
    verifyBackup: effect('verifyBackup'),
    pruneBackups: effect('pruneBackups'),
    reportBackupTrouble: effect('reportBackupTrouble'),
  },
  delays: {
    untilNext: ({ context }) => context.waitMs,
    takeDeadline: ({ context }) => policyOf(context, 'takeMs'),
    verifyDeadline: ({ context }) => policyOf(context, 'verifyMs'),
    pruneDeadline: ({ context }) => policyOf(context, 'pruneMs'),
    retry: ({ context }) => policyOf(context, 'retryMs'),
  },
  guards: {
    isWanted: ({ context }) => context.wantedFor !== null,
  },
  actions: {
    notePlan: assign(({ event }) =>
      event.type === 'xstate.done.actor.planBackup' ? { waitMs: event.output.waitMs } : {},
    ),
    noteWanted: assign(({ event }) => (event.type === 'BACKUP_WANTED' ? { wantedFor: event.reason } : {})),
    noteSchedule: assign(({ event }) =>
      event.type === 'SCHEDULE_CHANGED' ? { schedule: event.schedule } : {},
    ),
    beginTaking: assign(({ context }) => ({
      takingFor: context.wantedFor ?? context.takingFor ?? null,
      wantedFor: null,
    })),
    noteTaken: assign(({ event }) =>
      event.type === 'xstate.done.actor.takeBackup' ? { taken: event.output.backup, takingFor: null } : {},
    ),
    noteVerified: assign(({ context, event }) =>
      event.type === 'xstate.done.actor.verifyBackup'
        ? { verified: context.taken, verifiedAt: event.output.at, failures: 0, failure: null }
        : {},
    ),
    noteFailure: assign(({ context, event }) => ({
      failures: context.failures + 1,
      failure:
        'error' in event
          ? event.error
          : {
              kind: 'retryable',
              code: 'ActionOverdue',
              message: 'a step of the backup took longer than its deadline',
            },
    })),
  },
});

const failed = { target: 'failing', actions: 'noteFailure' } as const;

/** Raised with every change that a stored record could notice. */
export const backupVersion = 1;

export const backupMachine = keeper.createMachine({
  id: 'backup',
  description:
    "A cluster's backups: taken by a schedule or when one is wanted, and counted only when a restore was rehearsed.",
  initial: 'planning',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    cluster: input.cluster,
    schedule: input.schedule,
    waitMs: 0,
    wantedFor: null,
    takingFor: null,
    taken: null,
    verified: null,
    verifiedAt: 0,
    failures: 0,
    failure: null,
    policy: input.policy,
  }),
  on: {
    BACKUP_WANTED: {
      actions: 'noteWanted',
      description: 'While one is being made: another is made after it.',
    },
    SCHEDULE_CHANGED: { actions: 'noteSchedule' },
  },
  states: {
    planning: {
      description: 'Asks the schedule when the next one is due.',
      always: { guard: 'isWanted', target: 'taking' },
      invoke: {
        id: 'planBackup',
        src: 'planBackup',
        input: ({ context }) => ({ schedule: context.schedule }),
        onDone: { target: 'resting', actions: 'notePlan' },
        onError: failed,
      },
      on: {
        SCHEDULE_CHANGED: {
          target: 'planning',
          reenter: true,
          actions: 'noteSchedule',
          description: 'What was asked of the old schedule is not waited for.',
        },
      },
    },
    resting: {
      description: 'Until the next one is due, or wanted.',
      always: { guard: 'isWanted', target: 'taking' },
      after: { untilNext: { target: 'taking' } },
      on: { SCHEDULE_CHANGED: { target: 'planning', actions: 'noteSchedule' } },
    },
    taking: {
      description: 'Streams a snapshot of a healthy follower, compressed and encrypted, to every region.',
      entry: 'beginTaking',
      invoke: {
        id: 'takeBackup',
        src: 'takeBackup',
        input: ({ context }) => ({ reason: context.takingFor ?? 'schedule' }),
        onDone: { target: 'verifying', actions: 'noteTaken' },
        onError: failed,
      },
      after: { takeDeadline: failed },
    },
    verifying: {
      description: 'Reads it back, and rehearses its restore: the same revision, the same hash of all keys.',
      invoke: {
        id: 'verifyBackup',
        src: 'verifyBackup',
        input: ({ context }) => ({ backup: context.taken }),
        onDone: { target: 'pruning', actions: 'noteVerified' },
        onError: failed,
      },
      after: { verifyDeadline: failed },
    },
    pruning: {
      description: 'Removes what is not to be kept. The newest verified one always stays.',
      invoke: {
        id: 'pruneBackups',
        src: 'pruneBackups',
        input: ({ context }) => ({ cluster: context.cluster }),
        onDone: { target: 'planning' },
        onError: {
          target: 'planning',
          description: 'What is kept too long does no harm: the next run removes it.',
        },
      },
      after: { pruneDeadline: { target: 'planning' } },
    },
    failing: {
      description:
        'It failed. People are told, and it is tried again soon: the older ones are all still there.',
      invoke: {
        id: 'reportBackupTrouble',
        src: 'reportBackupTrouble',
        input: ({ context }) => ({
          failures: context.failures,
          because:
            context.failure === null ? 'not known' : `${context.failure.code}: ${context.failure.message}`,
        }),
        onDone: { description: 'People know.' },
        onError: { description: 'They will see it in wdrip get.' },
      },
      after: { retry: { target: 'taking' } },
    },
  },
});
