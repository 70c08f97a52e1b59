import type { QuorumEffects } from '../../machines/etcd-quorum.ts';
import type { Effect } from '../runtime/types.ts';
import { asEffect } from './as-effect.ts';
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

/** Everything that the quorum machine invokes, by the names that it uses. */
export function quorumEffects(world: QuorumWorld): Readonly<Record<keyof QuorumEffects, Effect>> {
  return {
    requestMemberPermit: asEffect<QuorumEffects['requestMemberPermit']>(async (input, context) => {
      const permit = await world.requestMemberPermit(input, context);
      return { at: context.clock.now(), permit };
    }),
    restartMember: asEffect<QuorumEffects['restartMember']>(restartMember(world)),
    removeMember: asEffect<QuorumEffects['removeMember']>(removeMember(world)),
    rebuildMember: asEffect<QuorumEffects['rebuildMember']>(rebuildMember(world)),
    addLearner: asEffect<QuorumEffects['addLearner']>(addLearner(world)),
    promoteLearner: asEffect<QuorumEffects['promoteLearner']>(promoteLearner(world)),
    clearAlarm: asEffect<QuorumEffects['clearAlarm']>(clearAlarm(world)),
    checkQuorum: asEffect<QuorumEffects['checkQuorum']>(checkQuorum(world)),
    reviveMembers: asEffect<QuorumEffects['reviveMembers']>(reviveMembers(world)),
    chooseSource: asEffect<QuorumEffects['chooseSource']>(chooseSource(world)),
    restoreQuorum: asEffect<QuorumEffects['restoreQuorum']>(restoreQuorum(world)),
    verifyQuorum: asEffect<QuorumEffects['verifyQuorum']>(verifyQuorum(world)),
    reportQuorumTrouble: asEffect<QuorumEffects['reportQuorumTrouble']>(reportQuorumTrouble(world)),
  };
}
