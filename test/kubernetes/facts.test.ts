import { expect, test } from '@jest/globals';
import { instanceIdOf, nodeFacts, nodeSchema, sameFacts } from '../../src/kubernetes/facts.ts';
import { kubernetesNames } from '../../src/kubernetes/port.ts';

test.each([
  ['192.168.0.7.i-bp67acfmxazb4ph', 'cn-hangzhou.i-bp67acfmxazb4ph', 'i-bp67acfmxazb4ph'],
  ['any-name', 'cn-hangzhou.i-bp67acfmxazb4ph', 'i-bp67acfmxazb4ph'],
  ['192.168.0.7.i-bp67acfmxazb4ph', undefined, 'i-bp67acfmxazb4ph'],
  // Another cloud's node, whose name looks like one of ours: its provider id says that it isn't.
  ['192.168.0.7.i-bp67acfmxazb4ph', 'aws:///us-east-1a/i-0abc', null],
  ['node.i-bp67', undefined, null],
  ['192.168.0.7', undefined, null],
  ['any-name', '', null],
])('safety 35: the instance of node %s with provider id %s is %s', (name, providerId, instance) => {
  expect(instanceIdOf(name, providerId)).toBe(instance);
});

function cordoned(more: { annotations?: Record<string, string>; managers?: readonly string[] }) {
  const managedFields = (more.managers ?? []).map((manager) => ({
    manager,
    fieldsV1: { 'f:spec': { 'f:unschedulable': {} } },
  }));
  return nodeSchema.parse({
    metadata: { name: 'n', annotations: more.annotations ?? {}, managedFields },
    spec: { unschedulable: true },
  });
}

const mark = { [kubernetesNames.cordoned]: 'attempt-1' };

test.each([
  ['nothing says so', {}, false],
  ['our mark, and the API keeps no owners', { annotations: mark }, true],
  ['our mark, and we own the field', { annotations: mark, managers: ['wdrip'] }, true],
  [
    'our mark was left behind, and another owns the field',
    { annotations: mark, managers: ['kubectl-cordon'] },
    false,
  ],
  ['we own the field without a mark', { managers: ['wdrip'] }, false],
])('a cordon is ours: %s → %s', (_why, more, ours) => {
  expect(nodeFacts(cordoned(more)).cordonedByWdrip).toBe(ours);
});

test.each([
  [[], 'Absent', ''],
  [[{ type: 'Ready', status: 'True', reason: 'KubeletReady' }], 'True', 'KubeletReady'],
  [[{ type: 'Ready', status: 'False', reason: 'KubeletNotReady' }], 'False', 'KubeletNotReady'],
  [[{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown' }], 'Unknown', 'NodeStatusUnknown'],
  [[{ type: 'Ready', status: 'Perhaps' }], 'Unknown', ''],
  [[{ type: 'DiskPressure', status: 'True' }], 'Absent', ''],
])('conditions %j are ready %s', (conditions, ready, reason) => {
  const facts = nodeFacts(nodeSchema.parse({ metadata: { name: 'n' }, status: { conditions } }));
  expect([facts.ready, facts.reason]).toEqual([ready, reason]);
});

test('a Node of nulls, as some API servers write them, is a Node', () => {
  const node = {
    metadata: { name: 'n', labels: null, annotations: null },
    spec: null,
    status: { conditions: null },
  };
  expect(nodeFacts(nodeSchema.parse(node))).toMatchObject({
    labels: {},
    unschedulable: false,
    ready: 'Absent',
  });
});

test('sameFacts sees each difference', () => {
  const one = nodeFacts(cordoned({ annotations: { a: '1' } }));
  expect(sameFacts(one, nodeFacts(cordoned({ annotations: { a: '1' } })))).toBe(true);
  for (const other of [
    { name: 'x' },
    { uid: 'x' },
    { instanceId: 'x' },
    { ready: 'True' as const },
    { reason: 'x' },
    { unschedulable: false },
    { cordonedByWdrip: true },
    { labels: { a: '1' } },
    { annotations: {} },
    { annotations: { b: '1' } },
  ]) {
    expect(sameFacts(one, { ...one, ...other })).toBe(false);
  }
});
