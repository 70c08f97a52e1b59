import type { QuorumEffects } from '../../machines/etcd-quorum.ts';
import type { Json } from '../runtime/record.ts';
import type { Effect, EffectContext } from '../runtime/types.ts';
import {
  addLearner,
  clearAlarm,
  promoteLearner,
  rebuildMember,
  removeMember,
  restartMember,
} from './quorum/change-members.ts';
import { chooseSource } from './quorum/choose-source.ts';
import { reportQuorumTrouble, restoreQuorum, verifyQuorum } from './quorum/restore.ts';
import { checkQuorum, reviveMembers } from './quorum/revive.ts';
import type { QuorumWorld } from './quorum/world.ts';

type QuorumEffect<K extends keyof QuorumEffects> = (
  input: QuorumEffects[K]['input'],
  context: EffectContext,
) => Promise<QuorumEffects[K]['output']>;

/** The border between the runtime's JSON and an effect's own types, as in node.ts: the machine's `input` function made the input, and its `output` is plain data. */
function asEffect<K extends keyof QuorumEffects>(effect: QuorumEffect<K>): Effect {
  return async (input, context) =>
    (await effect(input as unknown as QuorumEffects[K]['input'], context)) as unknown as Json;
}

/** Everything that the quorum machine invokes, by the names that it uses. */
export function quorumEffects(world: QuorumWorld): Readonly<Record<keyof QuorumEffects, Effect>> {
  return {
    requestMemberPermit: asEffect<'requestMemberPermit'>(async (input, context) => {
      const permit = await world.requestMemberPermit(input, context);
      return { at: context.clock.now(), permit };
    }),
    restartMember: asEffect<'restartMember'>(restartMember(world)),
    removeMember: asEffect<'removeMember'>(removeMember(world)),
    rebuildMember: asEffect<'rebuildMember'>(rebuildMember(world)),
    addLearner: asEffect<'addLearner'>(addLearner(world)),
    promoteLearner: asEffect<'promoteLearner'>(promoteLearner(world)),
    clearAlarm: asEffect<'clearAlarm'>(clearAlarm(world)),
    checkQuorum: asEffect<'checkQuorum'>(checkQuorum(world)),
    reviveMembers: asEffect<'reviveMembers'>(reviveMembers(world)),
    chooseSource: asEffect<'chooseSource'>(chooseSource(world)),
    restoreQuorum: asEffect<'restoreQuorum'>(restoreQuorum(world)),
    verifyQuorum: asEffect<'verifyQuorum'>(verifyQuorum(world)),
    reportQuorumTrouble: asEffect<'reportQuorumTrouble'>(reportQuorumTrouble(world)),
  };
}
