import * as Ecs from '@alicloud/ecs20140526';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { order } from './kit.ts';
import { ecsClient, servedCloud, until } from './served.ts';

let served: Awaited<ReturnType<typeof servedCloud>>;
beforeAll(async () => {
  served = await servedCloud();
});
afterAll(() => served.close());

function orderOf(changes: ConstructorParameters<typeof Ecs.RunInstancesRequest>[0] = {}) {
  const { ImageId, InstanceType, VSwitchId, SecurityGroupId } = order(served.cloud);
  return new Ecs.RunInstancesRequest({
    regionId: 'cn-hangzhou',
    imageId: ImageId,
    instanceType: InstanceType,
    vSwitchId: VSwitchId,
    securityGroupId: SecurityGroupId,
    systemDisk: new Ecs.RunInstancesRequestSystemDisk({ category: 'cloud_essd', size: '60' }),
    ...changes,
  });
}

async function running(changes: Parameters<typeof orderOf>[0] = {}): Promise<string> {
  const { body } = await ecsClient(served.servers).runInstances(orderOf(changes));
  const [id = ''] = body?.instanceIdSets?.instanceIdSet ?? [];
  await waitFor(id, 'Running');
  return id;
}

async function describe(id: string) {
  const { body } = await ecsClient(served.servers).describeInstances(
    new Ecs.DescribeInstancesRequest({ regionId: 'cn-hangzhou', instanceIds: JSON.stringify([id]) }),
  );
  return body?.instances?.instance?.[0];
}

const waitFor = (id: string, status: string) =>
  until(
    () => describe(id),
    (instance) => instance?.status === status,
  );

test('an instance through the official client: created, found by its tags, stopped, reset, started, deleted', async () => {
  const ecs = ecsClient(served.servers);
  const userData = Buffer.from('#!/bin/sh\necho first\n').toString('base64');
  const id = await running({
    userData,
    clientToken: 'attempt-1',
    tag: [
      new Ecs.RunInstancesRequestTag({ key: 'wdrip.io/cluster', value: "it's (a) *test* ~中" }),
      new Ecs.RunInstancesRequestTag({ key: 'wdrip.io/role', value: 'worker' }),
    ],
  });
  const found = await ecs.describeInstances(
    new Ecs.DescribeInstancesRequest({
      regionId: 'cn-hangzhou',
      maxResults: 100,
      tag: [new Ecs.DescribeInstancesRequestTag({ key: 'wdrip.io/cluster', value: "it's (a) *test* ~中" })],
    }),
  );
  const [instance] = found.body?.instances?.instance ?? [];
  expect(instance?.instanceId).toBe(id);
  expect(instance?.tags?.tag?.map((tag) => [tag.tagKey, tag.tagValue])).toContainEqual([
    'wdrip.io/role',
    'worker',
  ]);
  expect(instance?.vpcAttributes?.privateIpAddress?.ipAddress).toEqual([
    expect.stringMatching(/^127\.0\.2\.\d+$/),
  ]);
  expect(instance?.startTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/);
  expect(instance?.operationLocks?.lockReason).toEqual([]);
  expect(served.host.instances.get(id)?.ran).toEqual(['#!/bin/sh\necho first\n']);

  await ecs.stopInstance(new Ecs.StopInstanceRequest({ instanceId: id, stoppedMode: 'KeepCharging' }));
  await waitFor(id, 'Stopped');
  await ecs.modifyInstanceAttribute(
    new Ecs.ModifyInstanceAttributeRequest({
      instanceId: id,
      userData: Buffer.from('#!/bin/sh\necho second\n').toString('base64'),
    }),
  );
  const replaced = await ecs.replaceSystemDisk(
    new Ecs.ReplaceSystemDiskRequest({
      instanceId: id,
      imageId: served.cloud.catalog.imageIds[1],
      clientToken: 'attempt-2',
    }),
  );
  const disks = () =>
    ecs.describeDisks(new Ecs.DescribeDisksRequest({ regionId: 'cn-hangzhou', instanceId: id }));
  const { body } = await until(disks, (answer) => answer.body?.disks?.disk?.[0]?.status === 'In_use');
  expect(body?.disks?.disk?.[0]?.diskId).toBe(replaced.body?.diskId);
  expect((await describe(id))?.imageId).toBe(served.cloud.catalog.imageIds[1]);
  await ecs.startInstance(new Ecs.StartInstanceRequest({ instanceId: id }));
  await waitFor(id, 'Running');
  expect(served.host.instances.get(id)?.ran).toEqual(['#!/bin/sh\necho first\n', '#!/bin/sh\necho second\n']);

  await ecs.deleteInstance(new Ecs.DeleteInstanceRequest({ instanceId: id, force: true }));
  await until(
    () => describe(id),
    (gone) => gone === undefined,
  );
  await expect(
    ecs.describeInstanceAttribute(new Ecs.DescribeInstanceAttributeRequest({ instanceId: id })),
  ).rejects.toMatchObject({ code: 'InvalidInstanceId.NotFound', statusCode: 404 });
});

test('a command through the official client, and one to an agent that is dead', async () => {
  const ecs = ecsClient(served.servers);
  const id = await running();
  const result = async (script: string) => {
    const { body } = await ecs.runCommand(
      new Ecs.RunCommandRequest({
        regionId: 'cn-hangzhou',
        type: 'RunShellScript',
        commandContent: Buffer.from(script).toString('base64'),
        contentEncoding: 'Base64',
        instanceId: [id],
        timeout: 60,
      }),
    );
    const ask = () =>
      ecs.describeInvocationResults(
        new Ecs.DescribeInvocationResultsRequest({ regionId: 'cn-hangzhou', invokeId: body?.invokeId }),
      );
    const answer = await until(
      ask,
      ({ body: results }) =>
        results?.invocation?.invocationResults?.invocationResult?.[0]?.invokeRecordStatus !== 'Running',
    );
    return answer.body?.invocation?.invocationResults?.invocationResult?.[0];
  };
  const good = await result('systemctl restart kubelet\n');
  expect(good).toMatchObject({ invocationStatus: 'Success', exitCode: 0, errorCode: '' });
  expect(Buffer.from(good?.output ?? '', 'base64').toString()).toBe('ok\n');
  expect(served.host.scripts).toContain(`${id}: systemctl restart kubelet\n`);

  const hosted = served.host.instances.get(id);
  if (hosted !== undefined) hosted.agent = false;
  const silent = await result('true');
  expect(silent).toMatchObject({ invocationStatus: 'Aborted', errorCode: 'ClientNotRunning' });
  expect(silent?.exitCode).toBeUndefined();
});
