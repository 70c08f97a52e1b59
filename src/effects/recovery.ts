import type { RecoveryEffects } from '../../machines/recovery.ts';
import type { Effect } from '../runtime/types.ts';
import { asEffect } from './as-effect.ts';
import { prepareMaster } from './recovery/prepare-master.ts';
import {
  keepOldData,
  reconcileCluster,
  replayChanges,
  restoreData,
  startControlPlane,
  stopControlPlane,
} from './recovery/steps.ts';
import type { RecoveryWorld } from './recovery/world.ts';

/** Everything that the recovery machine invokes, by the names that it uses. */
export function recoveryEffects(world: RecoveryWorld): Readonly<Record<keyof RecoveryEffects, Effect>> {
  return {
    prepareMaster: asEffect<RecoveryEffects['prepareMaster']>(prepareMaster(world)),
    stopControlPlane: asEffect<RecoveryEffects['stopControlPlane']>(stopControlPlane(world)),
    keepOldData: asEffect<RecoveryEffects['keepOldData']>(keepOldData(world)),
    restoreData: asEffect<RecoveryEffects['restoreData']>(restoreData(world)),
    replayChanges: asEffect<RecoveryEffects['replayChanges']>(replayChanges(world)),
    reconcileCluster: asEffect<RecoveryEffects['reconcileCluster']>(reconcileCluster(world)),
    startControlPlane: asEffect<RecoveryEffects['startControlPlane']>(startControlPlane(world)),
  };
}
