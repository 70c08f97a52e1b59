import { ApiError, incorrectStatus, invalidParameter } from '../api-error.ts';
import { page, questionOf } from '../paging.ts';
import { integer, jsonList, optional, required } from '../params.ts';
import type { Action } from './action.ts';
import { toSecond } from './describe-instances.ts';
import { refuseBusy, refuseLocked } from './power.ts';

/**
 * Needs Stopped, and leaves it Stopped. Answers with the new disk's id at once; the disk is in use, and the image changed, some time
 * later. The user data runs again at the next start.
 */
export const replaceSystemDisk: Action = ({ world, lifecycle, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  const imageId = optional(params, 'ImageId') ?? instance.imageId;
  refuseLocked(instance, ['security', 'financial']);
  if (instance.status !== 'Stopped') throw incorrectStatus(instance.status);
  refuseBusy(instance);
  if (!world.catalog.imageIds.includes(imageId))
    throw new ApiError({
      status: 404,
      code: 'InvalidImageId.NotFound',
      message: 'The specified ImageId does not exist.',
    });
  const sizeGiB = integer(params, 'SystemDisk.Size') ?? instance.disk.sizeGiB;
  const disk = {
    ...instance.disk,
    id: world.newId('d'),
    sizeGiB,
    createdAt: world.clock.now(),
    status: 'In_use' as const,
  };
  world.update(
    instance.id,
    { disk: { ...instance.disk, status: 'ReIniting' }, replacing: { disk, imageId } },
    'ReplaceSystemDisk',
  );
  lifecycle.replaceDisk(instance.id);
  return { body: { DiskId: disk.id }, effect: true };
};

/** System disks, by `InstanceId` or `DiskIds`. While a disk is being replaced it is the old one, `ReIniting`. */
export const describeDisks: Action = ({ world, params }) => {
  const instanceId = optional(params, 'InstanceId');
  const diskIds = jsonList(params, 'DiskIds');
  if (diskIds === undefined) throw invalidParameter('DiskIds');
  const type = optional(params, 'DiskType') ?? 'all';
  const status = optional(params, 'Status');
  const chosen = [...world.instances.values()].filter(
    (instance) =>
      type !== 'data' &&
      (instanceId === null || instance.id === instanceId) &&
      (diskIds === null || diskIds.includes(instance.disk.id)) &&
      (status === null || status === 'All' || instance.disk.status === status),
  );
  const { items, fields } = page(params, chosen, (instance) => instance.sequence, questionOf(params));
  const disks = items.map(({ id, zone, imageId, disk }) => ({
    DiskId: disk.id,
    InstanceId: id,
    RegionId: world.region,
    ZoneId: zone,
    Type: 'system',
    Status: disk.status,
    Category: disk.category,
    Size: disk.sizeGiB,
    ImageId: imageId,
    Device: '/dev/xvda',
    CreationTime: toSecond(disk.createdAt),
    DeleteWithInstance: true,
    Portable: false,
    Encrypted: false,
    OperationLocks: { OperationLock: [] },
    Tags: { Tag: [] },
  }));
  return { body: { ...fields, Disks: { Disk: disks } }, effect: false };
};
