import { expect, test } from '@jest/globals';
import { executingSystemEvents, findInstance, listInstances } from '../../src/cloud/instances.ts';
import { Failure } from '../../src/failure.ts';
import { fakeReading } from './fake-caller.ts';

const notFound = new Failure({ kind: 'notFound', code: 'InvalidInstanceId.NotFound', message: 'none' });
const noAnswer = new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'time-out' });

/** An instance as DescribeInstances tells of it. */
function told(id: string, more: object = {}) {
  return {
    instanceId: id,
    status: 'Running',
    zoneId: 'cn-test-a',
    imageId: 'm-1',
    instanceType: 'ecs.t1',
    startTime: '2026-11-24T13:05Z',
    vpcAttributes: { privateIpAddress: { ipAddress: ['10.0.0.1'] } },
    tags: { tag: [{ tagKey: 'wdrip.io/cluster', tagValue: 'demo' }] },
    operationLocks: { lockReason: [] },
    ...more,
  };
}

function page(instances: readonly object[], nextToken?: string) {
  return { instances: { instance: instances }, nextToken };
}

test('an instance in our words', async () => {
  const reading = fakeReading(() =>
    page([told('i-1', { operationLocks: { lockReason: [{ lockReason: 'security' }] } })]),
  );
  const { instances, askedAt } = await listInstances(reading, 'demo');
  expect(askedAt).toBe(reading.clock.now());
  expect(instances).toEqual([
    {
      id: 'i-1',
      status: 'Running',
      zone: 'cn-test-a',
      privateIp: '10.0.0.1',
      tags: { 'wdrip.io/cluster': 'demo' },
      locks: ['security'],
      startedAt: '2026-11-24T13:05Z',
      systemDiskId: null,
      imageId: 'm-1',
      instanceType: 'ecs.t1',
    },
  ]);
});

test('a new instance has no address, start or locks yet', async () => {
  const fresh = told('i-1', {
    status: 'Pending',
    startTime: undefined,
    vpcAttributes: undefined,
    operationLocks: undefined,
  });
  const { instances } = await listInstances(
    fakeReading(() => page([fresh])),
    'demo',
  );
  expect(instances[0]).toMatchObject({ status: 'Pending', privateIp: null, startedAt: '', locks: [] });
});

test('pages are read to the end, and an instance that comes twice counts once, as it was last', async () => {
  const reading = fakeReading((_, count) =>
    count === 1
      ? page([told('i-1'), told('i-2')], 'more')
      : count === 2
        ? page([told('i-2', { status: 'Stopping' }), told('i-3')], 'last')
        : page([], ''),
  );
  const { instances } = await listInstances(reading, 'demo');
  expect(instances.map(({ id, status }) => [id, status])).toEqual([
    ['i-1', 'Running'],
    ['i-2', 'Stopping'],
    ['i-3', 'Running'],
  ]);
  expect(reading.sent.map(({ fields }) => fields.nextToken)).toEqual([undefined, 'more', 'last']);
  expect(reading.sent[0]?.fields).toMatchObject({ regionId: 'cn-test', maxResults: 100 });
});

test('safety 3: a page that fails fails the whole list', async () => {
  const reading = fakeReading((_, count) => {
    if (count === 2) throw noAnswer;
    return page([told('i-1')], 'more');
  });
  await expect(listInstances(reading, 'demo')).rejects.toBe(noAnswer);
});

test.each([
  ['without a list', {}],
  ['with null for a list', { instances: null }],
  ['with a list of nothing known', { instances: { instance: [{ id: 'i-1' }] } }],
  ['with one instance of an unknown state', page([told('i-1'), told('i-2', { status: 'Evaporated' })])],
  ['without a body', undefined],
])('safety 3: an answer %s is a failure, not an empty or short list', async (_, body) => {
  await expect(
    listInstances(
      fakeReading(() => body),
      'demo',
    ),
  ).rejects.toMatchObject({ code: 'BadAnswer' });
});

test('safety 3: a list without an end is a failure', async () => {
  const reading = fakeReading((_, count) => page([told(`i-${count}`)], 'more'));
  await expect(listInstances(reading, 'demo')).rejects.toMatchObject({ code: 'EndlessList' });
  expect(reading.sent).toHaveLength(100);
});

