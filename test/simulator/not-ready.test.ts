import { expect, test } from '@jest/globals';
import { NotReady } from '../../src/simulator/not-ready.ts';

test('a node is not Ready from when it stops being so, whatever else changes meanwhile', () => {
  const nodes = new NotReady();
  nodes.note('node', true, 0);
  expect(nodes.since('node')).toBeNull();
  nodes.note('node', false, 1_000);
  nodes.note('node', false, 5_000);
  expect(nodes.since('node')).toBe(1_000);
});

test('Ready ends that, and a Ready too short for anybody to be told does not', () => {
  const nodes = new NotReady();
  nodes.note('node', true, 0);
  nodes.note('node', false, 1_000);
  nodes.note('node', true, 5_000);
  expect(nodes.since('node')).toBeNull();
  nodes.note('node', false, 5_199);
  expect(nodes.since('node')).toBe(1_000);
  nodes.note('node', true, 6_000);
  nodes.note('node', true, 6_100);
  nodes.note('node', false, 6_200);
  expect(nodes.since('node')).toBe(6_200);
});

test('a node that came NotReady has lost nothing until it was Ready', () => {
  const nodes = new NotReady();
  nodes.note('node', false, 1_000);
  nodes.note('node', false, 2_000);
  expect(nodes.since('node')).toBeNull();
  nodes.note('node', true, 3_000);
  nodes.note('node', false, 4_000);
  expect(nodes.since('node')).toBe(4_000);
});
