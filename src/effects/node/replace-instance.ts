import type { NodeEffects } from '../../../machines/node.ts';
import { type Instance, nodeNameOf } from '../../cloud/port.ts';
import { Failure } from '../../failure.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';
import { announce } from './announce.ts';
import { assertOurs, bodiesOf, make, persist, poll, unlessReady } from './instance.ts';

/** What a creation was asked with: the same token must come with the same parameters, or the cloud refuses it. */
interface Asked {
  readonly userData: string;
  /** Index into the pool's zones. A zone that had no stock is not asked again in this attempt. */
  readonly zone: number;
}

function isAsked(progress: unknown): progress is Asked {
  return typeof progress === 'object' && progress !== null && 'userData' in progress && 'zone' in progress;
}

/** Rung 4: the old instance goes first, for certain; then its pods and its Node object; then a new instance fills the slot. */
export function replaceInstance(world: World) {
  return async (
    input: NodeEffects['replaceInstance']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['replaceInstance']['output']> => {
    announce(world, input, context, {
      type: 'Warning',
      reason: 'ReplacingInstance',
      message: `wdrip replaces the instance ${input.instanceId ?? '(none)'} of ${input.slot}: ${input.because}`,
      rung: 'replacing',
    });
    const masters = input.role === 'controlPlane' ? bodiesOf(world) : null;
    if (input.instanceId !== null) {
      await masters?.leave(input.instanceId, context);
      await removeInstance(world, input.instanceId, context, input.slot);
    }
    if (input.nodeName !== null) {
      await world.kubernetes.releasePods(input.nodeName, context.signal);
      await world.kubernetes.deleteNode(input.nodeName, context.signal);
    }
    const { id, at } = await createInstance(world, input, context, () => world.prepareUserData(input.pool));
    const instance = await untilAddressed(world, id, context);
    await masters?.join(instance, context);
    return { at, instanceId: id, nodeName: nodeNameOf(instance) };
  };
}

/**
 * Deletes the instance and waits until the cloud says that it is gone: only then is its Node's name free (safety 29). `repaired`: the slot
 * whose node is to have failed; null where it goes however well it is.
 */
export async function removeInstance(
  world: World,
  id: string,
  context: EffectContext,
  repaired: string | null = null,
): Promise<void> {
  const { clock, signal } = context;
  let asked = false;
  await poll(clock, signal, async () => {
    const instance = await world.cloud.findInstance(id);
    if (instance === null) return true;
    if (!asked) {
      assertOurs(world, instance);
      asked = true;
      // A node whose instance does not run is not Ready, whatever is still said of it.
      const asking =
        repaired !== null && instance.status === 'Running'
          ? unlessReady(world, repaired, signal)
          : { signal };
      await make(world, { call: 'delete', instance: id }, clock, signal, () =>
        world.cloud.deleteInstance(id, asking),
      );
    }
    return null;
  });
}

/** Asks for a new instance, zone by zone while there is no stock. The token of each zone is the attempt's own. */
export async function createInstance(
  world: Pick<World, 'instanceSpecs' | 'cloud' | 'log'>,
  input: { readonly pool: string; readonly slot: string; readonly zone: string },
  context: EffectContext,
  prepareUserData: () => Promise<string>,
): Promise<{ id: string; at: number }> {
  const { clock, signal } = context;
  const specs = world.instanceSpecs(input);
  let asked: Asked = isAsked(context.progress)
    ? context.progress
    : { userData: await persist(clock, signal, prepareUserData), zone: 0 };
  for (;;) {
    const spec = specs[asked.zone];
    if (spec === undefined)
      throw new Failure({
        kind: 'rejected',
        code: 'OutOfStock',
        message: `no zone of pool ${input.pool} has an instance to give (asked: ${specs.map((each) => each.zone).join(', ')})`,
      });
    await context.checkpoint({ ...asked });
    const birth = { ...spec, userData: asked.userData };
    const token = `${context.attempt.slice(0, 61)}-${asked.zone}`;
    try {
      const at = clock.now();
      const id = await persist(clock, signal, () => world.cloud.runInstance(birth, token, { signal }));
      return { id, at };
    } catch (caught) {
      if (!(caught instanceof Failure) || caught.code !== 'OutOfStock') throw caught;
      world.log.warn('no stock; asking in the next zone', { zone: spec.zone, pool: input.pool });
      asked = { ...asked, zone: asked.zone + 1 };
    }
  }
}

/** Waits until the instance runs and has its address, which its node's name is made of. A new id may not be visible at once. */
export function untilAddressed(
  world: Pick<World, 'cloud'>,
  id: string,
  context: EffectContext,
): Promise<Instance> {
  return poll(context.clock, context.signal, async () => {
    const instance = await world.cloud.findInstance(id);
    if (instance === null) return null;
    return instance.status === 'Running' && instance.privateIp !== null ? instance : null;
  });
}
