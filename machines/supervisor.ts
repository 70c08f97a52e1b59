import { assign, setup, spawnChild } from 'xstate';
import { type BackupInput, backupMachine } from './backup.ts';
import { type QuorumInput, quorumMachine } from './etcd-quorum.ts';
import { type NodeInput, nodeMachine } from './node.ts';
import { type RecoveryInput, recoveryMachine } from './recovery.ts';
import { type StormInput, stormMachine } from './storm.ts';

/** What a person paused: the whole cluster, pools by id, or nodes by slot. */
export interface Pauses {
  readonly cluster: boolean;
  readonly pools: readonly string[];
  readonly slots: readonly string[];
}

export interface SupervisorContext {
  readonly cluster: string;
  readonly pauses: Pauses;
  /** Why sight was lost, or null while sighted. */
  readonly blindBecause: string | null;
}

export type PauseScope =
  | { readonly kind: 'cluster' }
  | { readonly kind: 'pool'; readonly id: string }
  | { readonly kind: 'slot'; readonly id: string };

export type SupervisorEvent =
  | { readonly type: 'SLOT_FOUND'; readonly at: number; readonly id: string; readonly input: NodeInput }
  | { readonly type: 'SCOPE_FOUND'; readonly at: number; readonly id: string; readonly input: StormInput }
  | { readonly type: 'QUORUM_FOUND'; readonly at: number; readonly id: string; readonly input: QuorumInput }
  | {
      readonly type: 'BACKUP_CONFIGURED';
      readonly at: number;
      readonly id: string;
      readonly input: BackupInput;
    }
  | {
      readonly type: 'RECOVERY_WANTED';
      readonly at: number;
      readonly id: string;
      readonly input: RecoveryInput;
    }
  | { readonly type: 'SIGHT_LOST'; readonly at: number; readonly why: string }
  | { readonly type: 'SIGHT_RETURNED'; readonly at: number }
  | { readonly type: 'PAUSED'; readonly at: number; readonly scope: PauseScope }
  | { readonly type: 'RESUMED'; readonly at: number; readonly scope: PauseScope };

function withPause(pauses: Pauses, scope: PauseScope, paused: boolean): Pauses {
  const change = (ids: readonly string[], id: string) =>
    paused ? [...new Set([...ids, id])].sort() : ids.filter((other) => other !== id);
  switch (scope.kind) {
    case 'cluster':
      return { ...pauses, cluster: paused };
    case 'pool':
      return { ...pauses, pools: change(pauses.pools, scope.id) };
    case 'slot':
      return { ...pauses, slots: change(pauses.slots, scope.id) };
  }
}

type Of<T extends SupervisorEvent['type']> = Extract<SupervisorEvent, { readonly type: T }>;

function isOf<T extends SupervisorEvent['type']>(event: SupervisorEvent, type: T): event is Of<T> {
  return event.type === type;
}

/** The event that a spawn is for. */
function found<T extends SupervisorEvent['type']>(event: SupervisorEvent, type: T): Of<T> {
  if (!isOf(event, type)) throw new Error(`this spawn needs ${type} and got ${event.type}`);
  return event;
}

const fleet = setup({
  types: {
    context: {} as SupervisorContext,
    input: {} as { readonly cluster: string },
    events: {} as SupervisorEvent,
  },
  actors: {
    node: nodeMachine,
    storm: stormMachine,
    quorum: quorumMachine,
    backup: backupMachine,
    recovery: recoveryMachine,
  },
  actions: {
    noteSightLost: assign(({ event }) => (event.type === 'SIGHT_LOST' ? { blindBecause: event.why } : {})),
    noteSight: assign({ blindBecause: null }),
    notePause: assign(({ context, event }) =>
      event.type === 'PAUSED' ? { pauses: withPause(context.pauses, event.scope, true) } : {},
    ),
    noteResume: assign(({ context, event }) =>
      event.type === 'RESUMED' ? { pauses: withPause(context.pauses, event.scope, false) } : {},
    ),
    spawnNode: spawnChild('node', {
      id: ({ event }) => found(event, 'SLOT_FOUND').id,
      input: ({ event }) => found(event, 'SLOT_FOUND').input,
    }),
    spawnStorm: spawnChild('storm', {
      id: ({ event }) => found(event, 'SCOPE_FOUND').id,
      input: ({ event }) => found(event, 'SCOPE_FOUND').input,
    }),
    spawnQuorum: spawnChild('quorum', {
      id: ({ event }) => found(event, 'QUORUM_FOUND').id,
      input: ({ event }) => found(event, 'QUORUM_FOUND').input,
    }),
    spawnBackup: spawnChild('backup', {
      id: ({ event }) => found(event, 'BACKUP_CONFIGURED').id,
      input: ({ event }) => found(event, 'BACKUP_CONFIGURED').input,
    }),
    spawnRecovery: spawnChild('recovery', {
      id: ({ event }) => found(event, 'RECOVERY_WANTED').id,
      input: ({ event }) => found(event, 'RECOVERY_WANTED').input,
    }),
  },
});

/** Raised with every change that a stored record could notice. */
export const supervisorVersion = 1;

export const supervisorMachine = fleet.createMachine({
  id: 'supervisor',
  description:
    'Knows all actors of a cluster: spawns one per slot, pool, zone, quorum, backup and recovery, and keeps what holds for all of them.',
  type: 'parallel',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    cluster: input.cluster,
    pauses: { cluster: false, pools: [], slots: [] },
    blindBecause: null,
  }),
  states: {
    sight: {
      description: 'Whether the cluster can be seen.',
      initial: 'starting',
      states: {
        starting: {
          description: 'Nothing has been seen yet.',
          on: {
            SIGHT_RETURNED: { target: 'sighted', actions: 'noteSight' },
            SIGHT_LOST: { target: 'blind', actions: 'noteSightLost' },
          },
        },
        sighted: {
          description: 'The Kubernetes API answers and its watches are fresh.',
          on: { SIGHT_LOST: { target: 'blind', actions: 'noteSightLost' } },
        },
        blind: {
          description: 'The Kubernetes API cannot be seen: no repair begins or escalates.',
          on: {
            SIGHT_RETURNED: { target: 'sighted', actions: 'noteSight' },
            SIGHT_LOST: { actions: 'noteSightLost' },
          },
        },
      },
    },
    fleet: {
      description: 'The actors under this one, and which of them people paused.',
      initial: 'watching',
      states: {
        watching: {
          description: 'Spawns an actor for whatever is found, and notes pauses.',
          on: {
            SLOT_FOUND: { actions: 'spawnNode' },
            SCOPE_FOUND: { actions: 'spawnStorm' },
            QUORUM_FOUND: { actions: 'spawnQuorum' },
            BACKUP_CONFIGURED: { actions: 'spawnBackup' },
            RECOVERY_WANTED: { actions: 'spawnRecovery' },
            PAUSED: { actions: 'notePause' },
            RESUMED: { actions: 'noteResume' },
          },
        },
      },
    },
  },
});
