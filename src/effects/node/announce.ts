import type { EffectInput } from '../../../machines/node.ts';
import { kubernetesNames } from '../../kubernetes/port.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { World } from '../world.ts';

/**
 * Says what is being done, as an Event on the Node and an annotation that other repair systems can see. Never in the way of the repair:
 * it isn't waited for, and its failure is logged.
 */
export function announce(
  world: World,
  input: EffectInput,
  context: EffectContext,
  entry: {
    readonly type: 'Normal' | 'Warning';
    readonly reason: string;
    readonly message: string;
    readonly rung?: string;
  },
): void {
  world.log.info(entry.message, { node: input.nodeName ?? input.slot, reason: entry.reason });
  const node = input.nodeName;
  if (node === null || world.nodeFacts(node) === null) return;
  const said = [
    world.kubernetes.event({
      node,
      type: entry.type,
      reason: entry.reason,
      message: entry.message,
      key: `${context.attempt}/${entry.reason}`,
    }),
    ...(entry.rung === undefined
      ? []
      : [world.kubernetes.annotate(node, { [kubernetesNames.repair]: entry.rung }, context.signal)]),
  ];
  Promise.all(said).catch((caught: unknown) => {
    // Called off with the rung.
    if (context.signal.aborted) return;
    world.log.warn('could not tell Kubernetes what is being done', {
      node,
      reason: entry.reason,
      error: caught,
    });
  });
}
