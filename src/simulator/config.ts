import type { SupervisorConfig } from '../supervisor/config.ts';

/** A supervisor's settings for a simulated cluster: the defaults, for one pool of workers. */
export function simulatedConfig(nodes: number, zones: readonly string[]): SupervisorConfig {
  const nobody = { accessKeyId: 'simulated', accessKeySecret: 'simulated' };
  return {
    cluster: 'simulated',
    kubeconfig: '',
    material: '',
    store: '',
    cloud: { protocol: 'http', region: 'cn-simulated', ...nobody },
    objects: { region: 'cn-simulated', bucket: 'simulated', sldEnable: true, ...nobody },
    pools: [
      {
        id: 'workers',
        replicas: nodes,
        zones: [...zones],
        instanceType: 't',
        imageId: 'm-1',
        securityGroupId: 's',
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
