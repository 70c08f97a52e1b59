import { expect, test } from '@jest/globals';
import { podName, podSchema, selectForDrain } from '../../src/kubernetes/pods.ts';

function pod(name: string, more: { metadata?: object; spec?: object; phase?: string } = {}) {
  return podSchema.parse({
    metadata: { name, namespace: 'default', uid: name, ...more.metadata },
    spec: more.spec ?? {},
    status: { phase: more.phase ?? 'Running' },
  });
}

const owner = (kind: string, apiVersion: string, controller: boolean) => ({
  metadata: { ownerReferences: [{ kind, apiVersion, controller, name: 'o', uid: 'o' }] },
});
const deleting = { metadata: { deletionTimestamp: '2020-01-01T00:00:00Z' } };
const volumes = (volume: object) => ({ spec: { volumes: [{ name: 'v', ...volume }] } });

const pods = [
  pod('plain'),
  pod('replica', owner('ReplicaSet', 'apps/v1', true)),
  pod('deleting', deleting),
  pod('claim', volumes({ persistentVolumeClaim: { claimName: 'c' } })),
  pod('ephemeral', volumes({ ephemeral: { volumeClaimTemplate: {} } })),
  pod('scratch', volumes({ emptyDir: {} })),
  pod('daemon', owner('DaemonSet', 'apps/v1', true)),
  pod('daemon-of-another-kind', owner('DaemonSet', 'example.com/v1', true)),
  pod('owned-by-daemon', owner('DaemonSet', 'apps/v1', false)),
  pod('mirror', { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }),
  pod('done', { phase: 'Succeeded' }),
  pod('failed', { phase: 'Failed' }),
  pod('pending', { phase: 'Pending' }),
];
const names = (some: readonly ReturnType<typeof pod>[]) => some.map(({ metadata }) => metadata.name);

test('a drain wants all away but DaemonSet, mirror and completed pods', () => {
  const { wanted, left } = selectForDrain(pods, false);
  expect(names(wanted)).toEqual([
    'plain',
    'replica',
    'deleting',
    'claim',
    'ephemeral',
    'scratch',
    'daemon-of-another-kind',
    'owned-by-daemon',
    'pending',
  ]);
  expect(left).toEqual(wanted);
});

test('safety 27, safety 29: on an unreachable node a pod with a volume stays, and a marked one is away', () => {
  const { wanted, left } = selectForDrain(pods, true);
  expect(names(wanted)).toEqual([
    'plain',
    'replica',
    'deleting',
    'scratch',
    'daemon-of-another-kind',
    'owned-by-daemon',
    'pending',
  ]);
  expect(names(left)).not.toContain('deleting');
  expect(left).toHaveLength(wanted.length - 1);
});

test('a pod is named as people write it', () => {
  expect(podName(pod('a'))).toBe('default/a');
});
