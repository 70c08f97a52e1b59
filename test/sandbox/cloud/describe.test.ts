import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { z } from 'zod';
import { ApiError } from '../../../src/sandbox/cloud/api-error.ts';
import { exactTimings, order, runInstances, type TestCloud, testCloud } from './kit.ts';

let t: TestCloud;
beforeEach(async () => {
  t = await testCloud();
});
afterEach(() => t.close());

const listSchema = z.object({
  NextToken: z.string(),
  TotalCount: z.number(),
  PageSize: z.number(),
  Instances: z.object({ Instance: z.array(z.object({ InstanceId: z.string(), Status: z.string() })) }),
});
async function describe(params: Record<string, string> = {}) {
  const { Instances, ...fields } = listSchema.parse(await t.cloud.call('DescribeInstances', params));
  return { ...fields, ids: Instances.Instance.map((instance) => instance.InstanceId) };
}
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'OK',
    (caught: unknown) => (caught instanceof ApiError ? caught.code : String(caught)),
  );

test('pages by token hold every instance once, also when some come and go between them', async () => {
  const ids = await runInstances(t.cloud, { Amount: '45' });
  const seen: string[] = [];
  let page = await describe({ MaxResults: '1' });
  expect(page).toMatchObject({ PageSize: 10, TotalCount: 45 });
  seen.push(...page.ids);
  t.cloud.world.remove(ids[3] ?? '');
  const [late] = await runInstances(t.cloud);
  while (page.NextToken !== '') {
    page = await describe({ MaxResults: '10', NextToken: page.NextToken });
    seen.push(...page.ids);
  }
  expect(seen).toEqual([...ids, late]);
  expect((await describe({ MaxResults: '500' })).PageSize).toBe(100);
});

test('a token holds for its own question only', async () => {
  await runInstances(t.cloud, { Amount: '20' });
  const { NextToken } = await describe({ MaxResults: '10' });
  expect(await codeOf(describe({ MaxResults: '10', NextToken, Status: 'Pending' }))).toBe('InvalidParameter');
  expect(await codeOf(describe({ NextToken: 'nonsense' }))).toBe('InvalidParameter');
});

test('pages by number, ten by default', async () => {
  const ids = await runInstances(t.cloud, { Amount: '25' });
  expect((await describe()).ids).toEqual(ids.slice(0, 10));
  expect((await describe({ PageNumber: '3' })).ids).toEqual(ids.slice(20));
  expect((await describe({ PageNumber: '2', PageSize: '20' })).ids).toEqual(ids.slice(20));
});

test('filters by id, tag, status and zone; an unknown id is simply absent', async () => {
  const tag = (key: string, value: string, n = 1) => ({ [`Tag.${n}.Key`]: key, [`Tag.${n}.Value`]: value });
  const [a = ''] = await runInstances(t.cloud, { ...tag('cluster', 'one'), ...tag('pool', 'x', 2) });
  await t.clock.pass(13_000);
  const [, second] = t.cloud.catalog.vSwitches;
  const [b = ''] = await runInstances(t.cloud, { ...tag('cluster', 'one'), VSwitchId: second?.id ?? '' });
  const [c = ''] = await runInstances(t.cloud, tag('cluster', 'two'));
  expect((await describe({ InstanceIds: JSON.stringify([a, 'i-none']) })).ids).toEqual([a]);
  expect((await describe({ InstanceIds: '[]' })).ids).toEqual([]);
  expect((await describe(tag('cluster', 'one'))).ids).toEqual([a, b]);
  expect((await describe({ ...tag('cluster', 'one'), ...tag('pool', 'x', 2) })).ids).toEqual([a]);
  expect((await describe({ 'Tag.1.Key': 'cluster' })).ids).toEqual([a, b, c]);
  expect((await describe({ Status: 'Pending' })).ids).toEqual([b, c]);
  expect((await describe({ ZoneId: second?.zone ?? '' })).ids).toEqual([b]);
  expect(await codeOf(describe({ InstanceIds: a }))).toBe('InvalidInstanceIds.Malformed');
});

test('safety 23: a new instance and its tags are not in the lists at once', async () => {
  await t.close();
  t = await testCloud({ timings: { ...exactTimings, invisibleMs: 500, tagsInvisibleMs: 700 } });
  const tags = { 'Tag.1.Key': 'cluster', 'Tag.1.Value': 'one' };
  const [id = ''] = await runInstances(t.cloud, tags);
  expect((await describe({ InstanceIds: JSON.stringify([id]) })).ids).toEqual([]);
  await t.clock.pass(500);
  expect((await describe({ InstanceIds: JSON.stringify([id]) })).ids).toEqual([id]);
  expect((await describe(tags)).ids).toEqual([]);
  await t.clock.pass(700);
  expect((await describe(tags)).ids).toEqual([id]);
});

