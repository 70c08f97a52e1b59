import { invalidParameter } from '../api-error.ts';
import { optional, required } from '../params.ts';
import type { Action } from './action.ts';

/** The region's zones and what they sell. */
export const describeZones: Action = ({ world }) => {
  const types = world.catalog.instanceTypes.map((type) => type.id);
  const zones = world.catalog.zones.map((zone) => ({
    ZoneId: zone,
    LocalName: zone,
    ZoneType: 'AvailabilityZone',
    AvailableInstanceTypes: { InstanceTypes: types },
    AvailableDiskCategories: { DiskCategories: ['cloud_essd', 'cloud_efficiency'] },
    AvailableResourceCreation: { ResourceTypes: ['VSwitch', 'Instance', 'Disk', 'IoOptimized'] },
  }));
  return { body: { Zones: { Zone: zones } }, effect: false };
};

/** What is in stock. Advisory, as in the real cloud: an order can be refused all the same. */
export const describeAvailableResource: Action = ({ world, params }) => {
  const destination = required(params, 'DestinationResource');
  if (destination !== 'InstanceType' && destination !== 'Zone') throw invalidParameter('DestinationResource');
  const wantedZone = optional(params, 'ZoneId');
  const wantedType = optional(params, 'InstanceType');
  const state = (inStock: boolean) =>
    inStock
      ? { Status: 'Available', StatusCategory: 'WithStock' }
      : { Status: 'SoldOut', StatusCategory: 'WithoutStock' };
  const zones = world.catalog.zones
    .filter((zone) => wantedZone === null || zone === wantedZone)
    .map((zone) => {
      const types = world.catalog.instanceTypes
        .filter((type) => wantedType === null || type.id === wantedType)
        .map((type) => ({ value: type.id, inStock: !world.soldOut.has(`${zone}/${type.id}`) }));
      const some = types.some((type) => type.inStock);
      const supported =
        destination === 'Zone'
          ? [{ Value: zone, ...state(some) }]
          : types.map((type) => ({ Value: type.value, ...state(type.inStock) }));
      return {
        RegionId: world.region,
        ZoneId: zone,
        ...state(some),
        AvailableResources: {
          AvailableResource: [{ Type: destination, SupportedResources: { SupportedResource: supported } }],
        },
      };
    });
  return { body: { AvailableZones: { AvailableZone: zones } }, effect: false };
};
