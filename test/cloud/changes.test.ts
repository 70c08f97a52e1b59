import { expect, test } from '@jest/globals';
import {
  deleteInstance,
  replaceSystemDisk,
  runInstance,
  setUserData,
  stop,
} from '../../src/cloud/changes.ts';
import type { InstanceSpec } from '../../src/cloud/port.ts';
import { Failure } from '../../src/failure.ts';
import { fakeReading } from './fake-caller.ts';

const spec: InstanceSpec = {
  zone: 'cn-test-a',
  imageId: 'm-1',
  instanceType: 'ecs.t1',
  securityGroupId: 'sg-1',
  vSwitchId: 'vsw-1',
  ramRole: 'worker',
  systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
  tags: { 'wdrip.io/cluster': 'demo', 'wdrip.io/slot': 'w-1' },
  userData: '#!/bin/sh\n',
};

const created = { instanceIdSets: { instanceIdSet: ['i-1'] } };

test('a new instance: one, by its token, with its tags, its role, and the metadata service held to tokens', async () => {
  const reading = fakeReading(() => created);
  expect(await runInstance(reading, spec, 'attempt-1')).toBe('i-1');
  expect(reading.sent).toEqual([
    {
      action: 'RunInstances',
      fields: {
        regionId: 'cn-test',
        zoneId: 'cn-test-a',
        imageId: 'm-1',
        instanceType: 'ecs.t1',
        securityGroupId: 'sg-1',
        vSwitchId: 'vsw-1',
        ramRoleName: 'worker',
        systemDisk: { category: 'cloud_essd', size: '40' },
        tag: [
          { key: 'wdrip.io/cluster', value: 'demo' },
          { key: 'wdrip.io/slot', value: 'w-1' },
        ],
        userData: Buffer.from('#!/bin/sh\n').toString('base64'),
        httpEndpoint: 'enabled',
        httpTokens: 'required',
        amount: 1,
        clientToken: 'attempt-1',
      },
    },
  ]);
});

test.each([
  {},
  { instanceIdSets: { instanceIdSet: [] } },
  { instanceIdSets: { instanceIdSet: ['i-1', 'i-2'] } },
])('an answer without exactly one new id is a failure: %j', async (body) => {
  await expect(
    runInstance(
      fakeReading(() => body),
      spec,
      'attempt-1',
    ),
  ).rejects.toMatchObject({ code: 'BadAnswer' });
});

test('user data over 16 KB, or an attempt that is no ClientToken, is our mistake: nothing is sent', async () => {
  const reading = fakeReading(() => created);
  const fits = 'ä'.repeat(8 * 1024);
  await expect(runInstance(reading, { ...spec, userData: `${fits}x` }, 'attempt-1')).rejects.toThrow(
    'the user data of a new instance has 16385 bytes, and 16384 are the limit',
  );
  await expect(setUserData(reading, 'i-1', `${fits}x`)).rejects.toThrow(
    'the user data of i-1 has 16385 bytes',
  );
  await expect(runInstance(reading, spec, 'x'.repeat(65))).rejects.toThrow('no ClientToken');
  await expect(replaceSystemDisk(reading, 'i-1', 'm-1', 'ß')).rejects.toThrow('no ClientToken');
  expect(reading.sent).toEqual([]);
  expect(await runInstance(reading, { ...spec, userData: fits }, 'x'.repeat(64))).toBe('i-1');
});

test('a stop keeps its capacity', async () => {
  const reading = fakeReading(() => ({}));
  await stop(reading, 'i-1', { force: true });
  expect(reading.sent[0]?.fields).toEqual({
    instanceId: 'i-1',
    forceStop: true,
    stoppedMode: 'KeepCharging',
  });
});

test('deleting what does not exist is no error; deleting what may not be is', async () => {
  const failing = (failure: Failure) =>
    fakeReading(() => {
      throw failure;
    });
  const gone = new Failure({ kind: 'notFound', code: 'InvalidInstanceId.NotFound', message: '' });
  await expect(deleteInstance(failing(gone), 'i-1')).resolves.toBeUndefined();
  const refused = new Failure({ kind: 'rejected', code: 'InvalidOperation.DeletionProtection', message: '' });
  await expect(deleteInstance(failing(refused), 'i-1')).rejects.toBe(refused);
});

/** An instance whose disk is d-2, and free of locks, from the given look on. */
function replacing(look: number, locked = 0) {
  return fakeReading(({ action }, count) => {
    switch (action) {
      case 'ReplaceSystemDisk':
        return { diskId: 'd-2' };
      case 'DescribeDisks':
        return { disks: { disk: count >= look ? [{ diskId: 'd-2', type: 'system' }] : [] } };
      default:
        return {
          instances: {
            instance: [
              {
                instanceId: 'i-1',
                status: 'Stopped',
                zoneId: 'z',
                imageId: 'm-1',
                instanceType: 't',
                operationLocks: { lockReason: count <= locked ? [{ lockReason: 'replacing' }] : [] },
              },
            ],
          },
        };
    }
  });
}

test('a new system disk is waited for, until it is there and the instance is free', async () => {
  const reading = replacing(3, 5);
  expect(await reading.clock.runUntil(replaceSystemDisk(reading, 'i-1', 'm-1', 'attempt-1'))).toBe('d-2');
  expect(reading.sent.filter(({ action }) => action === 'DescribeInstances')).toHaveLength(6);
  const asked = reading.sent.filter(({ action }) => action === 'ReplaceSystemDisk');
  expect(asked.map(({ fields }) => fields)).toEqual([
    { instanceId: 'i-1', imageId: 'm-1', clientToken: 'attempt-1' },
  ]);
});

test('a new system disk that never comes is a failure after its deadline', async () => {
  const reading = replacing(Number.POSITIVE_INFINITY);
  const start = reading.clock.now();
  await expect(
    reading.clock.runUntil(replaceSystemDisk(reading, 'i-1', 'm-1', 'attempt-1')),
  ).rejects.toMatchObject({ kind: 'retryable', code: 'DiskNotReplaced' });
  expect(reading.clock.now() - start).toBe(300_000);
});

test('an instance that goes while its disk is replaced is notFound', async () => {
  const reading = fakeReading(({ action }) => {
    if (action === 'ReplaceSystemDisk') return { diskId: 'd-2' };
    if (action === 'DescribeDisks') return { disks: { disk: [] } };
    if (action === 'DescribeInstances') return { instances: { instance: [] } };
    throw new Failure({ kind: 'notFound', code: 'InvalidInstanceId.NotFound', message: '' });
  });
  await expect(replaceSystemDisk(reading, 'i-1', 'm-1', 'attempt-1')).rejects.toMatchObject({
    kind: 'notFound',
  });
});
