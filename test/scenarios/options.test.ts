import { expect, test } from '@jest/globals';
import { parseOptions } from './options.ts';

const known = ['node', 'contract'];

test('groups, switches and files are read', () => {
  expect(
    parseOptions(['node', '--smoke', '--json', 'out.json', '--only', 'a', '--only', 'b'], known),
  ).toEqual({
    groups: ['node'],
    smoke: true,
    json: 'out.json',
    programs: null,
    keep: false,
    only: ['a', 'b'],
    dir: null,
  });
});

test('what is not known is refused, with what there is', () => {
  expect(() => parseOptions(['nodes'], known)).toThrow('there is no group nodes; there are: node, contract');
  expect(() => parseOptions(['--fast'], known)).toThrow('--fast');
});
