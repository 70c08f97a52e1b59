import { describe, expect, test } from '@jest/globals';
import { createActor } from 'xstate';
import { type NodeContext, nodeMachine } from '../../machines/node.ts';
import { explanation, nodesTable } from '../../src/cli/nodes.ts';
import { span } from '../../src/cli/table.ts';
import { reportNode } from '../../src/supervisor/explain.ts';

const now = 1_000_000;
const input = {
  slot: 'workers-0',
  pool: 'workers',
  zone: 'a',
  role: 'worker',
  nodeName: '10.0.0.1.i-1',
  instanceId: 'i-1',
  policy: {},
} as const;
const context = createActor(nodeMachine, { input }).getSnapshot().context;

function report(
  state: string,
  over: Partial<NodeContext>,
  deadlines = {},
  waiting: Parameters<typeof reportNode>[1] = null,
) {
  const record = {
    id: 'node/workers-0',
    machine: 'node',
    version: 1,
    sequence: 3,
    since: now - 65_000,
    deadlines,
    effects: [],
    snapshot: { value: state, context: {}, status: 'active' as const },
  };
  return reportNode({ record, state, context: { ...context, ...over } }, waiting, null);
}

/** As the interface carries it, where what is read only is not said. */
const sent = (of: ReturnType<typeof report>): Parameters<typeof explanation>[0] =>
  JSON.parse(JSON.stringify(of));

describe('explaining a node', () => {
  test('one that is suspect: why, since when, and what comes next', () => {
    const due = { 'xstate.after.suspicion.node.suspect': now + 5_000 };
    const text = explanation(sent(report('suspect', { reason: 'NodeStatusUnknown' }, due)), now);
    expect(text).toMatch(
      /^10\.0\.0\.1\.i-1 is suspect since 1m5s\n {2}why: {7}NotReady \(NodeStatusUnknown\), perhaps only/,
    );
    expect(text).toMatch(/next: {6}in 5s: the repair begins, if the node is still NotReady/);
  });

  test('one that waits for a permit: which rule holds it', () => {
    const request = { slot: 'workers-0', pool: 'workers', role: 'worker', rung: 'rebooting' } as const;
    const waiting = {
      request,
      rule: 'budget',
      why: '1 of at most 1 nodes are under repair',
      since: now - 3_000,
    } as const;
    const text = explanation(sent(report('repairing.rebooting.admitting', { tried: 1 }, {}, waiting)), now);
    expect(text).toMatch(/held by: {3}the rule budget, since 3s: 1 of at most 1 nodes/);
    expect(text).toMatch(/climbed: {3}to restartingKubelet/);
    expect(text).toMatch(/it goes on as soon as the rule no longer holds/);
  });

  test.each([
    'unknown',
    'joining',
    'healthy',
    'suspect',
    'blind',
    'awaitingCloud',
    'recovering.clearing',
    'settling',
    'throttled',
    'held',
    'retired',
    'repairing.resetting.acting',
    'repairing.resetting.draining',
    'repairing.resetting.awaitingReady',
  ])('in the state %s there is a reason to give', (state) => {
    expect(report(state, { reason: 'X' }).why).toMatch(/^\S.{3,}[^.]$/);
  });

  test('the table has a line for each node', () => {
    const lines = nodesTable([sent(report('healthy', { ready: true }))], now, false).split('\n');
    expect(lines).toEqual([
      'NODE          STATE    RUNG  SINCE  NEXT  WHY',
      '10.0.0.1.i-1  healthy  -     1m5s   -     Ready',
    ]);
  });

  test.each([
    [0, '0ms'],
    [850, '850ms'],
    [42_000, '42s'],
    [200_000, '3m20s'],
    [3_600_000, '1h'],
    [18_720_000, '5h12m'],
    [273_600_000, '3d4h'],
    [-2_000, '-2s'],
  ])('%i ms are %s', (ms, text) => {
    expect(span(ms)).toBe(text);
  });
});
