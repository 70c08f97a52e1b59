import { expect, test } from '@jest/globals';
import { Failure } from '../../src/failure.ts';
import { microtasksDone } from '../../src/runtime/clock.ts';
import { gatedStore, pump, START_MS, setPump, setStage } from './stage.ts';

test('an actor is spawned once, durably, and only once', async () => {
  const { runtime, store, record } = await setPump();
  expect(await runtime.spawn('a', 'pump', { name: 'other' })).toBe('exists');
  expect(record('a')).toMatchObject({ sequence: 0, snapshot: { value: 'still', context: { name: 'a' } } });
  expect(await store.get('actor/a')).toEqual({ key: 'actor/a', value: record('a') });
  expect(runtime.ids()).toEqual(['a']);
});

test('send never runs the machine within the call', async () => {
  const { runtime, record } = await setPump();
  expect(runtime.send('a', { type: 'START' })).toBe('accepted');
  expect(record('a').snapshot.value).toBe('still');
  await runtime.idle();
  expect(record('a').snapshot.value).toBe('working');
});

test('an effect, a deadline and a listener wait for the commit', async () => {
  const gate = gatedStore();
  const stage = setStage({ store: gate.store });
  await stage.runtime.start();
  const spawned = stage.runtime.spawn('a', 'pump', { name: 'a' });
  await microtasksDone();
  gate.waiting.shift()?.pass();
  await spawned;
  stage.runtime.send('a', { type: 'START' });
  await microtasksDone();
  expect(gate.waiting).toHaveLength(1);
  expect([stage.works.length, stage.clock.next(), stage.transitions.length]).toEqual([0, undefined, 1]);
  expect(stage.record('a').snapshot.value).toBe('still');
  gate.waiting.shift()?.pass();
  await stage.runtime.idle();
  expect([stage.works.length, stage.clock.next(), stage.transitions.length]).toEqual([1, START_MS + 100, 2]);
});

test('transitions are computed while a commit is on its way, and go into the next one together', async () => {
  const gate = gatedStore();
  const { runtime } = setStage({ store: gate.store });
  await runtime.start();
  const spawns = ['a', 'b', 'c'].map((name) => runtime.spawn(name, 'pump', { name }));
  await microtasksDone();
  expect(gate.waiting.map(({ keys }) => keys)).toEqual([['actor/a', 'actor/b', 'actor/c']]);
  const [first] = gate.waiting;
  for (const id of ['c', 'a', 'a']) runtime.send(id, { type: 'START' });
  await microtasksDone();
  expect(gate.waiting).toHaveLength(1);
  first?.pass();
  await Promise.all(spawns);
  expect(gate.waiting[1]?.keys).toEqual(['actor/c', 'actor/a']);
});

test('a deadline is absolute, and stands in the record until it fires or is called off', async () => {
  const { runtime, clock, record } = await setPump();
  runtime.send('a', { type: 'REST' });
  await runtime.idle();
  expect(record('a').deadlines).toEqual({ 'xstate.after.rest.pump.resting': START_MS + 1_000 });
  await clock.advance(999);
  expect(record('a').snapshot.value).toBe('resting');
  await clock.advance(1);
  expect(record('a')).toMatchObject({ snapshot: { value: 'still' }, deadlines: {}, since: START_MS + 1_000 });
});

test('a deadline that was called off, or armed anew, does not fire at its old time', async () => {
  const { runtime, clock, record } = await setPump();
  runtime.send('a', { type: 'REST' });
  await clock.advance(500);
  runtime.send('a', { type: 'STOP' });
  runtime.send('a', { type: 'REST' });
  await clock.advance(999);
  expect(record('a').snapshot.value).toBe('resting');
  await clock.advance(1);
  expect(record('a').snapshot.value).toBe('still');
});

test('an event that came first beats a deadline that is due in the same moment', async () => {
  const { runtime, clock, record, transitions } = await setPump();
  runtime.send('a', { type: 'REST' });
  await clock.advance(999);
  runtime.send('a', { type: 'STOP' });
  clock.step();
  await runtime.idle();
  expect(record('a').snapshot.value).toBe('still');
  expect(transitions.map(({ event }) => event.type)).toEqual(['xstate.init', 'REST', 'STOP']);
});

test('an effect gets its input and its attempt, and its output comes back as the done event', async () => {
  const { runtime, works, record } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  const [effect] = record('a').effects;
  expect(effect).toMatchObject({ id: 'work', src: 'work', input: { name: 'a' }, progress: null });
  expect(effect?.attempt).toMatch(/^[\x21-\x7e]{1,64}$/);
  expect(works[0]).toMatchObject({ input: { name: 'a' }, context: { actor: 'a', attempt: effect?.attempt } });
  works[0]?.succeed('yes');
  await microtasksDone();
  expect(record('a')).toMatchObject({
    snapshot: { value: 'resting', context: { answer: 'yes' } },
    effects: [],
  });
});

