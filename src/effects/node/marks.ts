import type { NodeEffects } from '../../../machines/node.ts';
import { kubernetesNames } from '../../kubernetes/port.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';
import { announce } from './announce.ts';

/** Lifts what wdrip set on the Node: its cordon (never a person's) and its annotation. */
export function clearMarks(world: World) {
  return async (
    input: NodeEffects['clearMarks']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['clearMarks']['output']> => {
    if (input.nodeName !== null) {
      await world.kubernetes.uncordon(input.nodeName, context.signal);
      await world.kubernetes.annotate(input.nodeName, { [kubernetesNames.repair]: null }, context.signal);
      announce(world, input, context, {
        type: 'Normal',
        reason: 'Recovered',
        message: 'the node is Ready again',
      });
    }
    return { at: context.clock.now() };
  };
}

/** Tells people, on the Node and in the log, that they are needed or soon may be. */
export function reportTrouble(world: World) {
  return async (
    input: NodeEffects['reportTrouble']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['reportTrouble']['output']> => {
    const climbFailed = input.trouble === 'climbFailed';
    announce(world, input, context, {
      type: 'Warning',
      reason: climbFailed ? 'RepairFailed' : 'RepairHeld',
      message: climbFailed
        ? `no rung of the repair ladder could be finished or made the node Ready: ${input.because}. wdrip climbs again after the throttle`
        : `repairs of this node are held: ${input.because}`,
    });
    return { at: context.clock.now() };
  };
}
