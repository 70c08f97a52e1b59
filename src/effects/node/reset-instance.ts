import type { NodeEffects } from '../../../machines/node.ts';
import type { Instance } from '../../cloud/port.ts';
import { Failure } from '../../failure.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';
import { announce } from './announce.ts';
import {
  bodiesOf,
  make,
  ourInstance,
  persist,
  poll,
  theInstance,
  unlessReady,
  waitForStatus,
} from './instance.ts';

/**
 * Rung 3: stop, fresh user data, new system disk, start. Each step looks whether it is already done, by the id of the disk and the
 * state of the instance, so that a crash between any two of them is carried on from where it was.
 */
export function resetInstance(world: World) {
  return async (
    input: NodeEffects['resetInstance']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['resetInstance']['output']> => {
    const { clock, signal } = context;
    // What was begun before a crash is gone on with, or only waited for.
    const find = context.progress === null ? ourInstance : theInstance;
    let instance = await find(world, input.instanceId, context);
    const oldDisk =
      typeof context.progress === 'string' ? context.progress : (instance.systemDiskId ?? 'none');
    if (context.progress === null) await context.checkpoint(oldDisk);
    announce(world, input, context, {
      type: 'Warning',
      reason: 'ResettingInstance',
      message: `wdrip gives ${instance.id} a new system disk: ${input.because}`,
      rung: 'resetting',
    });
    const masters = input.role === 'controlPlane' ? bodiesOf(world) : null;
    let stoppedAt = clock.now();
    if ((instance.systemDiskId ?? 'none') === oldDisk) {
      // Only the old disk's member: asked again after a crash, the new one's may have joined already.
      await masters?.leave(instance.id, context);
      instance = await stopped(world, input.slot, instance, context);
      stoppedAt = clock.now();
      if (input.nodeName !== null) await release(world, input.nodeName, signal);
      const { id, imageId } = instance;
      const userData = await persist(clock, signal, () => world.prepareUserData(input.pool));
      await persist(clock, signal, () => world.cloud.setUserData(id, userData, { signal }));
      await persist(clock, signal, () =>
        world.cloud.replaceSystemDisk(id, imageId, context.attempt, { signal }),
      );
    }
    await running(world, instance.id, context);
    await masters?.join(await theInstance(world, instance.id, context), context);
    signal.throwIfAborted();
    return { at: stoppedAt };
  };
}

/** By force: the disk is about to go, and an operating system that hangs would take minutes to say so (safety 31). */
async function stopped(
  world: World,
  slot: string,
  instance: Instance,
  context: EffectContext,
): Promise<Instance> {
  const settled = await waitForStatus(
    world,
    instance.id,
    ['Running', 'Stopped'],
    context.clock,
    context.signal,
  );
  if (settled.status === 'Stopped') return settled;
  const { clock, signal } = context;
  await make(world, { call: 'stop', instance: instance.id }, clock, signal, () =>
    world.cloud.stop(instance.id, { force: true, ...unlessReady(world, slot, signal) }),
  );
  return waitForStatus(world, instance.id, ['Stopped'], context.clock, context.signal);
}

/** The cloud says Stopped, so nothing on it can write any more: its pods may move, with their volumes (safety 28, 29). */
async function release(world: World, node: string, signal: AbortSignal): Promise<void> {
  try {
    await world.kubernetes.releasePods(node, signal);
  } catch (caught) {
    signal.throwIfAborted();
    if (!(caught instanceof Failure)) throw caught;
    world.log.warn('could not release the pods of a stopped node', { node, error: caught });
  }
}

/** Starts the instance unless it runs or is about to. One start a look: asked again, it is Starting or Running by then. */
async function running(world: World, id: string, context: EffectContext): Promise<void> {
  let started = false;
  await poll(context.clock, context.signal, async () => {
    const { status } = await theInstance(world, id, context);
    if (status === 'Running') return true;
    if (status === 'Stopped' && !started) {
      started = true;
      await make(world, { call: 'start', instance: id }, context.clock, context.signal, () =>
        world.cloud.start(id, { signal: context.signal }),
      );
    }
    return null;
  });
}
