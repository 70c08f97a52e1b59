import type { LoadBalancers } from '../cloud/load-balancers.ts';
import { type Cloud, cloudTags, type Instance } from '../cloud/port.ts';
import { persist } from '../effects/node/instance.ts';
import { assertSpare, letJoin, takeOut } from '../effects/quorum/membership.ts';
import type { Master, QuorumWorld } from '../effects/quorum/world.ts';
import type { MasterBodies } from '../effects/world.ts';
import type { Etcd } from '../etcd/port.ts';
import { Failure } from '../failure.ts';
import type { Log } from '../log.ts';

/** All masters that the cloud knows now, one a slot. */
export async function listMasters(
  cloud: Pick<Cloud, 'listInstances'>,
  cluster: string,
): Promise<readonly Master[]> {
  const { instances } = await cloud.listInstances(cluster);
  const masters = new Map<string, Instance>();
  for (const instance of instances) {
    const slot = instance.tags[cloudTags.slot];
    if (instance.tags[cloudTags.role] !== 'controlPlane' || slot === undefined) continue;
    // While one takes another's place, the one that runs is meant.
    if (masters.get(slot)?.status !== 'Running') masters.set(slot, instance);
  }
  return [...masters]
    .map(([slot, instance]) => ({ slot, instance, ip: instance.privateIp }))
    .sort((a, b) => (a.slot < b.slot ? -1 : 1));
}

/** What happens around a master's new body: etcd's membership, and the balancer in front of the API servers. */
export function masterBodies(parts: {
  readonly cluster: string;
  readonly cloud: Pick<Cloud, 'listInstances' | 'findInstance'>;
  readonly etcd: Etcd;
  readonly loadBalancers: LoadBalancers;
  readonly loadBalancerId: string;
  readonly log: Log;
  readonly backupFirst: QuorumWorld['backupFirst'];
}): MasterBodies {
  const { cluster, cloud, etcd, loadBalancers, loadBalancerId, log } = parts;
  const world = { etcd, log, masters: () => listMasters(cloud, cluster) };
  return {
    async leave(instanceId, context) {
      // What is gone already has nothing more to lose.
      const body = await persist(context.clock, context.signal, () => cloud.findInstance(instanceId));
      if (body !== null) await parts.backupFirst(`the master ${instanceId} gets a new body`, context);
      await takeOut(world, { instanceId, ip: body?.privateIp ?? null }, context);
      await persist(context.clock, context.signal, () =>
        loadBalancers.removeBackends(loadBalancerId, [instanceId], context),
      );
    },
    assertSpare: ({ id, privateIp }, context) =>
      assertSpare(world, { instanceId: id, ip: privateIp }, context),
    async join(instance, context) {
      if (instance.privateIp === null)
        throw new Failure({
          kind: 'retryable',
          code: 'NoAddress',
          message: `${instance.id} has no address yet`,
        });
      await letJoin(world, instance.privateIp, context);
      await persist(context.clock, context.signal, () =>
        loadBalancers.addBackends(loadBalancerId, [instance.id], context),
      );
    },
  };
}
