import { describe, expect, test } from '@jest/globals';
import { type AnyStateMachine, assign, createMachine, fromPromise, setup } from 'xstate';
import { machines } from '../../machines/index.ts';
import { nodeMachine } from '../../machines/node.ts';
import { someNode } from './driver.ts';
import { lintMachine } from './lint.ts';
import { begin, stateNodes } from './pure.ts';

test.each(Object.entries(machines))('the machine %s has no faults', (_, { machine, version }) => {
  expect(lintMachine(machine)).toEqual([]);
  expect(version).toBeGreaterThanOrEqual(1);
});

test.each(Object.entries(machines))(
  'the config of %s is JSON, and makes the same states again',
  (_, { machine }) => {
    const again = createMachine(JSON.parse(JSON.stringify(machine.config)));
    const ids = (each: AnyStateMachine) => stateNodes(each).map(({ id }) => id);
    expect(ids(again)).toEqual(ids(machine));
  },
);

test('every wait of a node has a time: none is zero, none too long for a timer', () => {
  const { context } = begin(nodeMachine, someNode).snapshot;
  for (const [name, delay] of Object.entries(nodeMachine.implementations.delays)) {
    const ms: unknown = typeof delay === 'function' ? Reflect.apply(delay, undefined, [{ context }]) : delay;
    expect({ name, ok: typeof ms === 'number' && ms > 0 && ms < 2 ** 31 }).toEqual({ name, ok: true });
  }
});

/** A sound machine, and beside it the same with one fault planted. */
const sound = {
  id: 'lamp',
  initial: 'off',
  description: 'A lamp.',
  options: { maxIterations: 100 },
  states: {
    off: {
      description: 'Dark.',
      on: { PRESS: { target: 'on', guard: 'hasPower', actions: 'count' } },
    },
    on: {
      description: 'Light.',
      after: { burning: { target: 'off' } },
      invoke: {
        id: 'shine',
        src: 'shine',
        onDone: { target: 'off' },
        onError: { target: 'broken' },
      },
    },
    broken: { description: 'For good.', type: 'final' },
  },
} as const;

function lamp(change: (config: typeof sound) => object): AnyStateMachine {
  const parts = setup({
    actors: { shine: fromPromise(async () => 0) },
    guards: { hasPower: () => true },
    delays: { burning: 1_000 },
    actions: { count: assign({}) },
  });
  // The planted faults are those that the types do not see: the config is handed over as data, as a file would be.
  return Reflect.apply(parts.createMachine, parts, [change(structuredClone(sound))]);
}

const off = (changes: object) => (config: typeof sound) => ({
  ...config,
  states: { ...config.states, off: { ...config.states.off, ...changes } },
});
const on = (changes: object) => (config: typeof sound) => ({
  ...config,
  states: { ...config.states, on: { ...config.states.on, ...changes } },
});
const shine = sound.states.on.invoke;

describe('a planted fault is found', () => {
  test('none', () => expect(lintMachine(lamp((config) => config))).toEqual([]));

  test.each<[string, (config: typeof sound) => object, string]>([
    ['delay', on({ after: { burnign: { target: 'off' } } }), 'lamp.on after: unknown delay burnign'],
    [
      'guard',
      off({ on: { PRESS: { target: 'on', guard: 'hasPowr' } } }),
      'lamp.off on PRESS: unknown guard hasPowr',
    ],
    ['action', off({ entry: 'cuont' }), 'lamp.off entry: unknown action cuont'],
    ['actor', on({ invoke: { ...shine, id: 'glow', src: 'glow' } }), 'lamp.on: unknown actor glow'],
    [
      'inline guard',
      off({ always: { target: 'on', guard: () => true } }),
      'states.off.always.guard: a function',
    ],
    ['inline action', off({ exit: () => undefined }), 'states.off.exit: a function'],
    [
      'params',
      off({ entry: { type: 'count', params: () => ({}) } }),
      'lamp.off entry: params of count are not data',
    ],
    ['no description', off({ description: undefined }), 'lamp.off: no description'],
    ['no onDone', on({ invoke: { ...shine, onDone: undefined } }), 'lamp.on: invoke without onDone'],
    ['no onError', on({ invoke: { ...shine, onError: undefined } }), 'lamp.on: invoke without onError'],
    ['invoke id', on({ invoke: { ...shine, id: 'light' } }), 'lamp.on: the id of the invoke is not its src'],
    ['systemId', on({ invoke: { ...shine, systemId: 'one' } }), 'lamp.on: a systemId is taken once'],
    ['no way out', off({ on: { PRESS: { actions: 'count' } } }), 'lamp.off: no way out'],
    ['too long', on({ after: { [2 ** 31]: { target: 'off' } } }), 'lamp.on after 2147483648: fires at once'],
    ['bare string', on({ after: { burning: ['off'] } }), 'lamp.on after burning: off is a bare string'],
    ['no target', on({ after: { burning: {} } }), 'lamp.on after burning: leads nowhere'],
    ['maxIterations', (config) => ({ ...config, options: {} }), 'lamp: maxIterations is not set'],
    ['unused', on({ after: { 5: { target: 'off' } } }), 'delay burning: used nowhere'],
  ])('%s', (_, change, fault) => {
    expect(lintMachine(lamp(change))).toContainEqual(expect.stringContaining(fault));
  });

  test('target: XState itself refuses it', () => {
    expect(() => lamp(off({ on: { PRESS: { target: 'onn' } } }))).toThrow(/onn/);
  });
});
