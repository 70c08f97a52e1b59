import type { NodeEffects } from '../../machines/node.ts';
import type { Json } from '../runtime/record.ts';
import type { Effect, EffectContext } from '../runtime/types.ts';
import { drainNode } from './node/drain.ts';
import { clearMarks, reportTrouble } from './node/marks.ts';
import { replaceInstance } from './node/replace-instance.ts';
import { resetInstance } from './node/reset-instance.ts';
import { restartInstance } from './node/restart-instance.ts';
import { restartKubelet } from './node/restart-kubelet.ts';
import { retireInstance } from './node/retire-instance.ts';
import type { World } from './world.ts';

type NodeEffect<K extends keyof NodeEffects> = (
  input: NodeEffects[K]['input'],
  context: EffectContext,
) => Promise<NodeEffects[K]['output']>;

/**
 * The border between the runtime's JSON and an effect's own types. The input was made by the machine's `input` function, whose type is
 * the same NodeEffects, so it is what it says.
 */
function asEffect<K extends keyof NodeEffects>(effect: NodeEffect<K>): Effect {
  return async (input, context) =>
    ({ ...(await effect(input as unknown as NodeEffects[K]['input'], context)) }) as Json;
}

/** Everything that the node machine invokes, by the names that it uses. */
export function nodeEffects(world: World): Readonly<Record<keyof NodeEffects, Effect>> {
  return {
    requestPermit: asEffect<'requestPermit'>(async (input, context) => {
      const permit = await world.requestPermit(input, context);
      return { at: context.clock.now(), permit };
    }),
    restartKubelet: asEffect<'restartKubelet'>(restartKubelet(world)),
    drainNode: asEffect<'drainNode'>(drainNode(world)),
    restartInstance: asEffect<'restartInstance'>(restartInstance(world)),
    resetInstance: asEffect<'resetInstance'>(resetInstance(world)),
    replaceInstance: asEffect<'replaceInstance'>(replaceInstance(world)),
    retireInstance: asEffect<'retireInstance'>(retireInstance(world)),
    clearMarks: asEffect<'clearMarks'>(clearMarks(world)),
    reportTrouble: asEffect<'reportTrouble'>(reportTrouble(world)),
  };
}
