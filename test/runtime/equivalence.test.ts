import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type AnyStateMachine, createActor, fromPromise } from 'xstate';
import { type NodeInput, nodeMachine, nodeVersion, rungs } from '../../machines/node.ts';
import { microtasksDone } from '../../src/runtime/clock.ts';
import type { Json } from '../../src/runtime/record.ts';
import { createRuntime } from '../../src/runtime/runtime.ts';
import type { ActorEvent, Effect, Store } from '../../src/runtime/types.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { everything } from './everything.ts';
import { START_MS } from './stage.ts';

/** One thing that happens, to both. `crash` happens to the runtime only, and must not show. */
type Happening =
  | { readonly kind: 'send'; readonly event: (now: number) => ActorEvent; readonly name: string }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'end'; readonly which: number; readonly well: boolean }
  | { readonly kind: 'crash' };

interface Ending {
  readonly id: string;
  succeed(output: Json): void;
  fail(error: Error): void;
}

/** What must be the same. */
interface Seen {
  readonly value: unknown;
  readonly context: unknown;
  readonly status: string;
  readonly running: readonly string[];
}

interface Player {
  play(happening: Happening): Promise<void>;
  seen(): Seen;
}

const output = (now: number): Json => ({
  at: now,
  permit: 'permit-1',
  agentSilent: now % 2 === 1,
  instanceId: 'i-new',
  nodeName: 'new',
});
const failure = (well: boolean) => new Error(well ? '' : 'it did not work');

function endOne(
  running: readonly Ending[],
  { which, well }: { readonly which: number; readonly well: boolean },
  now: number,
): void {
  const one = running[which % running.length];
  if (well) one?.succeed(output(now));
  else one?.fail(failure(well));
}

/** XState's own actor, which never crashes. */
function livePlayer(machine: AnyStateMachine, input: Json): Player {
  const clock = createVirtualClock(START_MS);
  const cancels = new Map<number, () => void>();
  let timers = 0;
  let running: Ending[] = [];
  const logicOf = (id: string) =>
    fromPromise<Json>(
      ({ signal }) =>
        new Promise<Json>((succeed, fail) => {
          const ending = {
            id,
            succeed,
            fail: (error: Error) => fail({ kind: 'rejected', code: 'Unexpected', message: error.message }),
          };
          running.push(ending);
          signal.addEventListener('abort', () => {
            running = running.filter((other) => other !== ending);
          });
        }),
    );
  const actors = Object.fromEntries(
    Object.keys(machine.implementations.actors).map((id) => [id, logicOf(id)]),
  );
  const actor = createActor(machine.provide({ actors }), {
    input,
    clock: {
      setTimeout(fire, ms) {
        timers += 1;
        cancels.set(timers, clock.after(ms, fire));
        return timers;
      },
      clearTimeout: (id) => cancels.get(id)?.(),
    },
  }).start();
  return {
    async play(happening) {
      // XState warns of an event to an actor that is done, and drops it.
      const isActive = actor.getSnapshot().status === 'active';
      if (happening.kind === 'send' && isActive) actor.send(happening.event(clock.now()));
      if (happening.kind === 'pass') await clock.advance(happening.ms);
      if (happening.kind === 'end') {
        const one = running[happening.which % running.length];
        endOne(running, happening, clock.now());
        running = running.filter((other) => other !== one);
      }
      await microtasksDone();
    },
    seen() {
      const { value, context, status } = actor.getSnapshot();
      return {
        value,
        context: JSON.parse(JSON.stringify(context)),
        status,
        running: running.map(({ id }) => id),
      };
    },
  };
}

/** What was committed can't be changed any more: whoever tries throws. So the simulator's store need keep no text of it. */
function frozen(store: Store): Store {
  return {
    ...store,
    commit(batch) {
      for (const write of batch) if ('value' in write) deepFreeze(write.value);
      return store.commit(batch);
    },
  };
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const each of Object.values(value)) deepFreeze(each);
}

