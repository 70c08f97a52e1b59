import { expect, test } from '@jest/globals';
import { microtasksDone } from '../../src/runtime/clock.ts';
import type { ActorRecord } from '../../src/runtime/record.ts';
import { isRecord, recordSchema } from '../../src/runtime/restore.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { createMemoryStore } from '../../src/store/memory.ts';
import { pump, START_MS, setPump, setStage } from './stage.ts';

const base: ActorRecord = {
  id: 'a',
  machine: 'pump',
  version: 1,
  sequence: 4,
  snapshot: { value: 'resting', context: { name: 'a', starts: 2, answer: null }, status: 'active' },
  since: START_MS,
  deadlines: { 'xstate.after.rest.pump.resting': START_MS + 700 },
  effects: [],
};

async function storeWith(...records: readonly unknown[]) {
  const store = createMemoryStore();
  for (const record of records) {
    const value = JSON.parse(JSON.stringify(record));
    await store.commit([{ key: `actor/${value.id ?? 'a'}`, value }]);
  }
  return store;
}

test('deadlines fire at their original time, and one that is overdue at once', async () => {
  const overdue = { ...base, id: 'b', deadlines: { 'xstate.after.rest.pump.resting': START_MS - 5_000 } };
  const stage = setStage({ store: await storeWith(base, overdue) });
  expect(await stage.runtime.start()).toEqual({
    actors: 2,
    deadlines: 2,
    effects: 0,
    migrated: 0,
    clockBackMs: 0,
    setAside: [],
  });
  await stage.clock.advance(0);
  expect([stage.record('a').snapshot.value, stage.record('b').snapshot.value]).toEqual(['resting', 'still']);
  await stage.clock.advance(699);
  expect(stage.record('a').snapshot.value).toBe('resting');
  await stage.clock.advance(1);
  expect(stage.record('a')).toMatchObject({ snapshot: { value: 'still' }, since: START_MS + 700 });
});

test('a deadline does not start anew with each restart', async () => {
  const store = await storeWith(base);
  for (let restart = 0; restart < 7; restart++) {
    const stage = setStage({ store, clock: createVirtualClock(START_MS + 100 * restart) });
    await stage.runtime.start();
    await stage.clock.advance(99);
    expect(stage.record('a').snapshot.value).toBe('resting');
    await stage.runtime.stop();
  }
  const last = setStage({ store, clock: createVirtualClock(START_MS + 700) });
  await last.runtime.start();
  await last.clock.advance(0);
  expect(last.record('a').snapshot.value).toBe('still');
});

test('safety 20: an effect without an end is started again with its attempt and its progress', async () => {
  const first = await setPump();
  first.runtime.send('a', { type: 'START' });
  await first.runtime.idle();
  await first.works[0]?.context.checkpoint({ asked: true });
  const second = setStage({ store: first.store });
  expect(await second.runtime.start()).toMatchObject({ actors: 1, deadlines: 1, effects: 1 });
  const attempt = first.works[0]?.context.attempt;
  expect(second.works).toHaveLength(1);
  expect(second.works[0]).toMatchObject({
    input: { name: 'a' },
    context: { attempt, progress: { asked: true } },
  });
  second.works[0]?.succeed('yes');
  await microtasksDone();
  expect(second.record('a').snapshot).toMatchObject({ value: 'resting', context: { answer: 'yes' } });
});

test('records of an older version are migrated step by step, and durably', async () => {
  const store = await storeWith(base);
  const migrations = {
    1: (record: ActorRecord) => ({
      ...record,
      version: 2,
      snapshot: { ...record.snapshot, value: 'still' },
      deadlines: {},
    }),
    2: (record: ActorRecord) => ({ ...record, version: 3, since: 7 }),
  };
  const stage = setStage({ store, machines: { pump: { machine: pump, version: 3, migrations } } });
  expect(await stage.runtime.start()).toMatchObject({ actors: 1, migrated: 1, setAside: [] });
  expect(stage.record('a')).toMatchObject({
    version: 3,
    since: 7,
    sequence: 4,
    snapshot: { value: 'still' },
  });
  expect(await store.get('actor/a')).toMatchObject({ value: { version: 3 } });
});

