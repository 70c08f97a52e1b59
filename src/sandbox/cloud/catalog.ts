/** What there is to order in the sandbox's region. */
export interface Catalog {
  readonly zones: readonly string[];
  readonly vpcId: string;
  /** One in each zone. */
  readonly vSwitches: readonly { readonly id: string; readonly zone: string }[];
  readonly securityGroupIds: readonly string[];
  readonly imageIds: readonly string[];
  readonly instanceTypes: readonly InstanceType[];
}

/** Size of an instance type, as the cloud tells it (memory in MiB). Nothing in the sandbox enforces it. */
export interface InstanceType {
  readonly id: string;
  readonly cpu: number;
  readonly memoryMiB: number;
}

const instanceTypes: readonly InstanceType[] = [
  { id: 'ecs.t6-c1m2.large', cpu: 2, memoryMiB: 4_096 },
  { id: 'ecs.c6.large', cpu: 2, memoryMiB: 4_096 },
  { id: 'ecs.g6.large', cpu: 2, memoryMiB: 8_192 },
  { id: 'ecs.g6.xlarge', cpu: 4, memoryMiB: 16_384 },
  { id: 'ecs.c7.large', cpu: 2, memoryMiB: 4_096 },
  { id: 'ecs.c7.xlarge', cpu: 4, memoryMiB: 8_192 },
  { id: 'ecs.g7.large', cpu: 2, memoryMiB: 8_192 },
  { id: 'ecs.g7.xlarge', cpu: 4, memoryMiB: 16_384 },
];

/** The catalogue of a region: a VPC with one vSwitch a zone (`vsw-<zone>`), one security group, two images, some types. */
export function catalogOf(region: string, zones: readonly string[]): Catalog {
  return {
    zones,
    vpcId: `vpc-${region}`,
    vSwitches: zones.map((zone) => ({ id: `vsw-${zone}`, zone })),
    securityGroupIds: [`sg-${region}`],
    imageIds: ['aliyun_3_x64_20G_alibase_20260122.vhd', 'aliyun_2_1903_x64_20G_alibase_20231221.vhd'],
    instanceTypes,
  };
}
