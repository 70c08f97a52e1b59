import { assign, setup } from 'xstate';

/**
 * A storm is many nodes NotReady at the same time in one pool or one zone. That is one incident and not many: repairs are held while
 * it may pass, and then go on only node by node, where a second signal confirms the failure (design.md section 5).
 */
export interface StormContext {
  /** `pool/<id>` or `zone/<id>`. */
  readonly scope: string;
  /** NotReady beyond this share of the scope's nodes, in percent, is a storm. */
  readonly percent: number;
  /** ... but never with this many nodes or fewer: a small pool must not be blocked for ever (safety 10). */
  readonly floor: number;
  /** How long a storm is held before it is looked at node by node, in ms. */
  readonly holdMs: number;
  readonly notReady: number;
  readonly total: number;
}

export interface StormInput {
  readonly scope: string;
  readonly percent: number;
  readonly floor: number;
  readonly holdMs: number;
}

export type StormEvent =
  | { readonly type: 'NODES_COUNTED'; readonly at: number; readonly notReady: number; readonly total: number }
  | { readonly type: 'SIGHT_RETURNED'; readonly at: number };

const breaker = setup({
  types: { context: {} as StormContext, input: {} as StormInput, events: {} as StormEvent },
  delays: { hold: ({ context }) => context.holdMs },
  guards: {
    isStorm: ({ context, event }) =>
      event.type === 'NODES_COUNTED' &&
      event.notReady > context.floor &&
      event.notReady * 100 > context.percent * event.total,
    hasPassed: ({ context, event }) =>
      event.type === 'NODES_COUNTED' &&
      !(event.notReady > context.floor && event.notReady * 100 > context.percent * event.total),
  },
  actions: {
    count: assign(({ event }) =>
      event.type === 'NODES_COUNTED' ? { notReady: event.notReady, total: event.total } : {},
    ),
  },
});

/** Raised with every change that a stored record could notice. */
export const stormVersion = 1;

export const stormMachine = breaker.createMachine({
  id: 'storm',
  description: 'The breaker of one pool or zone: holds repairs while too many of its nodes fail at once.',
  initial: 'calm',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    scope: input.scope,
    percent: input.percent,
    floor: input.floor,
    holdMs: input.holdMs,
    notReady: 0,
    total: 0,
  }),
  states: {
    calm: {
      description: 'Few enough nodes are NotReady: each is repaired on its own, within the budget.',
      on: {
        NODES_COUNTED: [{ guard: 'isStorm', target: 'holding', actions: 'count' }, { actions: 'count' }],
      },
    },
    holding: {
      description:
        'Too many nodes failed at once: nothing is repaired while the incident may pass by itself.',
      after: { hold: { target: 'confirming' } },
      on: {
        NODES_COUNTED: [{ guard: 'hasPassed', target: 'calm', actions: 'count' }, { actions: 'count' }],
        SIGHT_RETURNED: {
          target: 'holding',
          reenter: true,
          description: 'What was counted while blind says nothing: the hold starts anew.',
        },
      },
    },
    confirming: {
      description:
        'It did not pass: nodes whose failure a second signal confirms are repaired within the budget.',
      on: { NODES_COUNTED: [{ guard: 'hasPassed', target: 'calm', actions: 'count' }, { actions: 'count' }] },
    },
  },
});