/** The durable runtime. */
async function durablePlayer(machine: AnyStateMachine, input: Json): Promise<Player> {
  const store = frozen(createMemoryStore({ asText: false }));
  let clock = createVirtualClock(START_MS);
  let running: Ending[] = [];
  const make = async () => {
    running = [];
    const mine = running;
    const effectOf =
      (id: string): Effect =>
      (_input, { signal }) =>
        new Promise((succeed, fail) => {
          const ending = { id, succeed, fail };
          mine.push(ending);
          signal.addEventListener('abort', () => mine.splice(mine.indexOf(ending), 1));
        });
    const runtime = createRuntime({
      store,
      clock,
      machines: { it: { machine, version: nodeVersion, migrations: {} } },
      effects: Object.fromEntries(
        Object.keys(machine.implementations.actors).map((id) => [id, effectOf(id)]),
      ),
    });
    await runtime.start();
    return runtime;
  };
  let runtime = await make();
  await runtime.spawn('it', 'it', input);
  return {
    async play(happening) {
      if (happening.kind === 'send') runtime.send('it', happening.event(clock.now()));
      if (happening.kind === 'pass') await clock.advance(happening.ms);
      if (happening.kind === 'end') endOne(running, happening, clock.now());
      if (happening.kind === 'crash') {
        // The old clock never moves again, so that the old runtime is as good as dead.
        clock = createVirtualClock(clock.now());
        runtime = await make();
      }
      await microtasksDone();
    },
    seen() {
      expect([...runtime.quarantined()]).toEqual([]);
      const record = runtime.record('it');
      if (!record) throw new Error('the record is gone');
      const { value, context, status } = record.snapshot;
      return { value, context, status, running: record.effects.map(({ id }) => id) };
    },
  };
}

/** Plays the history to both; gives the states that they were in. */
async function expectSame(
  machine: AnyStateMachine,
  input: Json,
  history: readonly Happening[],
): Promise<ReadonlySet<string>> {
  const visited = new Set<string>();
  const live = livePlayer(machine, input);
  const durable = await durablePlayer(machine, input);
  await microtasksDone();
  for (const happening of history) {
    if (happening.kind !== 'crash') await live.play(happening);
    await durable.play(happening);
    const seen = durable.seen();
    expect(seen).toEqual(live.seen());
    visited.add(JSON.stringify(seen.value));
  }
  return visited;
}

const sends = (events: readonly ((now: number) => ActorEvent)[]) =>
  fc.constantFrom(...events).map((event): Happening => ({ kind: 'send', event, name: event(0).type }));
const passes = (waits: readonly number[]) =>
  fc.constantFrom(...waits).map((ms): Happening => ({ kind: 'pass', ms }));
const ends = fc
  .record({ which: fc.nat(3), well: fc.boolean() })
  .map((end): Happening => ({ kind: 'end', ...end }));
const crashes = fc.constant<Happening>({ kind: 'crash' });

const nodeEvents: readonly ((now: number) => ActorEvent)[] = [
  (at) => ({ type: 'NODE_READY', at }),
  (at) => ({ type: 'NODE_NOT_READY', at, reason: 'KubeletStopped', objectMissing: false }),
  (at) => ({ type: 'NODE_NOT_READY', at, reason: 'NodeDeleted', objectMissing: true }),
  (at) => ({ type: 'INSTANCE_CHANGED', at, instance: 'stopped', cloudRepairing: false }),
  (at) => ({ type: 'INSTANCE_CHANGED', at, instance: 'gone', cloudRepairing: false }),
  (at) => ({ type: 'INSTANCE_CHANGED', at, instance: 'running', cloudRepairing: true }),
  (at) => ({ type: 'INSTANCE_CHANGED', at, instance: 'running', cloudRepairing: false }),
  (at) => ({ type: 'SLOT_FILLED', at, nodeName: 'n2', instanceId: 'i-2', zone: 'z' }),
  (at) => ({ type: 'SIGHT_LOST', at }),
  (at) => ({ type: 'SIGHT_RETURNED', at }),
  (at) => ({ type: 'REPAIRS_PAUSED', at }),
  (at) => ({ type: 'REPAIRS_RESUMED', at }),
  (at) => ({ type: 'POLICY_CHANGED', at, policy: { suspectMs: 5_000, rebootTries: 1 } }),
  (at) => ({ type: 'NODE_JOINING', at }),
];

