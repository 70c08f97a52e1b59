import { expect, test } from '@jest/globals';
import {
  deskLines,
  instanceOf,
  type LogLine,
  nodesOf,
  parseLogLine,
  rungsTaken,
  stateChanges,
  stays,
} from './story.ts';

const base = Date.parse('2026-11-24T12:00:00.000Z');
const lines = (...texts: readonly (readonly [number, string, object?])[]): readonly LogLine[] =>
  texts.flatMap(([ms, message, fields]) => {
    const timestamp = new Date(base + ms).toISOString();
    return parseLogLine(JSON.stringify({ level: 'info', message, timestamp, ...fields })) ?? [];
  });

const climb = lines(
  [0, 'workers-0: healthy → suspect', { event: 'NODE_NOT_READY', node: '127.0.2.1.i-a' }],
  [
    4_000,
    'workers-0: suspect → repairing.restartingKubelet.admitting',
    { event: 'xstate.after.suspicion.node.suspect' },
  ],
  [4_010, 'repair waits', { slot: 'workers-0', rung: 'restartingKubelet', rule: 'storm', why: 'x' }],
  [4_500, 'repair admitted', { slot: 'workers-0', rung: 'restartingKubelet' }],
  [
    4_510,
    'workers-0: repairing.restartingKubelet.admitting → repairing.restartingKubelet.acting',
    { event: 'xstate.done.actor.requestPermit' },
  ],
  [5_000, 'workers-1: healthy → suspect', { event: 'NODE_NOT_READY' }],
  [
    6_000,
    'workers-0: repairing.restartingKubelet.acting → repairing.restartingKubelet.awaitingReady',
    { event: 'xstate.done.actor.restartKubelet' },
  ],
  [
    18_000,
    'workers-0: repairing.restartingKubelet.awaitingReady → repairing.rebooting.admitting',
    { event: 'xstate.after.kubeletWait' },
  ],
  [
    18_010,
    'workers-0: repairing.rebooting.admitting → repairing.rebooting.draining',
    { event: 'xstate.done.actor.requestPermit' },
  ],
  [
    19_000,
    'workers-0: repairing.rebooting.draining → recovering.clearing',
    { event: 'NODE_READY', node: '127.0.2.9.i-b' },
  ],
);

test('a line that is no JSON of ours is none', () => {
  expect(parseLogLine('(node:1) Warning: …')).toBeNull();
  expect(parseLogLine('{"level":"info"}')).toBeNull();
});

test('a rung counts as taken by its work: one that was only drained for is not', () => {
  const taken = rungsTaken(stateChanges(climb), 'workers-0');
  expect(taken).toEqual([{ rung: 'restartingKubelet', at: base + 4_510, leftAt: base + 18_000 }]);
});

test("a slot's states follow each other without a gap", () => {
  const all = stays(stateChanges(climb), 'workers-0', base - 1_000);
  expect(all.map(({ state }) => state)).toEqual([
    'healthy',
    'suspect',
    'repairing.restartingKubelet.admitting',
    'repairing.restartingKubelet.acting',
    'repairing.restartingKubelet.awaitingReady',
    'repairing.rebooting.admitting',
    'repairing.rebooting.draining',
    'recovering.clearing',
  ]);
  for (const [index, stay] of all.slice(1).entries()) expect(stay.from).toBe(all[index]?.to);
  expect(all.at(-1)?.to).toBeNull();
});

test('what the desk said is told by its rule', () => {
  expect(deskLines(climb)).toEqual([
    { at: base + 4_010, slot: 'workers-0', rung: 'restartingKubelet', rule: 'storm' },
    { at: base + 4_500, slot: 'workers-0', rung: 'restartingKubelet', rule: null },
  ]);
});

test('the instances that a slot had are read off the names of its nodes', () => {
  const nodes = nodesOf(stateChanges(climb), 'workers-0');
  expect(nodes.map(instanceOf)).toEqual(['i-a', 'i-b']);
});