test("an instance without the cluster's tag is none of ours, whatever was asked", async () => {
  const other = { tag: [{ tagKey: 'wdrip.io/cluster', tagValue: 'other' }] };
  const reading = fakeReading(() =>
    page([told('i-1'), told('i-2', { tags: other }), told('i-3', { tags: undefined })]),
  );
  expect((await listInstances(reading, 'demo')).instances.map(({ id }) => id)).toEqual(['i-1']);
});

test('one instance is found with its system disk', async () => {
  const reading = fakeReading(({ action }) =>
    action === 'DescribeDisks'
      ? {
          disks: {
            disk: [
              { diskId: 'd-data', type: 'data' },
              { diskId: 'd-1', type: 'system' },
            ],
          },
        }
      : page([told('i-1')]),
  );
  expect(await findInstance(reading, 'i-1')).toMatchObject({ id: 'i-1', systemDiskId: 'd-1' });
  expect(reading.sent.map(({ action }) => action).sort()).toEqual(['DescribeDisks', 'DescribeInstances']);
});

test('safety 3: only the NotFound of the single query says that an instance is gone', async () => {
  const reading = fakeReading(({ action }) => {
    if (action === 'DescribeInstanceAttribute') throw notFound;
    return action === 'DescribeDisks' ? { disks: { disk: [] } } : page([]);
  });
  expect(await findInstance(reading, 'i-1')).toBeNull();
});

test('safety 3: an instance that is missing from a list, and of which the single query fails, is not gone', async () => {
  const reading = fakeReading(({ action }) => {
    if (action === 'DescribeInstanceAttribute') throw noAnswer;
    return action === 'DescribeDisks' ? { disks: { disk: [] } } : page([]);
  });
  await expect(findInstance(reading, 'i-1')).rejects.toBe(noAnswer);
});

test('a new instance that is not listed yet is waited for, within a bound', async () => {
  const listedAt = (look: number) =>
    fakeReading(({ action }, count) => {
      if (action === 'DescribeInstanceAttribute') return { instanceId: 'i-1' };
      if (action === 'DescribeDisks') return { disks: { disk: [{ diskId: 'd-1', type: 'system' }] } };
      return page(count >= look ? [told('i-1')] : []);
    });
  const soon = listedAt(4);
  expect(await soon.clock.runUntil(findInstance(soon, 'i-1'))).toMatchObject({ id: 'i-1' });
  const never = listedAt(1_000);
  const start = never.clock.now();
  await expect(never.clock.runUntil(findInstance(never, 'i-1'))).rejects.toMatchObject({
    kind: 'retryable',
    code: 'NotListed',
  });
  expect(never.clock.now() - start).toBe(10_000);
});

test('a disk query that finds no instance is not proof either', async () => {
  const reading = fakeReading(({ action }) => {
    if (action === 'DescribeDisks') throw notFound;
    return page([told('i-1')]);
  });
  expect(await findInstance(reading, 'i-1')).toMatchObject({ id: 'i-1', systemDiskId: null });
});

test('executing system events are asked for as such, and only the asked instances counted', async () => {
  const event = (instanceId: string, name: string, status: string) => ({
    instanceId,
    eventType: { name },
    eventCycleStatus: { name: status },
  });
  const reading = fakeReading((_, count) => ({
    instanceSystemEventSet: {
      instanceSystemEventType:
        count === 1
          ? [
              event('i-1', 'SystemFailure.Reboot', 'Executing'),
              event('i-9', 'SystemFailure.Reboot', 'Executing'),
            ]
          : [
              event('i-2', 'SystemFailure.Redeploy', 'Executing'),
              event('i-3', 'SystemFailure.Reboot', 'Executed'),
              event('i-4', 'SystemMaintenance.Reboot', 'Executing'),
            ],
    },
    nextToken: count === 1 ? 'more' : '',
  }));
  const executing = await executingSystemEvents(reading, ['i-1', 'i-2', 'i-3', 'i-4']);
  expect([...executing]).toEqual(['i-1', 'i-2']);
  expect(reading.sent[0]?.fields).toMatchObject({ instanceEventCycleStatus: ['Executing'] });
  expect(reading.sent[0]?.fields.instanceEventType).toContain('SystemFailure.Reboot');
});

test('without an instance nothing is asked', async () => {
  const reading = fakeReading(() => undefined);
  expect([...(await executingSystemEvents(reading, []))]).toEqual([]);
  expect(reading.sent).toEqual([]);
});
