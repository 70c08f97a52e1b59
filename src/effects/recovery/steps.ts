import type { RecoveryEffects } from '../../../machines/recovery.ts';
import { makeRoom } from '../../etcd/port.ts';
import { Failure } from '../../failure.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { ourInstance, persist, poll } from '../node/instance.ts';
import { liftAlarms } from '../quorum/alarms.ts';
import { endpointOf } from '../quorum/world.ts';
import { type LiveMaster, onLiveMaster } from './live-master.ts';
import { running } from './prepare-master.ts';
import type { RecoveryWorld } from './world.ts';

type Run<K extends keyof RecoveryEffects> = (
  input: RecoveryEffects[K]['input'],
  context: EffectContext,
) => Promise<RecoveryEffects[K]['output']>;

/**
 * A snapshot's revisions are raised by so much at least: more than can have been written since it was taken (safety 45; OpenShift's
 * number).
 */
const leastBump = 1_000_000_000;
/** Revisions that no etcd can give out in a millisecond: a restore's first is its time in these. */
const revisionsPerMs = 1_000;
/** A lease of an API server that is written on is renewed within this, in ms: what is a probe lives no longer. */
const probeMs = 60_000;

async function chosen(
  world: RecoveryWorld,
  master: { readonly slot: string; readonly instanceId: string } | null,
  context: EffectContext,
): Promise<LiveMaster> {
  const { id, privateIp } = await ourInstance(world, master?.instanceId ?? null, context);
  if (privateIp === null)
    throw new Failure({ kind: 'retryable', code: 'NoAddress', message: `${id} has no address yet` });
  return { id, endpoint: endpointOf(privateIp) };
}

/**
 * A master that can't be told is passed over: its etcd has no quorum, and what is restored has new ids or forgets it. But for the one that
 * `must` be told, be it in the cloud's list by now or not: a list may be late.
 */
async function onEach(
  world: RecoveryWorld,
  must: string | null,
  context: EffectContext,
  act: (instanceId: string) => Promise<void>,
): Promise<void> {
  const ids = (await running(world, context)).map(({ instance }) => instance.id);
  await Promise.all(
    [...new Set([...ids, ...(must === null ? [] : [must])])].map(async (id) => {
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

/**
 * By how much the revisions are raised. What any restore before has served must not be seen again (safety 45), though its records, its
 * backups or the supervisor's store may be gone: so the restored revision follows the time. Asked again with the same attempt: the same.
 */
async function bumpOf(world: RecoveryWorld, revision: number, context: EffectContext): Promise<number> {
  if (typeof context.progress === 'number') return context.progress;
  const known = Math.max(revision, world.restoredUpTo());
  const byTime = context.clock.now() * revisionsPerMs;
  // A clock that was set back is behind what is known.
  const target = byTime > known ? byTime : known + leastBump;
  await context.checkpoint(target - revision);
  return target - revision;
}

export function restoreData(world: RecoveryWorld): Run<'restoreData'> {
  return async ({ source, master }, context) => {
    const live = await chosen(world, master, context);
    const { id, endpoint } = live;
    if (source.kind === 'member') await world.host.forceNewCluster(id, context);
    else {
      const snapshot = await world.shareSnapshot(source, context);
      try {
        const bumpRevision = await bumpOf(world, snapshot.revision, context);
        await world.host.restoreSnapshot(id, { object: snapshot.object, bumpRevision }, context);
      } finally {
        await snapshot.withdraw().catch((caught: unknown) =>
          world.log.warn('the snapshot that was shared for a restore could not be taken away', {
            error: caught,
          }),
        );
      }
    }
    // Whoever stops etcd now, or hangs its master, must not make it start later without the changes: that is seen to until it answers.
    const status = await poll(context.clock, context.signal, () =>
      onLiveMaster(world, live, context, (inside) =>
        poll(inside.clock, inside.signal, async () => {
          const health = await world.etcd.health(endpoint, 'linearizable', inside);
          return health.healthy ? world.etcd.status(endpoint, inside) : null;
        }),
      ),
    );
    await persist(context.clock, context.signal, async () => {
      await liftOldAlarms(world, endpoint, status.memberId, context);
      await roomIfFull(world, endpoint, context);
    });
    return { at: context.clock.now(), revision: status.revision };
  };
}

/**
 * etcd keeps alarms in its data. What was made of a snapshot that was taken under one, or of a survivor's data, would refuse every write,
 * and the API with it (safety 54): also the compaction that a full store needs. A survivor that is corrupt itself stays so: there is
 * nothing better.
 */
async function liftOldAlarms(
  world: RecoveryWorld,
  endpoint: string,
  memberId: string,
  context: EffectContext,
): Promise<void> {
  const alarms = await world.etcd.alarms([endpoint], context);
  const old = alarms.filter((alarm) => alarm.kind !== 'noSpace' && alarm.memberId !== memberId);
  await liftAlarms(world, [endpoint], old, context);
}

/** The quorum's own repair of a full store waits until the recovery has ended, which needs an etcd that takes writes (safety 54). */
async function roomIfFull(world: RecoveryWorld, endpoint: string, context: EffectContext): Promise<void> {
  const alarms = await world.etcd.alarms([endpoint], context);
  if (!alarms.some(({ kind }) => kind === 'noSpace')) return;
  world.log.warn("the restored etcd's store is full: compacting and defragmenting", { endpoint });
  await makeRoom(world.etcd, [endpoint], context.signal);
}

export function replayChanges(world: RecoveryWorld): Run<'replayChanges'> {
  return async ({ source, master }, context) => {
    if (source.kind !== 'backup') throw new Error('only a backup has a log of changes after it');
    const live = await chosen(world, master, context);
    const { revision, lost } = await onLiveMaster(world, live, context, (inside) =>
      world.replay(source, live.endpoint, inside),
    );
    world.log.warn('the changes since the snapshot are back', { revision, lost });
    return { at: context.clock.now(), revision, lost };
  };
}

/** Ends when the API has taken a write: through the balancer, as everybody reaches it. */
export function startControlPlane(world: RecoveryWorld): Run<'startControlPlane'> {
  return async ({ master }, context) => {
    const live = await chosen(world, master, context);
    await onLiveMaster(world, live, context, async (inside) => {
      await world.host.startControlPlane(live.id, inside);
      await persist(context.clock, inside.signal, async () => {
        await roomIfFull(world, live.endpoint, inside);
        await world.kubernetes.createBootstrapToken({
          ttlMs: probeMs,
          description: 'wdrip asks whether the API is writable',
        });
      });
    });
    return { at: context.clock.now() };
  };
}

/**
 * Takes away what the restored data says of things that are gone: Node objects whose instance the cloud does not know. An instance that is
 * younger than the snapshot is kept: its node registers again (safety 47). Leases of API servers were left out of the restore, and expire.
 */
export function reconcileCluster(world: RecoveryWorld): Run<'reconcileCluster'> {
  return async ({ master }, context) => {
    const live = await chosen(world, master, context);
    await onLiveMaster(world, live, context, (inside) => removeGoneNodes(world, inside));
    return { at: context.clock.now() };
  };
}

async function removeGoneNodes(world: RecoveryWorld, { clock, signal }: EffectContext): Promise<void> {
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
    await persist(clock, signal, () => world.kubernetes.releasePods(name, signal));
    await persist(clock, signal, () => world.kubernetes.deleteNode(name, signal));
  }
}
