import { isIPv4 } from 'node:net';
import { ApiError, invalidParameter } from '../api-error.ts';
import { flag, integer, list, optional, type Params, required } from '../params.ts';
import type { InstanceRecord } from '../records.ts';
import { unverified } from '../unverified.ts';
import type { World } from '../world.ts';
import type { Action } from './action.ts';
import { noStock } from './power.ts';
import { tagsOf } from './tags.ts';
import { checkUserData } from './user-data.ts';

/** Official documentation: 1 to 100 a call. */
const MOST_AT_ONCE = 100;
const DEFAULT_DISK_GIB = 40;

/** Creates instances and answers with their ids at once; all or nothing, unless MinAmount says otherwise. */
export const runInstances: Action = ({ world, lifecycle, params }) => {
  const order = readOrder(world, params);
  const amount = integer(params, 'Amount') ?? 1;
  if (amount < 1 || amount > MOST_AT_ONCE) throw invalidParameter('Amount');
  const least = integer(params, 'MinAmount') ?? amount;
  if (least < 1 || least > amount) throw invalidParameter('MinAmount');
  if (flag(params, 'DryRun') === true) throw new ApiError(unverified.dryRunPassed);
  if (world.soldOut.get(`${order.zone}/${order.instanceType}`) === 'now') throw noStock();
  const ids: string[] = [];
  for (let n = 0; n < amount; n += 1) {
    const ip = order.ip ?? world.giveAddress(order.subnet);
    if (ip === '') {
      if (n >= least) break;
      throw new ApiError({
        status: 400,
        code: 'QuotaExceeded.PrivateIpAddress',
        message: 'Insufficient private ip in the specified vSwitch.',
      });
    }
    const instance = newInstance(world, order, ip, amount > 1 ? n + 1 : null);
    world.add(instance);
    lifecycle.launch(instance.id);
    ids.push(instance.id);
  }
  return { body: { InstanceIdSets: { InstanceIdSet: ids }, TradePrice: 0 }, effect: true };
};

type Order = ReturnType<typeof readOrder>;

/** Everything that the order says, checked. @throws ApiError with the documented codes */
function readOrder(world: World, params: Params) {
  required(params, 'RegionId');
  const imageId = required(params, 'ImageId');
  const instanceType = required(params, 'InstanceType');
  const { catalog } = world;
  if (!catalog.imageIds.includes(imageId))
    throw new ApiError({
      status: 404,
      code: 'InvalidImageId.NotFound',
      message: 'The specified ImageId does not exist.',
    });
  if (!catalog.instanceTypes.some((type) => type.id === instanceType))
    throw new ApiError({
      status: 400,
      code: 'InvalidInstanceType.ValueNotSupported',
      message: 'The specified InstanceType does not exist or is not supported.',
    });
  const vSwitchId = required(params, 'VSwitchId');
  const vSwitch = catalog.vSwitches.find((known) => known.id === vSwitchId);
  if (vSwitch === undefined)
    throw new ApiError({
      status: 404,
      code: 'InvalidVSwitchId.NotFound',
      message: 'The specified VSwitchId does not exist.',
    });
  const zone = optional(params, 'ZoneId') ?? vSwitch.zone;
  if (!catalog.zones.includes(zone)) throw new ApiError(unverified.unknownZone);
  if (zone !== vSwitch.zone) throw invalidParameter('ZoneId', 'is not the zone of the vSwitch');
  const one = optional(params, 'SecurityGroupId');
  const securityGroupIds = one === null ? list(params, 'SecurityGroupIds') : [one];
  if (securityGroupIds.length === 0) required(params, 'SecurityGroupId');
  if (!securityGroupIds.every((id) => catalog.securityGroupIds.includes(id)))
    throw new ApiError({
      status: 404,
      code: 'InvalidSecurityGroupId.NotFound',
      message: 'The specified SecurityGroupId does not exist.',
    });
  const ramRole = optional(params, 'RamRoleName');
  if (ramRole !== null && !world.roles.has(ramRole))
    throw new ApiError({
      status: 404,
      code: 'InvalidRamRole.NotFound',
      message: 'The specified RamRoleName does not exist.',
    });
  const userData = optional(params, 'UserData') ?? '';
  checkUserData(userData);
  const tags = tagsOf(params);
  const httpTokens: InstanceRecord['httpTokens'] =
    optional(params, 'HttpTokens') === 'required' ? 'required' : 'optional';
  const subnet: 1 | 2 = isControlPlane(tags) ? 1 : 2;
  return {
    imageId,
    instanceType,
    vSwitchId,
    zone,
    securityGroupIds,
    ramRole,
    userData,
    tags,
    httpTokens,
    subnet,
    ip: wantedAddress(world, params),
    name: optional(params, 'InstanceName'),
    description: optional(params, 'Description') ?? '',
    hostName: optional(params, 'HostName'),
    keyPairName: optional(params, 'KeyPairName') ?? '',
    deletionProtection: flag(params, 'DeletionProtection') ?? false,
    diskGiB: integer(params, 'SystemDisk.Size') ?? DEFAULT_DISK_GIB,
    diskCategory: optional(params, 'SystemDisk.Category') ?? 'cloud_essd',
  };
}

/** The sandbox's own rule: what a `…/role` tag calls a control plane gets an address in 127.N.1.0/24, everything else one after it. */
function isControlPlane(tags: Readonly<Record<string, string>>): boolean {
  return Object.entries(tags).some(
    ([key, value]) => /(^|\/)role$/.test(key) && /^(control|master)/i.test(value),
  );
}

function wantedAddress(world: World, params: Params): string | null {
  const ip = optional(params, 'PrivateIpAddress');
  if (ip === null) return null;
  if (!ip.startsWith(world.addressPrefix) || !isIPv4(ip)) throw invalidParameter('PrivateIpAddress');
  if ([...world.instances.values()].some((instance) => instance.ip === ip))
    throw new ApiError(unverified.addressTaken);
  return ip;
}

function newInstance(world: World, order: Order, ip: string, number: number | null): InstanceRecord {
  const now = world.clock.now();
  const id = world.newId('i');
  const suffix = number === null ? '' : String(number).padStart(3, '0');
  const visibleAt = now + world.timings.invisibleMs;
  return {
    id,
    sequence: world.nextSequence(),
    name: order.name === null ? id : `${order.name}${suffix}`,
    description: order.description,
    hostName: order.hostName === null ? id.replace('i-', 'iZ') : `${order.hostName}${suffix}`,
    zone: order.zone,
    vSwitchId: order.vSwitchId,
    securityGroupIds: order.securityGroupIds,
    imageId: order.imageId,
    instanceType: order.instanceType,
    keyPairName: order.keyPairName,
    ramRole: order.ramRole,
    httpTokens: order.httpTokens,
    ip,
    status: 'Pending',
    stoppedMode: 'Not-applicable',
    deletionProtection: order.deletionProtection,
    tags: order.tags,
    locks: [],
    userData: order.userData,
    createdAt: now,
    startedAt: null,
    disk: {
      id: world.newId('d'),
      sizeGiB: order.diskGiB,
      category: order.diskCategory,
      createdAt: now,
      status: 'In_use',
    },
    replacing: null,
    releasing: false,
    booted: false,
    bootCount: 0,
    unbootable: false,
    hung: false,
    visibleAt,
    tagsVisibleAt: visibleAt + world.timings.tagsInvisibleMs,
    tagsBefore: {},
  };
}
