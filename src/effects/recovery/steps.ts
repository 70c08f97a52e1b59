import type { RecoveryEffects } from '../../../machines/recovery.ts';
import { Failure } from '../../failure.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { ourInstance, persist, poll } from '../node/instance.ts';
import { endpointOf, type Master } from '../quorum/world.ts';
import type { RecoveryWorld } from './world.ts';

type Run<K extends keyof RecoveryEffects> = (
  input: RecoveryEffects[K]['input'],
  context: EffectContext,
) => Promise<RecoveryEffects[K]['output']>;

/**
 * A snapshot's revisions are raised by so much at least: more than can have been written since it was taken (safety 45; OpenShift's
 * number).
 */
const bumpRevision = 1_000_000_000;
/** A lease of an API server that is written on is renewed within this, in ms: what is a probe lives no longer. */
const probeMs = 60_000;

/** Masters whose instance runs: those that can be told anything. */
async function running(world: RecoveryWorld, { clock, signal }: EffectContext): Promise<readonly Master[]> {
  const masters = await persist(clock, signal, () => world.masters(signal));
  return masters.filter(({ instance, ip }) => instance.status === 'Running' && ip !== null);
}

async function chosen(
  world: RecoveryWorld,
  master: { readonly slot: string; readonly instanceId: string } | null,
  context: EffectContext,
): Promise<{ readonly id: string; readonly endpoint: string }> {
  const { id, privateIp } = await ourInstance(world, master?.instanceId ?? null, context);
  if (privateIp === null)
    throw new Failure({ kind: 'retryable', code: 'NoAddress', message: `${id} has no address yet` });
  return { id, endpoint: endpointOf(privateIp) };
}

/** The survivor itself; or for a backup the first master whose agent answers, or a new body for the first slot. */
export function prepareMaster(world: RecoveryWorld): Run<'prepareMaster'> {
  return async ({ source }, context) => {
    const done = (slot: string, instanceId: string) => ({ at: context.clock.now(), slot, instanceId });
    if (source.kind === 'member') {
      await ourInstance(world, source.instanceId, context);
      return done(source.slot, source.instanceId);
    }
    for (const { slot, instance } of await running(world, context)) {
      const found = await world.host.lookAtData(instance.id, context);
      if (found.kind !== 'unknown') return done(slot, instance.id);
    }
    const masters = await persist(context.clock, context.signal, () => world.masters(context.signal));
    const taken = new Set(masters.map(({ slot }) => slot));
    const slot = world.slots.find((each) => !taken.has(each)) ?? world.slots[0] ?? '';
    const { instance } = await world.createMaster(slot, context);
    await world.host.untilSetUp(instance.id, context);
    return done(slot, instance.id);
  };
}

/**
 * A master that can't be told is passed over: its etcd has no quorum, and what is restored has new ids or forgets it. The one that gets the
 * data is told also where the cloud's list, which may be late, does not show its new instance running yet.
 */
async function onEach(
  world: RecoveryWorld,
  must: string | null,
  context: EffectContext,
  act: (instanceId: string) => Promise<void>,
): Promise<void> {
  const listed = (await running(world, context)).map(({ instance }) => instance.id);
  await Promise.all(
    [...new Set([...listed, ...(must === null ? [] : [must])])].map(async (id) => {
      try {
        await act(id);
      } catch (caught) {
        context.signal.throwIfAborted();
        if (!(caught instanceof Failure) || id === must) throw caught;
        world.log.warn('a master could not be told, and is passed over', { instance: id, error: caught });
      }
    }),
  );
}

export function stopControlPlane(world: RecoveryWorld): Run<'stopControlPlane'> {
  return async ({ master }, context) => {
    await onEach(world, master?.instanceId ?? null, context, (id) =>
      world.host.stopControlPlane(id, context),
    );
    return { at: context.clock.now() };
  };
}

export function keepOldData(world: RecoveryWorld): Run<'keepOldData'> {
  return async ({ master }, context) => {
    await onEach(world, master?.instanceId ?? null, context, (id) => world.host.keepCopy(id, context));
    return { at: context.clock.now() };
  };
}

export function restoreData(world: RecoveryWorld): Run<'restoreData'> {
  return async ({ source, master }, context) => {
    const { id, endpoint } = await chosen(world, master, context);
    if (source.kind === 'member') await world.host.forceNewCluster(id, context);
    else {
      const snapshot = await world.shareSnapshot(source, context);
      try {
        // Restored twice from one backup, the second must not give out the first one's revisions again.
        const bump = bumpRevision * (1 + world.restoresBefore(context.actor));
        await world.host.restoreSnapshot(id, { object: snapshot.object, bumpRevision: bump }, context);
      } finally {
        await snapshot.withdraw().catch((caught: unknown) =>
          world.log.warn('the snapshot that was shared for a restore could not be taken away', {
            error: caught,
          }),
        );
      }
    }
    const status = await poll(context.clock, context.signal, async () => {
      const health = await world.etcd.health(endpoint, 'linearizable', context);
      return health.healthy ? world.etcd.status(endpoint, context) : null;
    });
    return { at: context.clock.now(), revision: status.revision };
  };
}

export function replayChanges(world: RecoveryWorld): Run<'replayChanges'> {
  return async ({ source, master }, context) => {
    if (source.kind !== 'backup') throw new Error('only a backup has a log of changes after it');
    const { endpoint } = await chosen(world, master, context);
    const { revision, lost } = await world.replay(source, endpoint, context);
    world.log.warn('the changes since the snapshot are back', { revision, lost });
    return { at: context.clock.now(), revision, lost };
  };
}

/** Ends when the API has taken a write: through the balancer, as everybody reaches it. */
export function startControlPlane(world: RecoveryWorld): Run<'startControlPlane'> {
  return async ({ master }, context) => {
    const { id } = await chosen(world, master, context);
    await world.host.startControlPlane(id, context);
    await persist(context.clock, context.signal, () =>
      world.kubernetes.createBootstrapToken({
        ttlMs: probeMs,
        description: 'wdrip asks whether the API is writable',
      }),
    );
    return { at: context.clock.now() };
  };
}

/**
 * Takes away what the restored data says of things that are gone: Node objects whose instance the cloud does not know. An instance that is
 * younger than the snapshot is kept: its node registers again (safety 47). Leases of API servers were left out of the restore, and expire.
 */
export function reconcileCluster(world: RecoveryWorld): Run<'reconcileCluster'> {
  return async (_, context) => {
    const { clock, signal } = context;
    const nodes = await persist(clock, signal, () => world.nodes(signal));
    for (const [name, instanceId] of nodes) {
      if (instanceId === null) continue;
      // Asked one by one: absence from a list would prove nothing (safety 3).
      const instance = await persist(clock, signal, () => world.cloud.findInstance(instanceId));
      if (instance !== null) continue;
      world.log.warn('a Node object of an instance that is gone was in the restored data, and is removed', {
        node: name,
        instance: instanceId,
      });
      await persist(clock, signal, () => world.kubernetes.releasePods(name));
      await persist(clock, signal, () => world.kubernetes.deleteNode(name));
    }
    return { at: clock.now() };
  };
}
