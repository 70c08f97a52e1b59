import { assign, fromPromise, setup } from 'xstate';
import { seededRandom } from '../../src/runtime/random.ts';
import type { ActorRecord, Json } from '../../src/runtime/record.ts';
import { createRuntime } from '../../src/runtime/runtime.ts';
import type {
  Effect,
  EffectContext,
  Runtime,
  RuntimeOptions,
  Store,
  Transition,
} from '../../src/runtime/types.ts';
import { createVirtualClock, type VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { createMemoryStore } from '../../src/store/memory.ts';

export const START_MS = 1_000_000;

interface PumpContext {
  readonly name: string;
  readonly starts: number;
  readonly answer: string | null;
}

type PumpEvent =
  | { readonly type: 'START' | 'STOP' | 'REST' | 'BREAK' | 'LOOP' | 'RETIRE' | 'NOTHING' }
  | { readonly type: 'xstate.done.actor.work'; readonly output: { readonly answer: string } }
  | { readonly type: 'xstate.error.actor.work'; readonly error: { readonly code: string } };

/** A small machine that has one of everything that the runtime carries out. */
export const pump = setup({
  types: {
    context: {} as PumpContext,
    input: {} as { readonly name: string },
    events: {} as PumpEvent,
  },
  actors: {
    work: fromPromise<{ answer: string }, { name: string }>(() => Promise.reject(new Error('never run'))),
  },
  delays: { patience: 100, rest: 1_000 },
  guards: {
    breaks: () => {
      throw new Error('the guard is broken');
    },
    isTwice: ({ context }) => context.starts > 1,
  },
  actions: {
    count: assign({ starts: ({ context }) => context.starts + 1 }),
    noteAnswer: assign(({ event }) =>
      event.type === 'xstate.done.actor.work' ? { answer: event.output.answer } : {},
    ),
    noteError: assign(({ event }) =>
      event.type === 'xstate.error.actor.work' ? { answer: event.error.code } : {},
    ),
  },
}).createMachine({
  id: 'pump',
  initial: 'still',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ name: input.name, starts: 0, answer: null }),
  on: {
    BREAK: { guard: 'breaks', target: '.still' },
    RETIRE: { target: '.retired' },
    LOOP: { target: '.looping' },
  },
  states: {
    still: { on: { START: { target: 'working', actions: 'count' }, REST: { target: 'resting' } } },
    working: {
      invoke: {
        id: 'work',
        src: 'work',
        input: ({ context }) => ({ name: context.name }),
        onDone: { target: 'resting', actions: 'noteAnswer' },
        onError: { target: 'resting', actions: 'noteError' },
      },
      after: { patience: { target: 'still' } },
      on: { STOP: { target: 'still' }, START: { target: 'working', reenter: true, actions: 'count' } },
    },
    resting: { after: { rest: { target: 'still' } }, on: { STOP: { target: 'still' } } },
    looping: { always: { target: 'loopingBack' } },
    loopingBack: { always: { target: 'looping' } },
    retired: { type: 'final' },
  },
});

/** One start of the effect `work`, and the way to end it. */
export interface Work {
  readonly input: Json;
  readonly context: EffectContext;
  succeed(answer: string): void;
  fail(error: unknown): void;
}

export interface Stage {
  readonly runtime: Runtime;
  readonly clock: VirtualClock;
  readonly store: Store;
  readonly works: Work[];
  readonly transitions: Transition[];
  readonly logged: string[];
  /** The record; fails if there is none. */
  record(id: string): ActorRecord;
}

/** A runtime on a memory store and a virtual clock, not yet started. */
export function setStage(options: Partial<RuntimeOptions> & { readonly clock?: VirtualClock } = {}): Stage {
  const clock = options.clock ?? createVirtualClock(START_MS);
  const store = options.store ?? createMemoryStore();
  const works: Work[] = [];
  const transitions: Transition[] = [];
  const logged: string[] = [];
  const work: Effect = (input, context) =>
    new Promise((resolve, reject) => {
      works.push({ input, context, succeed: (answer) => resolve({ answer }), fail: reject });
    });
  const runtime = createRuntime({
    random: seededRandom(works.length + 1),
    machines: { pump: { machine: pump, version: 1, migrations: {} } },
    effects: { work },
    log: (level, message) => logged.push(`${level}: ${message}`),
    ...options,
    store,
    clock,
  });
  runtime.onTransition((transition) => transitions.push(transition));
  const record = (id: string) => {
    const found = runtime.record(id);
    if (!found) throw new Error(`there is no record of ${id}`);
    return found;
  };
  return { runtime, clock, store, works, transitions, logged, record };
}

/** A stage whose runtime runs and has one pump, `a`. */
export async function setPump(options: Parameters<typeof setStage>[0] = {}): Promise<Stage> {
  const stage = setStage(options);
  await stage.runtime.start();
  await stage.runtime.spawn('a', 'pump', { name: 'a' });
  return stage;
}

/** A store whose commits wait until they are let through or made to fail. */
export function gatedStore(inner: Store = createMemoryStore()) {
  const waiting: { readonly keys: readonly string[]; pass(): void; fail(error: unknown): void }[] = [];
  const store: Store = {
    ...inner,
    commit: (batch) =>
      new Promise((resolve, reject) => {
        const keys = batch.map(({ key }) => key);
        waiting.push({ keys, pass: () => resolve(inner.commit(batch)), fail: reject });
      }),
  };
  return { store, waiting, inner };
}
