import { assign, setup, spawnChild } from 'xstate';
import { type NodeInput, nodeMachine } from './node.ts';
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

function slotFound(event: SupervisorEvent) {
  if (event.type !== 'SLOT_FOUND') throw new Error(`spawnNode needs SLOT_FOUND and got ${event.type}`);
  return event;
}

function scopeFound(event: SupervisorEvent) {
  if (event.type !== 'SCOPE_FOUND') throw new Error(`spawnStorm needs SCOPE_FOUND and got ${event.type}`);
  return event;
}

const fleet = setup({
  types: {
    context: {} as SupervisorContext,
    input: {} as { readonly cluster: string },
    events: {} as SupervisorEvent,
  },
  actors: { node: nodeMachine, storm: stormMachine },
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
      id: ({ event }) => slotFound(event).id,
      input: ({ event }) => slotFound(event).input,
    }),
    spawnStorm: spawnChild('storm', {
      id: ({ event }) => scopeFound(event).id,
      input: ({ event }) => scopeFound(event).input,
    }),
  },
});

/** Raised with every change that a stored record could notice. */
export const supervisorVersion = 1;

export const supervisorMachine = fleet.createMachine({
  id: 'supervisor',
  description:
    'Knows all actors of a cluster: spawns one per slot, pool and zone, and keeps what holds for all of them.',
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
            PAUSED: { actions: 'notePause' },
            RESUMED: { actions: 'noteResume' },
          },
        },
      },
    },
  },
});
