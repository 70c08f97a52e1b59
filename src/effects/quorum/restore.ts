import type { QuorumEffects } from '../../../machines/etcd-quorum.ts';
import { Failure, toFailure } from '../../failure.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { QuorumWorld } from './world.ts';

/** Hands over to a recovery of its own, whose id is this attempt: a restart goes on with the same one. */
export function restoreQuorum(world: QuorumWorld) {
  return async (
    input: QuorumEffects['restoreQuorum']['input'],
    context: EffectContext,
  ): Promise<QuorumEffects['restoreQuorum']['output']> => {
    if (input.source === null)
      throw new Failure({
        kind: 'rejected',
        code: 'NoSource',
        message: 'nothing was chosen to restore from',
      });
    const { revision, lost } = await world
      .recover(context.attempt, input.source, context)
      .catch((caught: unknown) => {
        if (input.source?.kind === 'backup' && toFailure(caught).code === 'BackupDamaged')
          world.log.warn('a backup was found damaged while it was restored: the next best is taken', {
            backup: input.source.key,
            region: input.source.region,
            error: caught,
          });
        throw caught;
      });
    world.log.warn('the data is back on one master; the others join again', { revision, lost });
    return { at: context.clock.now(), revision };
  };
}

export function verifyQuorum(world: QuorumWorld) {
  return async (
    _: QuorumEffects['verifyQuorum']['input'],
    context: EffectContext,
  ): Promise<QuorumEffects['verifyQuorum']['output']> => {
    const wrong = await world.verify(context.signal);
    if (wrong === null) return { at: context.clock.now() };
    throw new Failure({ kind: 'retryable', code: 'NotAsRestored', message: wrong });
  };
}

export function reportQuorumTrouble(world: QuorumWorld) {
  return async (
    input: QuorumEffects['reportQuorumTrouble']['input'],
    context: EffectContext,
  ): Promise<QuorumEffects['reportQuorumTrouble']['output']> => {
    await world.tell(input.trouble, input.because);
    return { at: context.clock.now() };
  };
}