test('tags are set, listed and taken off; the limits hold', async () => {
  const [id = ''] = await runInstances(t.cloud, { 'Tag.1.Key': 'a', 'Tag.1.Value': '1' });
  const resource = { ResourceType: 'instance', 'ResourceId.1': id };
  await t.cloud.call('TagResources', { ...resource, 'Tag.1.Key': 'b', 'Tag.1.Value': '2' });
  const listed = async () => JSON.stringify(await t.cloud.call('ListTagResources', resource));
  expect(await listed()).toContain('"TagKey":"b","TagValue":"2"');
  await t.cloud.call('UntagResources', { ...resource, 'TagKey.1': 'b' });
  expect(t.cloud.world.instance(id).tags).toEqual({ a: '1' });
  await t.cloud.call('UntagResources', { ...resource, All: 'true' });
  expect(t.cloud.world.instance(id).tags).toEqual({});
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`Tag.${n + 1}.Key`, `k${n}`]));
  expect(await codeOf(t.cloud.call('TagResources', { ...resource, ...many }))).toBe('NumberExceed.Tags');
  expect(
    await codeOf(t.cloud.call('TagResources', { ...resource, 'ResourceId.1': 'i-none', 'Tag.1.Key': 'k' })),
  ).toBe('InvalidResourceId.NotFound');
});

const orders: readonly [string, Record<string, string>, string][] = [
  ['no image', { ImageId: '' }, 'MissingParameter'],
  ['an unknown image', { ImageId: 'none' }, 'InvalidImageId.NotFound'],
  ['an unknown type', { InstanceType: 'ecs.none' }, 'InvalidInstanceType.ValueNotSupported'],
  ['an unknown vSwitch', { VSwitchId: 'vsw-none' }, 'InvalidVSwitchId.NotFound'],
  ['an unknown security group', { SecurityGroupId: 'sg-none' }, 'InvalidSecurityGroupId.NotFound'],
  ['an unknown role', { RamRoleName: 'none' }, 'InvalidRamRole.NotFound'],
  ['user data that is not base64', { UserData: '#!/bin/sh' }, 'InvalidUserData.Base64FormatInvalid'],
  [
    'user data of more than 32 KB',
    { UserData: Buffer.alloc(32 * 1024 + 1).toString('base64') },
    'InvalidUserData.SizeExceeded',
  ],
  ['a tag twice', { 'Tag.1.Key': 'k', 'Tag.2.Key': 'k' }, 'Duplicate.TagKey'],
  ['too many', { Amount: '101' }, 'InvalidParameter'],
  ['a dry run', { DryRun: 'true' }, 'DryRunOperation'],
  ['another region', { RegionId: 'cn-beijing' }, 'InvalidRegionId.NotFound'],
  ['a ClientToken of 65 characters', { ClientToken: 'x'.repeat(65) }, 'InvalidParameter'],
];
test.each(orders)('an order with %s is refused, and nothing is made', async (_what, changes, code) => {
  expect(await codeOf(t.cloud.call('RunInstances', order(t.cloud, changes)))).toBe(code);
  expect(t.cloud.instances()).toEqual([]);
});

test('safety 20: the same ClientToken makes one instance, however often it is used', async () => {
  const token = { ClientToken: 'attempt-1' };
  const first = await runInstances(t.cloud, token);
  expect(await runInstances(t.cloud, token)).toEqual(first);
  expect(await codeOf(runInstances(t.cloud, { ...token, Amount: '2' }))).toBe('IdempotentParameterMismatch');
  expect(t.cloud.instances()).toHaveLength(1);
  const second = await runInstances(t.cloud, { ClientToken: 'attempt-2' });
  expect(second).not.toEqual(first);
});

test('a ClientToken whose first call was refused is free again', async () => {
  const [type] = t.cloud.catalog.instanceTypes;
  const [zone = ''] = t.cloud.catalog.zones;
  t.cloud.setStock(zone, type?.id ?? '', 'now');
  expect(await codeOf(runInstances(t.cloud, { ClientToken: 'a' }))).toBe('OperationDenied.NoStock');
  t.cloud.setStock(zone, type?.id ?? '', null);
  expect(await runInstances(t.cloud, { ClientToken: 'a' })).toHaveLength(1);
});

test('a new disk with the same ClientToken is one disk, also when the second try comes late', async () => {
  const [id = ''] = await runInstances(t.cloud);
  await t.clock.pass(13_000);
  await t.cloud.call('StopInstance', { InstanceId: id });
  await t.clock.pass(5_000);
  const params = { InstanceId: id, ClientToken: 'disk-1' };
  const first = await t.cloud.call('ReplaceSystemDisk', params);
  await t.clock.pass(30_000);
  await t.cloud.call('StartInstance', { InstanceId: id });
  await t.clock.pass(10_000);
  expect(await t.cloud.call('ReplaceSystemDisk', params)).toEqual(first);
  expect(t.status(id)).toBe('Running');
});
