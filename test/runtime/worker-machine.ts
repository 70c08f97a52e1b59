import { assign, fromPromise, setup } from 'xstate';

/** How often the worker acts is counted before it acts: a job that the world saw must be counted in a durable record. */
export interface WorkerContext {
  readonly waitMs: number;
  readonly job: number;
  readonly finishing: boolean;
}

/** Waits, acts on the world, waits … until it is told to finish. For the test that kills its process. */
export const worker = setup({
  types: {
    context: {} as WorkerContext,
    input: {} as { readonly waitMs: number },
    events: {} as { readonly type: 'FINISH' },
  },
  actors: { act: fromPromise<null, { job: number }>(() => Promise.reject(new Error('never run'))) },
  delays: { wait: ({ context }) => context.waitMs },
  guards: { isFinishing: ({ context }) => context.finishing },
  actions: {
    countJob: assign({ job: ({ context }) => context.job + 1 }),
    finish: assign({ finishing: true }),
  },
}).createMachine({
  id: 'worker',
  initial: 'waiting',
  options: { maxIterations: 10 },
  context: ({ input }) => ({ waitMs: input.waitMs, job: 0, finishing: false }),
  on: { FINISH: { actions: 'finish' } },
  states: {
    waiting: {
      always: { guard: 'isFinishing', target: 'finished' },
      after: { wait: { target: 'acting' } },
    },
    acting: {
      entry: 'countJob',
      invoke: {
        id: 'act',
        src: 'act',
        input: ({ context }) => ({ job: context.job }),
        onDone: { target: 'waiting' },
        onError: { target: 'failed' },
      },
    },
    failed: {},
    finished: { type: 'final' },
  },
});
