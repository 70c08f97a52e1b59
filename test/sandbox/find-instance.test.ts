import { expect, test } from '@jest/globals';
import { findInstance } from '../../src/sandbox/find-instance.ts';
import { exampleInstance } from './example.ts';

const instances = [
  exampleInstance('i-a', '127.0.1.1', 'control-plane-0'),
  exampleInstance('i-b', '127.0.2.1', 'workers-0'),
  exampleInstance('i-c', '127.0.2.2', 'workers-0'),
];

test('an instance is found by its id, its address, its node name and its slot', () => {
  for (const name of ['i-a', '127.0.1.1', '127.0.1.1.i-a', 'control-plane-0']) {
    expect(findInstance(instances, name).id).toBe('i-a');
  }
});

test('of two in one slot the newer one is meant', () => {
  expect(findInstance(instances, 'workers-0').id).toBe('i-c');
});

test('who is not there is told apart from whom there is', () => {
  expect(() => findInstance(instances, 'workers-7')).toThrow(
    'no instance is called workers-7, by its id, address, node name or slot. There are: control-plane-0 (i-a), workers-0 (i-b), workers-0 (i-c)',
  );
  expect(() => findInstance([], '')).toThrow('There are: none');
});
