import type { ClusterMaterial } from '../bootstrap/cluster-material.ts';
import { controlPlaneUserData } from '../bootstrap/control-plane-user-data.ts';
import type { ObjectStore } from '../bootstrap/object-store.ts';
import { prepareWorkerUserData } from '../bootstrap/worker-user-data.ts';
import { type Cloud, cloudTags } from '../cloud/port.ts';
import type { MasterBodies, World } from '../effects/world.ts';
import { Failure } from '../failure.ts';
import type { Kubernetes } from '../kubernetes/port.ts';
import type { Log } from '../log.ts';
import type { SupervisorConfig } from './config.ts';
import { controlPlanePool } from './control-plane.ts';
import { listMasters } from './master-bodies.ts';
import type { Supervisor } from './supervisor.ts';

/** The world that the effects act on: the ports, and what the supervisor knows. `supervisor` is asked only while an effect runs. */
export function createWorld(parts: {
  readonly config: SupervisorConfig;
  readonly material: ClusterMaterial;
  readonly objects: ObjectStore;
  readonly cloud: Cloud;
  readonly kubernetes: Kubernetes;
  readonly log: Log;
  readonly masters: MasterBodies | null;
  readonly supervisor: () => Supervisor;
}): World {
  const { config, material, objects, cloud, kubernetes, log, supervisor } = parts;
  const poolOf = (id: string) => {
    const pool = id === controlPlanePool ? config.controlPlane : config.pools.find((each) => each.id === id);
    if (pool === undefined)
      throw new Failure({
        kind: 'rejected',
        code: 'UnknownPool',
        message: `the configuration has no pool ${id}: wdrip can't make an instance for it`,
      });
    return pool;
  };
  return {
    cluster: config.cluster,
    cloud,
    kubernetes,
    log,
    whenSighted: (signal) => supervisor().whenSighted(signal),
    nodeFacts: (name) => supervisor().nodeFacts(name),
    assertNotReady: (slot) => supervisor().assertNotReady(slot),
    instanceSpecs({ pool: id, slot, zone }) {
      const pool = poolOf(id);
      const zones = [zone, ...pool.zones.filter((each) => each !== zone)].filter((each) =>
        pool.zones.includes(each),
      );
      return zones.map((each) => ({
        zone: each,
        imageId: pool.imageId,
        instanceType: pool.instanceType,
        securityGroupId: pool.securityGroupId,
        vSwitchId: typeof pool.vSwitchId === 'string' ? pool.vSwitchId : (pool.vSwitchId[each] ?? ''),
        ramRole: pool.ramRole,
        systemDisk: pool.systemDisk,
        tags: {
          [cloudTags.cluster]: config.cluster,
          [cloudTags.pool]: id,
          [cloudTags.slot]: slot,
          [cloudTags.role]: id === controlPlanePool ? 'controlPlane' : 'worker',
        },
      }));
    },
    async prepareUserData(pool) {
      poolOf(pool);
      if (pool !== controlPlanePool) return prepareWorkerUserData({ material, pool, kubernetes, objects });
      const masters = await listMasters(cloud, config.cluster);
      return controlPlaneUserData(
        material,
        masters.flatMap(({ ip }) => ip ?? []),
      );
    },
    masters: parts.masters,
    requestPermit: (request, context) => supervisor().desk.request(request, context),
  };
}
