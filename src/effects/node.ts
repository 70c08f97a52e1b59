import type { NodeEffects } from '../../machines/node.ts';
import type { Effect } from '../runtime/types.ts';
import { asEffect } from './as-effect.ts';
import { drainNode } from './node/drain.ts';
import { clearMarks, reportTrouble } from './node/marks.ts';
import { replaceInstance } from './node/replace-instance.ts';
import { resetInstance } from './node/reset-instance.ts';
import { restartInstance } from './node/restart-instance.ts';
import { restartKubelet } from './node/restart-kubelet.ts';
import { retireInstance } from './node/retire-instance.ts';
import type { World } from './world.ts';

/** Everything that the node machine invokes, by the names that it uses. */
export function nodeEffects(world: World): Readonly<Record<keyof NodeEffects, Effect>> {
  return {
    requestPermit: asEffect<NodeEffects['requestPermit']>(async (input, context) => {
      const permit = await world.requestPermit(input, context);
      return { at: context.clock.now(), permit };
    }),
    restartKubelet: asEffect<NodeEffects['restartKubelet']>(restartKubelet(world)),
    drainNode: asEffect<NodeEffects['drainNode']>(drainNode(world)),
    restartInstance: asEffect<NodeEffects['restartInstance']>(restartInstance(world)),
    resetInstance: asEffect<NodeEffects['resetInstance']>(resetInstance(world)),
    replaceInstance: asEffect<NodeEffects['replaceInstance']>(replaceInstance(world)),
    retireInstance: asEffect<NodeEffects['retireInstance']>(retireInstance(world)),
    clearMarks: asEffect<NodeEffects['clearMarks']>(clearMarks(world)),
    reportTrouble: asEffect<NodeEffects['reportTrouble']>(reportTrouble(world)),
  };
}