test('a failed effect comes back as data', async () => {
  const { runtime, works, record, transitions } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  works[0]?.fail(new Failure({ kind: 'throttled', code: 'TooFast', message: 'slow down' }));
  await microtasksDone();
  expect(record('a').snapshot.context).toMatchObject({ answer: 'TooFast' });
  expect(transitions.at(-1)?.event).toEqual({
    type: 'xstate.error.actor.work',
    error: { kind: 'throttled', code: 'TooFast', message: 'slow down' },
    actorId: 'work',
  });
});

test('an effect is aborted once its actor has durably moved on, and is not heard after that', async () => {
  const { runtime, works, record } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  expect(works[0]?.context.signal.aborted).toBe(false);
  runtime.send('a', { type: 'STOP' });
  await runtime.idle();
  expect(works[0]?.context.signal.aborted).toBe(true);
  works[0]?.succeed('late');
  await microtasksDone();
  expect(record('a')).toMatchObject({ snapshot: { value: 'still', context: { answer: null } } });
});

test('an end that comes while its actor moves on does not belong to the next attempt', async () => {
  const { runtime, works, record } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  runtime.send('a', { type: 'START' });
  works[0]?.succeed('of the first');
  await microtasksDone();
  expect(record('a')).toMatchObject({ snapshot: { value: 'working', context: { starts: 2, answer: null } } });
  expect(works).toHaveLength(2);
  expect(works[1]?.context.attempt).not.toBe(works[0]?.context.attempt);
});

test('an effect that has ended is not started again by a commit before its end is durable', async () => {
  const { runtime, works, record } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  // The checkpoint's commit is released between the effect's end and the commit of the end.
  const reached = works[0]?.context.checkpoint('half');
  works[0]?.succeed('yes');
  await reached;
  await microtasksDone();
  expect(works).toHaveLength(1);
  expect(record('a').snapshot.value).toBe('resting');
});

test('a checkpoint is durable when it resolves, and is given to the effect after a crash', async () => {
  const { runtime, works, store } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  await works[0]?.context.checkpoint({ step: 2 });
  const crashed = setStage({ store });
  await crashed.runtime.start();
  expect(crashed.works[0]?.context).toMatchObject({
    attempt: works[0]?.context.attempt,
    progress: { step: 2 },
  });
});

test('a checkpoint of an attempt that is over is refused, so that its effect goes no further', async () => {
  const { runtime, works } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  runtime.send('a', { type: 'STOP' });
  await expect(works[0]?.context.checkpoint('too late')).rejects.toMatchObject({ code: 'AttemptOver' });
  await expect(works[0]?.context.checkpoint('far too late')).rejects.toMatchObject({ code: 'AttemptOver' });
});

test('safety 21: an actor that is removed and spawned anew does not use its namesake’s attempt ids', async () => {
  const { runtime, works } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  await runtime.remove('a');
  expect(works[0]?.context.signal.aborted).toBe(true);
  expect(runtime.record('a')).toBeUndefined();
  await runtime.spawn('a', 'pump', { name: 'a' });
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  expect(works[1]?.context.attempt).not.toBe(works[0]?.context.attempt);
});

test('an ignored event writes nothing', async () => {
  const gate = gatedStore();
  const { runtime, transitions } = setStage({ store: gate.store });
  await runtime.start();
  const spawned = runtime.spawn('a', 'pump', { name: 'a' });
  await microtasksDone();
  gate.waiting.shift()?.pass();
  await spawned;
  runtime.send('a', { type: 'NOTHING' });
  await runtime.idle();
  expect(gate.waiting).toEqual([]);
  expect(transitions).toHaveLength(1);
});

test('a machine that throws is quarantined alone, with its last good record', async () => {
  const { runtime, record, works } = await setPump();
  await runtime.spawn('b', 'pump', { name: 'b' });
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  runtime.send('a', { type: 'BREAK' });
  runtime.send('b', { type: 'REST' });
  await runtime.idle();
  expect([...runtime.quarantined()]).toEqual([['a', expect.stringContaining('the guard is broken')]]);
  expect(runtime.send('a', { type: 'STOP' })).toBe('quarantined');
  expect(record('a').snapshot.value).toBe('working');
  expect(record('b').snapshot.value).toBe('resting');
  expect(works[0]?.context.signal.aborted).toBe(true);
});

test('a loop of transitions ends in quarantine', async () => {
  const { runtime } = await setPump();
  runtime.send('a', { type: 'LOOP' });
  await runtime.idle();
  expect(runtime.quarantined().get('a')).toMatch(/Infinite loop/);
});

test('a full mailbox refuses events, and nothing of what it holds is lost', async () => {
  const { runtime, record } = await setPump({ limits: { mailbox: 3 } });
  const results = ['START', 'START', 'START', 'START'].map((type) => runtime.send('a', { type }));
  expect(results).toEqual(['accepted', 'accepted', 'accepted', 'mailboxFull']);
  await runtime.idle();
  expect(record('a').snapshot.context).toMatchObject({ starts: 3 });
  expect(runtime.send('a', { type: 'STOP' })).toBe('accepted');
});

