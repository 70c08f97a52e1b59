import { retentionSchema } from '../backup/retention.ts';
import type { SupervisorConfig } from '../supervisor/config.ts';
import { simulatedSecurityGroup } from './world/cloud.ts';

/** How many masters there can be; a simulation without any has only workers. */
export type MasterCount = 0 | 1 | 3 | 5;

/** Where backups of a simulated cluster lie. */
export const backupRegions = ['cn-simulated', 'cn-elsewhere'] as const;

/** The settings of masters, etcd and backups: the defaults. Empty without masters. */
function ofControlPlane(masters: MasterCount, zones: readonly string[]): Partial<SupervisorConfig> {
  if (masters === 0) return {};
  return {
    etcd: { caFile: '', certFile: '', keyFile: '' },
    controlPlane: {
      replicas: masters,
      zones: [...zones],
      instanceType: 't',
      imageId: 'm-1',
      securityGroupId: simulatedSecurityGroup,
      vSwitchId: 'v',
      ramRole: 'r',
      systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
      loadBalancerId: 'lb-simulated',
      policy: {},
      quorumPolicy: {},
    },
    backup: {
      schedule: '*/10 * * * *',
      keyFile: '',
      regions: backupRegions.map((region) => ({ region, bucket: 'backups', sldEnable: true })),
      retention: retentionSchema.parse({}),
      changeLog: true,
      programs: { etcd: 'etcd', etcdutl: 'etcdutl' },
      policy: {},
    },
  };
}

/** A supervisor's settings for a simulated cluster: the defaults, for one pool of workers, and for masters if there are any. */
export function simulatedConfig(
  nodes: number,
  zones: readonly string[],
  masters: MasterCount = 0,
): SupervisorConfig {
  const nobody = { accessKeyId: 'simulated', accessKeySecret: 'simulated' };
  return {
    cluster: 'simulated',
    kubeconfig: '',
    material: '',
    store: '',
    cloud: { protocol: 'http', region: 'cn-simulated', ...nobody },
    objects: { region: 'cn-simulated', bucket: 'simulated', sldEnable: true, ...nobody },
    ...ofControlPlane(masters, zones),
    pools: [
      {
        id: 'workers',
        replicas: nodes,
        zones: [...zones],
        instanceType: 't',
        imageId: 'm-1',
        securityGroupId: simulatedSecurityGroup,
        vSwitchId: 'v',
        ramRole: 'r',
        systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
        maxUnavailable: '10%',
        policy: {},
      },
    ],
    supervisor: {
      cloudPollMs: 10_000,
      cloudPollBusyMs: 2_000,
      leaseSilentMs: 60_000,
      stormPercent: 40,
      zoneStormPercent: 55,
      stormFloor: 2,
      stormHoldMs: 300_000,
      staleMs: 15_000,
    },
  };
}