const nodeInput: NodeInput = {
  slot: 'pool/1',
  pool: 'pool',
  zone: 'z',
  role: 'worker',
  nodeName: 'n1',
  instanceId: 'i-1',
  policy: {},
};

test('the runtime is XState: random histories of a node end in the same states, crashes or not', async () => {
  const history = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: sends(nodeEvents) },
      { weight: 4, arbitrary: passes([1, 5_000, 10_000, 20_000, 60_000, 180_000, 600_000, 900_000]) },
      { weight: 5, arbitrary: ends },
      { weight: 2, arbitrary: crashes },
    ),
    { minLength: 40, maxLength: 100 },
  );
  const visited = new Set<string>();
  await fc.assert(
    fc.asyncProperty(history, async (all) => {
      for (const state of await expectSame(nodeMachine, { ...nodeInput, policy: {} }, all))
        visited.add(state);
    }),
    { numRuns: 80 },
  );
  const all = [...visited].join();
  for (const state of ['healthy', 'suspect', 'blind', 'restartingKubelet', 'recovering']) {
    expect(all).toContain(state);
  }
}, 30_000);

test('every rung is reached and left the same way', async () => {
  const down: Happening = {
    kind: 'send',
    event: (at) => ({ type: 'NODE_NOT_READY', at, reason: 'x', objectMissing: false }),
    name: 'down',
  };
  const climb: Happening[] = [down, { kind: 'pass', ms: 20_000 }];
  // Permit, drain, work, and no Ready: through all rungs into the throttle, and again.
  for (let step = 0; step < 6 * rungs.length; step++) {
    climb.push(
      { kind: 'end', which: 0, well: true },
      { kind: 'crash' },
      { kind: 'pass', ms: step % 2 ? 300_000 : 0 },
    );
  }
  climb.push({ kind: 'pass', ms: 600_000 }, { kind: 'end', which: 0, well: false });
  const visited = [...(await expectSame(nodeMachine, { ...nodeInput, policy: {} }, climb))].join();
  for (const state of [...rungs, 'throttled', 'draining', 'acting', 'awaitingReady'])
    expect(visited).toContain(state);
});

test('so do those of a machine with parallel regions, history and chains of always', async () => {
  const names = [
    'POWER',
    'NEXT',
    'HEAT',
    'COOL',
    'PAUSE',
    'RESUME',
    'RESUME_DEEP',
    'AGAIN',
    'KICK',
    'JOB',
    'KICKED',
  ];
  const history = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: sends(names.map((type) => () => ({ type }))) },
      { weight: 3, arbitrary: passes([1, 49, 50, 100, 250, 5_000]) },
      { weight: 2, arbitrary: ends },
      { weight: 2, arbitrary: crashes },
      {
        weight: 1,
        arbitrary: fc.constant<Happening>({ kind: 'send', event: () => ({ type: 'END' }), name: 'END' }),
      },
    ),
    { minLength: 40, maxLength: 100 },
  );
  const on: Happening = { kind: 'send', event: () => ({ type: 'POWER' }), name: 'POWER' };
  const visited = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.nat(4), history, async (heat, all) => {
      for (const state of await expectSame(everything, { heat }, [on, ...all])) visited.add(state);
    }),
    { numRuns: 80 },
  );
  const all = [...visited].join();
  for (const state of ['off', 'humming', 'howling', 'fast', 'second', 'working', 'paused', 'ended']) {
    expect(all).toContain(state);
  }
}, 30_000);
