import { Failure } from '../failure.ts';

/** How an instance of a group is asked for. */
export interface InstanceTemplate {
  /** The group's instances are spread over them in turn. */
  readonly zones: readonly string[];
  readonly imageId: string;
  readonly instanceType: string;
  readonly securityGroupId: string;
  /** One for all zones, or one a zone. */
  readonly vSwitchId: string | Readonly<Record<string, string>>;
  readonly ramRole: string;
  readonly systemDisk: { readonly sizeGiB: number; readonly category: string };
}

export interface PoolSpec extends InstanceTemplate {
  readonly id: string;
  readonly replicas: number;
}

/** The control plane: so many instances, each with a member of etcd and an API server, behind one load balancer. */
export interface ControlPlaneSpec extends InstanceTemplate {
  /** 1, 3 or 5: an even number of members survives no more failures than one less. */
  readonly replicas: number;
  /** Where the balancer's address comes from. */
  readonly loadBalancer: { readonly vSwitchId: string; readonly specification: string };
}

/** A cluster that is to be created. */
export interface ClusterSpec {
  readonly cluster: string;
  /** Where bundles lie, and how instances reach it: a URL, or empty for the region's own. */
  readonly objects: { readonly region: string; readonly bucket: string; readonly endpoint: string };
  readonly network: {
    readonly podCidr: string;
    readonly serviceCidr: string;
    readonly domain: string;
  };
  /**
   * Further names and addresses at which API servers are reached; their certificates are valid for them, beside the balancer's and their
   * own.
   */
  readonly sans: readonly string[];
  /** How long a node may be silent before it is NotReady, in s. Kubernetes' own default is 50. */
  readonly nodeGraceSeconds: number;
  /** `none` where nodes have loopback addresses, which Kubernetes takes in no Endpoints object. */
  readonly endpointReconciler: 'lease' | 'none';
  readonly controlPlane: ControlPlaneSpec;
  readonly pools: readonly PoolSpec[];
}

/** The address number `index` of an IPv4 network: 1 is the API server's service. */
export function addressIn(cidr: string, index: number): string {
  const [network = '', prefix = ''] = cidr.split('/');
  const parts = network.split('.').map(Number);
  const bits = Number(prefix);
  const broken = parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255));
  if (broken || !/^\d+$/.test(prefix) || bits > 28) {
    throw new Failure({
      kind: 'rejected',
      code: 'BadNetwork',
      message: `${cidr} is no IPv4 network with room for services: write one such as 10.96.0.0/16`,
    });
  }
  const value = parts.reduce((sum, part) => sum * 256 + part, 0) + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** The slot of a pool's instance: its identity, which stays when the instance is replaced. */
export function slotName(pool: string, index: number): string {
  return `${pool}-${index}`;
}

/** Where the instance number `index` of a group goes. Throws if the group has no zone, or the zone no vSwitch. */
export function placement(
  template: InstanceTemplate,
  index: number,
): { readonly zone: string; readonly vSwitchId: string } {
  const zone = template.zones[index % Math.max(1, template.zones.length)];
  if (zone === undefined) throw new Error('a group of instances has no zone');
  const { vSwitchId } = template;
  const vSwitch = typeof vSwitchId === 'string' ? vSwitchId : vSwitchId[zone];
  if (vSwitch === undefined) throw new Error(`the zone ${zone} has no vSwitch`);
  return { zone, vSwitchId: vSwitch };
}
