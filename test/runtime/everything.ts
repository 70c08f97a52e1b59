import { assign, fromPromise, raise, setup } from 'xstate';

interface EverythingContext {
  readonly heat: number;
  readonly log: readonly string[];
  readonly result: string | null;
}

type EverythingEvent =
  | {
      readonly type:
        | 'POWER'
        | 'NEXT'
        | 'HEAT'
        | 'COOL'
        | 'PAUSE'
        | 'RESUME'
        | 'RESUME_DEEP'
        | 'AGAIN'
        | 'KICK'
        | 'JOB'
        | 'END';
    }
  | { readonly type: 'xstate.done.actor.job'; readonly output: { readonly at: number } }
  | { readonly type: 'xstate.error.actor.job'; readonly error: unknown };

/** What the node machine does not use: parallel regions, history, chains of always, raised events, waits of equal length, re-entry. */
export const everything = setup({
  types: {
    context: {} as EverythingContext,
    input: {} as { readonly heat: number },
    events: {} as EverythingEvent | { readonly type: 'KICKED' },
  },
  actors: {
    job: fromPromise<{ at: number }, { heat: number }>(() => Promise.reject(new Error('never run'))),
  },
  delays: {
    short: 100,
    alsoShort: 100,
    byHeat: ({ context }) => 50 * context.heat,
  },
  guards: {
    isHot: ({ context }) => context.heat >= 3,
    isCold: ({ context }) => context.heat <= 0,
  },
  actions: {
    heat: assign({ heat: ({ context }) => context.heat + 1 }),
    cool: assign({ heat: ({ context }) => context.heat - 1 }),
    note: assign({ log: ({ context, event }) => [...context.log.slice(-3), event.type] }),
    noteResult: assign(({ event }) =>
      event.type === 'xstate.done.actor.job' ? { result: `done ${event.output.at}` } : { result: 'failed' },
    ),
    kick: raise({ type: 'KICKED' }),
  },
}).createMachine({
  id: 'everything',
  initial: 'off',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ heat: input.heat, log: [], result: null }),
  on: { HEAT: { actions: 'heat' }, COOL: { actions: 'cool' } },
  states: {
    off: { on: { POWER: { target: 'on', actions: 'note' } } },
    on: {
      type: 'parallel',
      on: { PAUSE: { target: 'paused' }, END: { target: 'ended' }, POWER: { target: 'off' } },
      states: {
        fan: {
          initial: 'slow',
          states: {
            slow: { always: { guard: 'isHot', target: 'fast' }, after: { short: { target: 'humming' } } },
            humming: { entry: 'note', after: { alsoShort: { target: 'slow' } } },
            fast: { always: { guard: 'isCold', target: 'slow' }, on: { NEXT: { target: 'howling' } } },
            howling: {
              always: { target: 'fast', guard: 'isCold' },
              after: { byHeat: { target: 'slow', actions: 'cool' } },
            },
            remembered: { type: 'history', history: 'shallow' },
          },
        },
        line: {
          initial: 'first',
          states: {
            first: {
              initial: 'waiting',
              on: { NEXT: { target: 'second' } },
              states: {
                waiting: {
                  after: { short: { target: 'ready' } },
                  on: { AGAIN: { target: 'waiting', reenter: true } },
                },
                ready: { on: { KICK: { target: 'waiting', actions: ['kick', 'note'] } } },
              },
            },
            second: {
              on: { NEXT: { target: 'first' }, KICKED: { target: 'first' }, JOB: { target: 'working' } },
            },
            working: {
              invoke: {
                id: 'job',
                src: 'job',
                input: ({ context }) => ({ heat: context.heat }),
                onDone: { target: 'second', actions: 'noteResult' },
                onError: { target: 'first', actions: 'noteResult' },
              },
              on: {
                AGAIN: { target: 'working', reenter: true },
                KICK: { actions: ['kick'] },
                KICKED: { actions: 'heat' },
              },
            },
          },
        },
        deep: { type: 'history', history: 'deep' },
      },
    },
    paused: {
      on: {
        RESUME: { target: '#everything.on.fan.remembered' },
        RESUME_DEEP: { target: '#everything.on.deep' },
      },
      after: { 5000: { target: 'off' } },
    },
    ended: { type: 'final' },
  },
});
