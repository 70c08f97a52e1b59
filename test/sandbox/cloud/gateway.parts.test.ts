import * as Ecs from '@alicloud/ecs20140526';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { order, runInstances } from './kit.ts';
import { ecsClient, servedCloud, until } from './served.ts';

let served: Awaited<ReturnType<typeof servedCloud>>;
beforeEach(async () => {
  served = await servedCloud();
});
afterEach(() => served.close());

async function running(): Promise<string> {
  const [id = ''] = await runInstances(served.cloud);
  await until(
    async () => served.cloud.world.instances.get(id)?.status,
    (status) => status === 'Running',
  );
  return id;
}
function create(clientToken: string, timeoutMs = 10_000) {
  const { ImageId, InstanceType, VSwitchId, SecurityGroupId } = order(served.cloud);
  return ecsClient(served.servers, { timeoutMs }).runInstances(
    new Ecs.RunInstancesRequest({
      regionId: 'cn-hangzhou',
      imageId: ImageId,
      instanceType: InstanceType,
      vSwitchId: VSwitchId,
      securityGroupId: SecurityGroupId,
      clientToken,
    }),
  );
}
const control = (method: string, path: string, body?: object, token = served.servers.adminToken) =>
  fetch(`http://${served.servers.ecsEndpoint}/_sandbox/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const callsSchema = z.array(
  z.object({
    at: z.number(),
    action: z.string(),
    parameters: z.record(z.string(), z.string()),
    code: z.string(),
    effect: z.boolean(),
  }),
);
const calls = async () => callsSchema.parse(await (await control('GET', 'calls')).json());

const afterEffect: readonly [string, object, object][] = [
  [
    'a 500',
    { kind: 'error', status: 500, code: 'InternalError' },
    { code: 'InternalError', statusCode: 500 },
  ],
  ['a reset connection', { kind: 'reset' }, { code: 'ECONNRESET' }],
  ['no answer', { kind: 'noAnswer' }, { name: 'RequestTimeoutError' }],
  ['a 502 with a page', { kind: 'html' }, { name: 'SyntaxError' }],
];
test.each(afterEffect)(
  'safety 20: %s after the effect: the same ClientToken finds what was made',
  async (_what, answer, error) => {
    await control('POST', 'faults', { action: 'RunInstances', afterEffect: true, count: 1, answer });
    await expect(create('attempt-1', 500)).rejects.toMatchObject(error);
    expect(served.cloud.instances()).toHaveLength(1);
    const { body } = await create('attempt-1');
    expect(body?.instanceIdSets?.instanceIdSet).toEqual([served.cloud.instances()[0]?.id]);
    expect(served.cloud.instances()).toHaveLength(1);
    expect((await calls()).map((call) => [call.action, call.effect])).toEqual([
      ['RunInstances', true],
      ['RunInstances', false],
    ]);
  },
);

test('a fault before the effect leaves none, hits one instance only, and as often as it was told', async () => {
  const [one, other] = [await running(), await running()];
  await control('POST', 'faults', {
    action: 'RebootInstance',
    instanceId: one,
    count: 2,
    answer: { kind: 'error', status: 503, code: 'ServiceUnavailable' },
  });
  const reboot = (instanceId: string) =>
    ecsClient(served.servers)
      .rebootInstance(new Ecs.RebootInstanceRequest({ instanceId }))
      .then(
        () => 'OK',
        (caught: { code: string }) => caught.code,
      );
  expect(await reboot(other)).toBe('OK');
  expect([await reboot(one), await reboot(one), await reboot(one)]).toEqual([
    'ServiceUnavailable',
    'ServiceUnavailable',
    'OK',
  ]);
  const told = await calls();
  expect(told.map((call) => [call.parameters.InstanceId, call.code, call.effect])).toEqual([
    [other, 'OK', true],
    [one, 'ServiceUnavailable', false],
    [one, 'ServiceUnavailable', false],
    [one, 'OK', true],
  ]);
});

test('faults are listed and taken away; a wrong one is refused', async () => {
  const added = await control('POST', 'faults', { action: '*', answer: { kind: 'reset' } });
  const { id } = z.object({ id: z.string() }).parse(await added.json());
  await expect(create('x')).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(await (await control('GET', 'faults')).json()).toMatchObject([{ id, hits: 1 }]);
  expect((await control('DELETE', `faults/${id}`)).status).toBe(200);
  expect((await control('DELETE', `faults/${id}`)).status).toBe(404);
  await create('x');
  const wrong = await control('POST', 'faults', { action: '*', answer: { kind: 'explode' } });
  expect(wrong.status).toBe(400);
  expect((await control('POST', 'nowhere')).status).toBe(404);
});

test('the control interface wants the admin token', async () => {
  for (const token of ['', 'wrong', served.servers.accessKeySecret])
    expect((await control('GET', 'calls', undefined, token)).status).toBe(401);
});

test('throttling refuses what is over the quota of an action, and says until when', async () => {
  await control('POST', 'quotas', { byAction: { DescribeInstances: { calls: 2, windowMs: 3_600_000 } } });
  const ask = () =>
    ecsClient(served.servers).describeInstances(
      new Ecs.DescribeInstancesRequest({ regionId: 'cn-hangzhou' }),
    );
  await ask();
  await ask();
  await expect(ask()).rejects.toMatchObject({ name: 'ThrottlingError', code: 'Throttling.User' });
  await ecsClient(served.servers).describeZones(new Ecs.DescribeZonesRequest({ regionId: 'cn-hangzhou' }));
  expect((await calls()).map((call) => call.code)).toEqual(['OK', 'OK', 'Throttling.User', 'OK']);
});

test('instances, their history and conditions through the control interface', async () => {
  const id = await running();
  await control('POST', `instances/${id}/condition`, { locks: ['security'] });
  expect(await (await control('GET', 'instances')).json()).toMatchObject([
    { id, status: 'Running', locks: ['security'], bootCount: 1, ip: '127.0.2.1' },
  ]);
  await control('POST', `instances/${id}/condition`, { locks: [], unbootable: true, now: true });
  expect(await (await control('GET', 'instances')).json()).toMatchObject([
    { status: 'Running', booted: false },
  ]);
  await control('POST', 'events', { instanceId: id, type: 'SystemFailure.Reboot', forMs: 50 });
  expect(served.cloud.world.events.size).toBe(1);
  expect((await control('POST', 'instances/i-none/condition', { hung: true })).status).toBe(404);
  const history = z
    .array(z.object({ from: z.string().nullable(), to: z.string() }))
    .parse(await (await control('GET', 'history')).json());
  expect(history.slice(0, 3)).toMatchObject([
    { from: null, to: 'Pending' },
    { from: 'Pending', to: 'Starting' },
    { from: 'Starting', to: 'Running' },
  ]);
});

test('user data of 32 KB goes through the URL', async () => {
  const { ImageId, InstanceType, VSwitchId, SecurityGroupId } = order(served.cloud);
  const userData = Buffer.alloc(32 * 1024, 'x').toString('base64');
  const { body } = await ecsClient(served.servers).runInstances(
    new Ecs.RunInstancesRequest({
      regionId: 'cn-hangzhou',
      imageId: ImageId,
      instanceType: InstanceType,
      vSwitchId: VSwitchId,
      securityGroupId: SecurityGroupId,
      userData,
    }),
  );
  const [instanceId] = body?.instanceIdSets?.instanceIdSet ?? [];
  const told = await ecsClient(served.servers).describeUserData(
    new Ecs.DescribeUserDataRequest({ regionId: 'cn-hangzhou', instanceId }),
  );
  expect(told.body?.userData).toBe(userData);
  expect(JSON.stringify(await calls())).not.toContain(userData.slice(0, 100));
});

test('an answer that comes too late was given after the effect, if the fault says so', async () => {
  for (const afterEffect of [true, false]) {
    const answer = { kind: 'delay', ms: 1_500 };
    await control('POST', 'faults', { action: 'RunInstances', afterEffect, count: 1, answer });
    const before = served.cloud.instances().length;
    await expect(create(`late-${afterEffect}`, 300)).rejects.toMatchObject({ name: 'RequestTimeoutError' });
    expect(served.cloud.instances().length - before).toBe(afterEffect ? 1 : 0);
    await until(calls, (told) => told.length === (afterEffect ? 1 : 2));
    expect(served.cloud.instances().length - before).toBe(1);
  }
});
