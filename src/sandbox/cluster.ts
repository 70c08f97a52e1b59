import { join } from 'node:path';
import { stringify } from 'yaml';
import type { ClusterSpec, InstanceTemplate } from '../bootstrap/cluster-spec.ts';
import { type Catalog, catalogOf } from './cloud/catalog.ts';
import { roleName } from './daemon.ts';
import type { SandboxPaths } from './dir.ts';
import type { SandboxState } from './state.ts';

/** The sandbox's region and its zones: as many as `createCloud` makes by itself. */
const ZONE_LETTERS = ['h', 'i', 'j'] as const;
/** A common size. Nothing in the sandbox enforces it. */
const INSTANCE_TYPE = 'ecs.c7.xlarge';
const SYSTEM_DISK = { sizeGiB: 40, category: 'cloud_essd' } as const;
/** The smallest balancer. Nothing in the sandbox enforces it. */
const BALANCER_SPECIFICATION = 'slb.s1.small';
/** The one pool. */
const POOL = 'workers';

/** What a sandbox's cluster is to look like. */
export interface SandboxClusterSettings {
  /** 1, 3 or 5. */
  readonly masters: number;
  readonly workers: number;
  readonly nodeGraceSeconds: number;
  /** Changes to machines/policy.ts for the pool, as they go into the supervisor's configuration. */
  readonly policy: Readonly<Record<string, number>>;
}

/** The cluster that `wdrip sandbox up` creates: a control plane and a pool of workers, both over three zones. */
export function sandboxClusterSpec(state: SandboxState, settings: SandboxClusterSettings): ClusterSpec {
  const { cluster, region, bucket, objectsEndpoint } = state;
  return {
    cluster,
    objects: { region, bucket, endpoint: objectsEndpoint },
    network: { podCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/16', domain: 'cluster.local' },
    sans: [],
    nodeGraceSeconds: settings.nodeGraceSeconds,
    // Loopback addresses may stand in no Endpoints object.
    endpointReconciler: 'none',
    controlPlane: {
      ...template(state, 'control-plane'),
      replicas: settings.masters,
      loadBalancer: {
        vSwitchId: first(catalogOfState(state).vSwitches, 'vSwitch').id,
        specification: BALANCER_SPECIFICATION,
      },
    },
    pools: [{ ...template(state, 'worker'), id: POOL, replicas: settings.workers }],
  };
}

/** The configuration with which `wdrip supervise` looks after the sandbox's cluster. YAML; holds keys. */
export function superviseConfiguration(
  paths: SandboxPaths,
  state: SandboxState,
  settings: SandboxClusterSettings,
  loadBalancerId: string,
): string {
  const { accessKeyId, accessKeySecret, region, bucket } = state;
  const keys = { accessKeyId, accessKeySecret };
  return stringify(
    {
      cluster: state.cluster,
      kubeconfig: paths.kubeconfig,
      material: paths.material,
      store: paths.store,
      etcd: { caFile: paths.etcdCa, certFile: paths.etcdCert, keyFile: paths.etcdKey },
      controlPlane: { replicas: settings.masters, ...template(state, 'control-plane'), loadBalancerId },
      cloud: { endpoint: state.cloudEndpoint, protocol: 'http', region, ...keys },
      objects: { endpoint: state.objectsEndpoint, region, bucket, sldEnable: true, ...keys },
      backup: {
        keyFile: paths.backupKey,
        regions: state.backups.map((each) => ({ ...each, sldEnable: true })),
        programs: { etcd: join(state.tools, 'etcd'), etcdutl: join(state.tools, 'etcdutl') },
      },
      pools: [
        {
          id: POOL,
          replicas: settings.workers,
          ...template(state, 'worker'),
          policy: settings.policy,
        },
      ],
    },
    { lineWidth: 0 },
  );
}

function template(state: SandboxState, role: 'control-plane' | 'worker'): InstanceTemplate {
  const zones = zonesOf(state);
  const catalog = catalogOfState(state);
  return {
    zones,
    imageId: first(catalog.imageIds, 'image'),
    instanceType: INSTANCE_TYPE,
    securityGroupId: first(catalog.securityGroupIds, 'security group'),
    vSwitchId: Object.fromEntries(catalog.vSwitches.map(({ id, zone }) => [zone, id])),
    ramRole: roleName(state.cluster, role),
    systemDisk: SYSTEM_DISK,
  };
}

function zonesOf(state: SandboxState): readonly string[] {
  return ZONE_LETTERS.map((letter) => `${state.region}-${letter}`);
}

function catalogOfState(state: SandboxState): Catalog {
  return catalogOf(state.region, zonesOf(state));
}

function first<T>(values: readonly T[], what: string): T {
  const [value] = values;
  if (value === undefined) throw new Error(`the sandbox's catalogue has no ${what}`);
  return value;
}