test('a batch has a limit, and every actor gets its turn', async () => {
  const gate = gatedStore();
  const { runtime } = setStage({ store: gate.store, limits: { batch: 2 } });
  await runtime.start();
  const spawns = ['a', 'b', 'c'].map((name) => runtime.spawn(name, 'pump', { name }));
  await microtasksDone();
  gate.waiting.shift()?.pass();
  await Promise.all(spawns);
  for (const id of ['a', 'a', 'b', 'c']) runtime.send(id, { type: 'START' });
  const commits: (readonly string[])[] = [];
  for (let next = 0; next < 4; next++) {
    await microtasksDone();
    const commit = gate.waiting.shift();
    if (commit) commits.push(commit.keys);
    commit?.pass();
  }
  expect(commits).toEqual([
    ['actor/a', 'actor/b'],
    ['actor/c', 'actor/a'],
  ]);
});

test('a commit that fails is tried again until it lands; meanwhile nothing new is taken and nothing is let go', async () => {
  const gate = gatedStore();
  const { runtime, clock, works, logged } = setStage({ store: gate.store });
  await runtime.start();
  const spawned = runtime.spawn('a', 'pump', { name: 'a' });
  await microtasksDone();
  gate.waiting.shift()?.pass();
  await spawned;
  runtime.send('a', { type: 'START' });
  await microtasksDone();
  const full = new Failure({ kind: 'retryable', code: 'StoreFull', message: 'no space is left' });
  gate.waiting.shift()?.fail(full);
  await microtasksDone();
  expect(runtime.stalled()).toMatchObject({ code: 'StoreFull' });
  expect(runtime.send('a', { type: 'STOP' })).toBe('stalled');
  expect(logged).toEqual([expect.stringContaining('error: the store takes no writes')]);
  await clock.advance(100);
  gate.waiting.shift()?.fail(full);
  await clock.advance(200);
  expect(works).toEqual([]);
  expect(gate.waiting[0]?.keys).toEqual(['actor/a']);
  gate.waiting.shift()?.pass();
  await runtime.idle();
  expect(works).toHaveLength(1);
  expect([runtime.stalled(), runtime.record('a')?.snapshot.value]).toEqual([null, 'working']);
  expect(runtime.send('a', { type: 'STOP' })).toBe('accepted');
});

test('stop takes no more events, keeps the attempts, and says so if the last commit can not be written', async () => {
  const gate = gatedStore();
  const { runtime, works, record } = setStage({ store: gate.store });
  await runtime.start();
  const spawned = runtime.spawn('a', 'pump', { name: 'a' });
  await microtasksDone();
  gate.waiting.shift()?.pass();
  await spawned;
  runtime.send('a', { type: 'START' });
  await microtasksDone();
  gate.waiting.shift()?.pass();
  await microtasksDone();
  runtime.send('a', { type: 'STOP' });
  const stopped = runtime.stop();
  expect(runtime.send('a', { type: 'STOP' })).toBe('stopped');
  expect(works[0]?.context.signal.aborted).toBe(true);
  await microtasksDone();
  gate.waiting
    .shift()
    ?.fail(new Failure({ kind: 'retryable', code: 'StoreFull', message: 'no space is left' }));
  await expect(stopped).rejects.toMatchObject({ code: 'StoreFull' });
  expect(record('a').effects).toHaveLength(1);
});

test('what was in the mailboxes when it stops is still made durable', async () => {
  const { runtime, store } = await setPump();
  runtime.send('a', { type: 'REST' });
  await runtime.stop();
  expect(await store.get('actor/a')).toMatchObject({ value: { snapshot: { value: 'resting' } } });
});

test('a done actor has no deadlines and effects, and takes no events', async () => {
  const { runtime, record, works } = await setPump();
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  runtime.send('a', { type: 'RETIRE' });
  runtime.send('a', { type: 'START' });
  await runtime.idle();
  expect(record('a')).toMatchObject({
    snapshot: { status: 'done', value: 'retired' },
    deadlines: {},
    effects: [],
  });
  expect(works[0]?.context.signal.aborted).toBe(true);
});

test('unknown actors, machines and ids are refused', async () => {
  const { runtime } = await setPump();
  expect(runtime.send('nobody', { type: 'START' })).toBe('unknownActor');
  await expect(runtime.spawn('b', 'no such machine', null)).rejects.toMatchObject({ code: 'UnknownMachine' });
  await expect(runtime.spawn('', 'pump', { name: '' })).rejects.toMatchObject({ code: 'BadActorId' });
  await expect(setStage().runtime.spawn('a', 'pump', null)).rejects.toMatchObject({ code: 'NotRunning' });
  await expect(runtime.start()).rejects.toMatchObject({ code: 'AlreadyStarted' });
  expect(pump.id).toBe('pump');
});

test('a listener that throws harms nobody', async () => {
  const { runtime, logged, record } = await setPump();
  const stopListening = runtime.onTransition(() => {
    throw new Error('listener');
  });
  runtime.send('a', { type: 'REST' });
  await runtime.idle();
  stopListening();
  runtime.send('a', { type: 'STOP' });
  await runtime.idle();
  expect(record('a').snapshot.value).toBe('still');
  expect(logged).toEqual(['error: a listener failed: listener']);
});
