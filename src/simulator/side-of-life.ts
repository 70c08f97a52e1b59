import type { LoadBalancers } from '../cloud/load-balancers.ts';
import type { Cloud } from '../cloud/port.ts';
import type { World } from '../effects/world.ts';
import type { Kubernetes } from '../kubernetes/port.ts';
import { silentLog } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Runtime } from '../runtime/types.ts';
import type { SupervisorConfig } from '../supervisor/config.ts';
import { askForBackup, controlPlaneWorlds } from '../supervisor/control-plane-worlds.ts';
import { masterHost } from '../supervisor/master-host.ts';
import { currentHistory, isRecovering } from '../supervisor/recoveries.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import type { ControlPlaneOfLife } from './life-of-supervisor.ts';
import { simulatedBackups } from './simulated-backups.ts';

/** A master's etcd waits, whoever made its body: the simulated one does so on any disk that is empty. */
export const masterUserData = '#!/bin/sh\n# a master\n';

/** The balancer is not simulated: the API is reached wherever it is served. */
const noBalancer: LoadBalancers = {
  create: async () => ({ id: 'lb-simulated', address: '10.255.0.1' }),
  find: async (id) => ({ id, address: '10.255.0.1' }),
  ensureListener: async () => {},
  backends: async () => [],
  addBackends: async () => {},
  removeBackends: async () => {},
  delete: async () => {},
};

/** What one life looks after masters with: the supervisor's own worlds, on the simulated ports. Null without masters. */
export function sideOfLife(parts: {
  readonly controlPlane: ControlPlaneOfLife | null;
  readonly config: SupervisorConfig;
  readonly cloud: Cloud;
  readonly kubernetes: Kubernetes;
  readonly clock: Clock;
  /** The life ends. */
  readonly signal: AbortSignal;
  readonly supervisor: () => Supervisor;
  readonly runtime: () => Runtime;
  readonly world: () => World;
}) {
  const { config, cloud, controlPlane } = parts;
  if (controlPlane === null || config.controlPlane === undefined) return null;
  const backups = simulatedBackups({
    ...controlPlane,
    clock: parts.clock,
    log: silentLog,
    signal: parts.signal,
    endpoints: () => parts.supervisor().controlPlane?.endpoints() ?? [],
    history: () => currentHistory(parts),
    recovering: () => isRecovering(parts.runtime()),
    wanted: (reason) => askForBackup(parts, reason),
  });
  const worlds = controlPlaneWorlds({
    ...parts,
    log: silentLog,
    controlPlane: config.controlPlane,
    etcd: controlPlane.etcd,
    loadBalancers: noBalancer,
    host: masterHost(config.cluster, cloud),
    backup: backups,
    userData: () => masterUserData,
  });
  return { ...worlds, backups };
}