test.each<[string, unknown, RegExp]>([
  ['no record', { id: 'a' }, /not a record/],
  ['of an unknown machine', { ...base, machine: 'gone' }, /unknown machine gone/],
  ['of a newer version', { ...base, version: 2 }, /newer than ours/],
  ['in a state that is gone', { ...base, snapshot: { ...base.snapshot, value: 'gone' } }, /gone/],
  ['of somebody else', { ...base, id: 'a', deadlines: { x: 'soon' } }, /not a record/],
  [
    'with an attempt that is none',
    { ...base, effects: [{ id: 'work', src: 'work', input: null, attempt: 'ä', progress: null }] },
    /not a record/,
  ],
])(
  'safety 21: a record that is %s is set aside, and the actor starts anew on the safe side',
  async (_name, record, why) => {
    const store = await storeWith(record, { ...base, id: 'sound' });
    const asked: string[] = [];
    const stage = setStage({
      store,
      onSetAside(id) {
        asked.push(id);
        return { machine: 'pump', input: { name: 'used up' } };
      },
    });
    const report = await stage.runtime.start();
    await stage.runtime.idle();
    expect(report).toMatchObject({ actors: 1, setAside: [{ actor: 'a', why: expect.stringMatching(why) }] });
    expect(asked).toEqual(['a']);
    expect(stage.logged).toEqual([expect.stringMatching(/error: the record of a was set aside/)]);
    expect(stage.record('a')).toMatchObject({ sequence: 0, snapshot: { context: { name: 'used up' } } });
    expect(stage.record('sound')).toMatchObject({ sequence: 4 });
    expect(await store.get('set-aside/a')).toMatchObject({
      value: { record: JSON.parse(JSON.stringify(record)), at: START_MS },
    });
  },
);

test('without an answer the set-aside actor is gone, and comes back no more', async () => {
  const store = await storeWith({ ...base, version: 9 });
  const stage = setStage({ store });
  expect((await stage.runtime.start()).setAside).toHaveLength(1);
  expect(stage.runtime.record('a')).toBeUndefined();
  expect(await setStage({ store }).runtime.start()).toMatchObject({ actors: 0, setAside: [] });
});

test('a migration that throws, is missing or goes astray sets aside that record only', async () => {
  const migrations = {
    1: (record: ActorRecord): ActorRecord => {
      if (record.id === 'a') throw new Error('cannot');
      return { ...record, version: record.id === 'b' ? 3 : 2, id: record.id };
    },
  };
  const store = await storeWith(base, { ...base, id: 'b' }, { ...base, id: 'c' });
  const stage = setStage({ store, machines: { pump: { machine: pump, version: 2, migrations } } });
  expect(await stage.runtime.start()).toMatchObject({
    actors: 1,
    migrated: 1,
    clockBackMs: 0,
    setAside: [
      { actor: 'a', why: 'cannot' },
      { actor: 'b', why: expect.stringContaining('wrong record') },
    ],
  });
});

test('what counts as a record is what the schema says', () => {
  const effect = { id: 'work', src: 'work', input: { name: 'a' }, attempt: 'x1', progress: null };
  const record = { ...base, effects: [effect, { ...effect, id: 'other' }] };
  const paths: readonly (readonly string[])[] = [
    ...Object.keys(record).map((key) => [key]),
    ...Object.keys(record.snapshot).map((key) => ['snapshot', key]),
    ...Object.keys(record.deadlines).map((key) => ['deadlines', key]),
    ...Object.keys(effect).map((key) => ['effects', '1', key]),
  ];
  const change = (value: unknown, [key = '', ...rest]: readonly string[], to: unknown): unknown => {
    const copy: Record<string, unknown> = Object.assign(Array.isArray(value) ? [] : {}, value);
    if (rest.length > 0) copy[key] = change(copy[key], rest, to);
    else if (to === undefined) delete copy[key];
    else copy[key] = to;
    return copy;
  };
  const others = [
    undefined,
    null,
    0,
    1,
    -1,
    1.5,
    1e300,
    '',
    'x',
    'done',
    'x'.repeat(65),
    true,
    [],
    {},
    { x: 1 },
    ['x'],
  ];
  let [accepted, refused] = [0, 0];
  for (const path of paths) {
    for (const other of others) {
      const changed = change(record, path, other);
      expect([path, other, isRecord(changed)]).toEqual([
        path,
        other,
        recordSchema.safeParse(changed).success,
      ]);
      if (isRecord(changed)) accepted += 1;
      else refused += 1;
    }
  }
  for (const other of others) expect(isRecord(other)).toBe(recordSchema.safeParse(other).success);
  expect([isRecord(record), accepted > 50, refused > 100]).toEqual([true, true, true]);
});

test('safety 61: a clock that was set back makes no wait longer than it was, and moves all records alike', async () => {
  const rests = { 'xstate.after.rest.pump.resting': START_MS + 700 };
  const older = { ...base, id: 'b', since: START_MS - 1_000, deadlines: rests };
  const store = await storeWith(base, older);
  const hourAgo = setStage({ store, clock: createVirtualClock(START_MS - 3_600_000) });
  expect(await hourAgo.runtime.start()).toMatchObject({ clockBackMs: 3_600_000, migrated: 0 });
  expect(hourAgo.record('a').since).toBe(START_MS - 3_600_000);
  expect(hourAgo.record('b').since).toBe(START_MS - 3_601_000);
  expect(await store.get('actor/b')).toMatchObject({ value: { since: START_MS - 3_601_000 } });
  await hourAgo.clock.advance(699);
  expect(hourAgo.record('a').snapshot.value).toBe('resting');
  await hourAgo.clock.advance(1);
  expect([hourAgo.record('a').snapshot.value, hourAgo.record('b').snapshot.value]).toEqual([
    'still',
    'still',
  ]);
});
