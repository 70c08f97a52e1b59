import type { NodeEffects } from '../../../machines/node.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';
import { announce } from './announce.ts';

/** Cordons the node and moves its pods away. Asked again after a crash it goes on with what is left. */
export function drainNode(world: World) {
  return async (
    input: NodeEffects['drainNode']['input'],
    context: EffectContext,
  ): Promise<NodeEffects['drainNode']['output']> => {
    await world.whenSighted(context.signal);
    const node = input.nodeName;
    const facts = node === null ? null : world.nodeFacts(node);
    if (node === null || facts === null) return { at: context.clock.now() };
    announce(world, input, context, {
      type: 'Warning',
      reason: 'Draining',
      message: `wdrip moves the pods away from ${node}: ${input.because}`,
      rung: 'draining',
    });
    await world.kubernetes.cordon(node, context.attempt, context.signal);
    const progress = await world.kubernetes.drain(node, {
      deadlineMs: input.deadlineMs,
      // A kubelet that reports False is alive and can end its pods; one that is silent can't confirm anything (safety 27).
      unreachable: facts.ready !== 'False',
      signal: context.signal,
    });
    announce(world, input, context, {
      type: progress.left > 0 ? 'Warning' : 'Normal',
      reason: 'Drained',
      message:
        `${progress.evicted} of ${progress.total} pods evicted from ${node}` +
        (progress.blocked.length > 0 ? `, ${progress.blocked.length} held by disruption budgets` : ''),
    });
    return { at: context.clock.now() };
  };
}
