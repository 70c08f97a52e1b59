import type { NodeEffects } from '../../../machines/node.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';
import { announce } from './announce.ts';
import { removeInstance } from './replace-instance.ts';

/** The end of a slot that nobody wants: its instance goes, for certain; then its pods and its Node object. */
export function retireInstance(world: World) {
  return async (
    input: NodeEffects['retireInstance']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['retireInstance']['output']> => {
    announce(world, input, context, {
      type: 'Normal',
      reason: 'RetiringInstance',
      message: `wdrip deletes the instance ${input.instanceId ?? '(none)'} of ${input.slot}: its pool was scaled down`,
      rung: 'retiring',
    });
    if (input.instanceId !== null) await removeInstance(world, input.instanceId, context);
    if (input.nodeName !== null) {
      await world.kubernetes.releasePods(input.nodeName, context.signal);
      await world.kubernetes.deleteNode(input.nodeName, context.signal);
    }
    return { at: context.clock.now() };
  };
}
