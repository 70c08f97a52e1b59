import { expect, test } from '@jest/globals';
import { leaseSchema, nodeSchema } from '../../src/kubernetes/facts.ts';
import { createView } from '../../src/kubernetes/view.ts';

function node(name: string, options: { ready?: string; beat?: string; uid?: string } = {}) {
  const { ready = 'True', beat = '2020-01-01T00:00:00Z', uid = `uid-${name}` } = options;
  const conditions = [{ type: 'Ready', status: ready, lastHeartbeatTime: beat }];
  return nodeSchema.parse({ metadata: { name, uid }, status: { conditions } });
}

const lease = (name: string, renewTime: string) =>
  leaseSchema.parse({ metadata: { name }, spec: { renewTime } });
const beat = (view: ReturnType<typeof createView>, name: string) => view.live.heartbeatAt(name);

test('a list replaces everything: who is not in it is gone, with its heartbeat', () => {
  const view = createView();
  expect(view.replaceNodes([node('a'), node('b')], 1)).toBe('nodes');
  expect(view.replaceNodes([node('b')], 2)).toBe('nodes');
  expect([...view.live.nodes.keys()]).toEqual(['b']);
  expect([beat(view, 'a'), beat(view, 'b')]).toEqual([undefined, 1]);
  expect(view.replaceNodes([node('b')], 3)).toBe('nothing');
});

test('facts that were given out stay as they were, and the view goes on', () => {
  const view = createView();
  view.putNode(node('a'), 1);
  const before = view.live.nodes.get('a');
  view.putNode(node('a', { ready: 'False' }), 2);
  expect([before?.ready, view.live.nodes.get('a')?.ready]).toEqual(['True', 'False']);
});

test('what was touched is told once, and heartbeats touch nothing', () => {
  const view = createView();
  view.replaceNodes([node('a'), node('b'), node('c')], 1);
  expect(view.takeTouched()).toEqual(new Set(['a', 'b', 'c']));
  view.putLease(lease('a', 't1'), 2);
  view.putNode(node('a', { beat: '2021-01-01T00:00:00Z' }), 3);
  expect(view.takeTouched()).toEqual(new Set());
  view.putNode(node('a', { ready: 'False' }), 4);
  view.replaceNodes([node('a', { ready: 'False' }), node('b')], 5);
  expect(view.takeTouched()).toEqual(new Set(['a', 'c']));
});

test('safety 61: without a lease, a heartbeat is when the status was seen to change, whatever time it names', () => {
  const view = createView();
  view.putNode(node('a', { beat: '2020-01-01T00:00:00Z' }), 100);
  expect(view.putNode(node('a', { beat: '2020-01-01T00:00:00Z' }), 200)).toBe('nothing');
  expect(beat(view, 'a')).toBe(100);
  expect(view.putNode(node('a', { beat: '1999-01-01T00:00:00Z' }), 300)).toBe('heartbeats');
  expect(beat(view, 'a')).toBe(300);
});

test('with a lease only the lease counts', () => {
  const view = createView();
  view.putNode(node('a'), 100);
  expect(view.putLease(lease('a', 't1'), 200)).toBe('heartbeats');
  expect(view.putNode(node('a', { beat: '2021-01-01T00:00:00Z' }), 300)).toBe('nothing');
  expect(view.putLease(lease('a', 't1'), 400)).toBe('nothing');
  expect(beat(view, 'a')).toBe(200);
  expect(view.putLease(lease('a', 't2'), 500)).toBe('heartbeats');
  expect(beat(view, 'a')).toBe(500);
});

test('a lease that is taken away is no sign of life', () => {
  const view = createView();
  view.putNode(node('a'), 100);
  view.putLease(lease('a', 't1'), 200);
  expect(view.removeLease('a')).toBe('nothing');
  expect(beat(view, 'a')).toBe(200);
  view.putNode(node('a', { beat: '2021-01-01T00:00:00Z' }), 300);
  expect(beat(view, 'a')).toBe(300);
});

test('a lease may come before its node, and one without a node is no heartbeat of anybody', () => {
  const view = createView();
  expect(view.replaceLeases([lease('a', 't1'), lease('ghost', 't1')], 100)).toBe('nothing');
  view.putNode(node('a'), 200);
  expect([beat(view, 'a'), beat(view, 'ghost')]).toEqual([200, undefined]);
});

test('a node that was made anew under the same name starts anew', () => {
  const view = createView();
  view.putNode(node('a', { uid: '1' }), 100);
  expect(view.putNode(node('a', { uid: '2' }), 200)).toBe('nodes');
  expect(beat(view, 'a')).toBe(200);
});

test('safety 11: restartHeartbeats makes all of them new, and the next one counts as before', () => {
  const view = createView();
  view.putNode(node('a'), 100);
  view.putNode(node('b'), 100);
  view.putLease(lease('b', 't1'), 100);
  view.restartHeartbeats(900);
  expect([beat(view, 'a'), beat(view, 'b')]).toEqual([900, 900]);
  expect(view.putLease(lease('b', 't1'), 950)).toBe('nothing');
  expect(view.putLease(lease('b', 't2'), 990)).toBe('heartbeats');
  expect(beat(view, 'b')).toBe(990);
});
