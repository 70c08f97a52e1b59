import type { Json } from '../../../runtime/record.ts';
import { ApiError } from '../api-error.ts';
import { page, questionOf } from '../paging.ts';
import { jsonList, list, optional, type Params, required, tagList } from '../params.ts';
import type { InstanceRecord } from '../records.ts';
import { unverified } from '../unverified.ts';
import type { World } from '../world.ts';
import type { Action } from './action.ts';

/** A list of instances; ids that don't exist are simply absent from it. */
export const describeInstances: Action = ({ world, params }) => {
  const now = world.clock.now();
  const matches = filterOf(params);
  const chosen = [...world.instances.values()].filter(
    (instance) => instance.visibleAt <= now && matches(instance, shownTags(instance, now)),
  );
  const { items, fields } = page(params, chosen, (instance) => instance.sequence, questionOf(params));
  return {
    body: { ...fields, Instances: { Instance: items.map((instance) => shown(world, instance)) } },
    effect: false,
  };
};

/** One instance. What does not exist is `InvalidInstanceId.NotFound`. */
export const describeInstanceAttribute: Action = ({ world, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  const attributes = Object.entries(shown(world, instance)).filter(([name]) => !onlyInLists.has(name));
  return { body: Object.fromEntries(attributes), effect: false };
};

/** What DescribeInstanceAttribute does not tell (fields of its SDK model). */
const onlyInLists = new Set([
  'Tags',
  'StartTime',
  'OSName',
  'OSType',
  'InstanceTypeFamily',
  'KeyPairName',
  'DeletionProtection',
]);

/** Id and status of instances, all or those of `InstanceId.N`. */
export const describeInstanceStatus: Action = ({ world, params }) => {
  const ids = list(params, 'InstanceId');
  const zone = optional(params, 'ZoneId');
  const chosen = [...world.instances.values()].filter(
    (instance) =>
      instance.visibleAt <= world.clock.now() &&
      (ids.length === 0 || ids.includes(instance.id)) &&
      (zone === null || instance.zone === zone),
  );
  const { items, fields } = page(params, chosen, (instance) => instance.sequence, questionOf(params));
  const statuses = items.map(({ id, status }) => ({ InstanceId: id, Status: status }));
  return {
    body: {
      TotalCount: fields.TotalCount,
      PageNumber: fields.PageNumber,
      PageSize: fields.PageSize,
      InstanceStatuses: { InstanceStatus: statuses },
    },
    effect: false,
  };
};

/** Tags as lists show them now: the old ones while the new ones spread. */
export function shownTags(instance: InstanceRecord, now: number): Readonly<Record<string, string>> {
  return instance.tagsVisibleAt <= now ? instance.tags : instance.tagsBefore;
}

/** All of the wanted tags, each with the wanted value if one was given. */
export function hasTags(
  tags: Readonly<Record<string, string>>,
  wanted: readonly { readonly key: string; readonly value: string | null }[],
): boolean {
  return wanted.every(
    ({ key, value }) => Object.hasOwn(tags, key) && (value === null || tags[key] === value),
  );
}

type Filter = (instance: InstanceRecord, tags: Readonly<Record<string, string>>) => boolean;

function filterOf(params: Params): Filter {
  const ids = jsonList(params, 'InstanceIds');
  const ips = jsonList(params, 'PrivateIpAddresses');
  if (ids === undefined || ips === undefined) throw new ApiError(unverified.malformedIds);
  const everything = ids !== null && ids.length === 0 && !unverified.emptyIdsNameNone;
  const name = optional(params, 'InstanceName');
  const tags = tagList(params);
  const equal = (parameter: string, of: (instance: InstanceRecord) => string): Filter => {
    const wanted = optional(params, parameter);
    return (instance) => wanted === null || of(instance) === wanted;
  };
  const group = optional(params, 'SecurityGroupId');
  const lock = optional(params, 'LockReason');
  const filters: readonly Filter[] = [
    (instance) => ids === null || everything || ids.includes(instance.id),
    (instance) => ips === null || ips.includes(instance.ip),
    (instance) => name === null || wildcard(name).test(instance.name),
    (instance) => group === null || instance.securityGroupIds.includes(group),
    (instance) => lock === null || instance.locks.some((reason) => reason === lock),
    (_instance, shownNow) => hasTags(shownNow, tags),
    equal('Status', (instance) => instance.status),
    equal('ZoneId', (instance) => instance.zone),
    equal('VSwitchId', (instance) => instance.vSwitchId),
    equal('InstanceType', (instance) => instance.instanceType),
    equal('ImageId', (instance) => instance.imageId),
  ];
  return (instance, shownNow) => filters.every((filter) => filter(instance, shownNow));
}

function wildcard(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  return new RegExp(`^${escaped}$`);
}

/** `2026-11-24T13:05Z`: the API tells these times to the minute. */
export function toMinute(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 16)}Z`;
}

/** `2026-11-24T13:05:07Z` */
export function toSecond(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** An instance in the form of DescribeInstances. */
function shown(world: World, instance: InstanceRecord): { readonly [key: string]: Json } {
  const type = world.catalog.instanceTypes.find((known) => known.id === instance.instanceType);
  const tags = Object.entries(shownTags(instance, world.clock.now()));
  return {
    InstanceId: instance.id,
    InstanceName: instance.name,
    Description: instance.description,
    HostName: instance.hostName,
    SerialNumber: instance.id,
    RegionId: world.region,
    ZoneId: instance.zone,
    Status: instance.status,
    StoppedMode: instance.status === 'Stopped' ? instance.stoppedMode : 'Not-applicable',
    ImageId: instance.imageId,
    InstanceType: instance.instanceType,
    InstanceTypeFamily: instance.instanceType.split('.').slice(0, 2).join('.'),
    Cpu: type?.cpu ?? 0,
    Memory: type?.memoryMiB ?? 0,
    OSType: 'linux',
    OSName: 'Alibaba Cloud Linux',
    InstanceChargeType: 'PostPaid',
    InstanceNetworkType: 'vpc',
    DeletionProtection: instance.deletionProtection,
    KeyPairName: instance.keyPairName,
    CreationTime: toMinute(instance.createdAt),
    StartTime: instance.startedAt === null ? '' : toMinute(instance.startedAt),
    ExpiredTime: '2099-12-31T15:59Z',
    SecurityGroupIds: { SecurityGroupId: instance.securityGroupIds },
    VpcAttributes: {
      VpcId: world.catalog.vpcId,
      VSwitchId: instance.vSwitchId,
      NatIpAddress: '',
      PrivateIpAddress: { IpAddress: [instance.ip] },
    },
    PublicIpAddress: { IpAddress: [] },
    InnerIpAddress: { IpAddress: [] },
    OperationLocks: { LockReason: instance.locks.map((reason) => ({ LockReason: reason })) },
    Tags: { Tag: tags.map(([key, value]) => ({ TagKey: key, TagValue: value })) },
  };
}
