import { expect, test } from '@jest/globals';
import { type AnyStateMachine, assign, createMachine, emit, fromPromise, raise, sendTo, setup } from 'xstate';
import { nodeMachine } from '../../machines/node.ts';
import { faultsOf } from '../../src/runtime/registration.ts';
import { everything } from './everything.ts';
import { pump, setStage } from './stage.ts';

const known = new Set(['work', 'job', ...Object.keys(nodeMachine.implementations.actors)]);
const faults = (machine: AnyStateMachine, version = 1) =>
  faultsOf('m', { machine, version, migrations: {} }, known).join('\n');
const options = { maxIterations: 10 };
const work = fromPromise(async () => 1);

test('sound machines have no faults', () => {
  for (const machine of [pump, everything, nodeMachine]) expect(faults(machine)).toBe('');
});

test.each<[string, RegExp, AnyStateMachine]>([
  [
    'a delay that nobody declares',
    /unknown delay patience, which would fire at once/,
    createMachine({
      options,
      initial: 'a',
      states: { a: { after: { patience: { target: 'b' } } }, b: {} },
    }),
  ],
  ['a loop without a bound', /maxIterations must be set/, createMachine({})],
  [
    'work that nobody does',
    /invokes other, which is no effect/,
    createMachine({
      options,
      invoke: { src: 'other', onError: {} },
    }),
  ],
  [
    'work that the setup does not name',
    /invokes work, which its setup does not name/,
    createMachine({
      options,
      invoke: { src: 'work', onError: {} },
    }),
  ],
  [
    'work whose failure nobody hears of',
    /invoke work has no onError/,
    setup({ actors: { work } }).createMachine({
      options,
      invoke: { src: 'work', id: 'work' },
    }),
  ],
  [
    'a systemId',
    /systemId is not supported/,
    setup({ actors: { work } }).createMachine({
      options,
      invoke: { src: 'work', systemId: 'one', onError: {} },
    }),
  ],
  ['an unknown action', /unknown action nothing/, createMachine({ options, entry: 'nothing' })],
  [
    'an action that acts',
    /action act acts by itself/,
    createMachine({ options, exit: 'act' }, { actions: { act: () => {} } }),
  ],
  [
    'an action that acts and has no name',
    /acts by itself/,
    createMachine({ options, on: { E: { actions: () => {} } } }),
  ],
  [
    'a message',
    /action tell acts by itself/,
    createMachine({ options, entry: 'tell' }, { actions: { tell: sendTo('x', { type: 'E' }) } }),
  ],
  ['an emitted event', /acts by itself/, createMachine({ options, entry: emit({ type: 'E' }) })],
  [
    'a raise with a delay',
    /declare the wait with after/,
    createMachine({ options, entry: raise({ type: 'E' }, { delay: 5 }) }),
  ],
  [
    'an unknown guard',
    /unknown guard never/,
    createMachine({ options, on: { E: { guard: 'never', actions: assign({}) } } }),
  ],
  [
    'a fault deep inside',
    /state m.a.b: unknown action deep/,
    createMachine({
      id: 'm',
      options,
      initial: 'a',
      states: { a: { initial: 'b', states: { b: { always: { guard: () => false, actions: 'deep' } } } } },
    }),
  ],
])('refused: %s', (_name, why, machine) => {
  expect(faults(machine)).toMatch(why);
});

test('a version is a whole number from 1', () => {
  expect(faults(pump, 0)).toMatch(/version/);
  expect(faults(pump, 1.5)).toMatch(/version/);
});

test('a runtime with a faulty machine is not made', () => {
  const entry = { machine: createMachine({ options, entry: 'nothing' }), version: 1, migrations: {} };
  expect(() => setStage({ machines: { bad: entry } })).toThrow(
    /machine bad, state .*: unknown action nothing/,
  );
  expect(() => setStage({ machines: { work: { machine: pump, version: 1, migrations: {} } } })).toThrow(
    /work is a machine and an effect/,
  );
});
