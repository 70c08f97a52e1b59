import type { QuorumContext } from '../../machines/etcd-quorum.ts';
import { asQuorum, type MemberFacts } from '../../machines/members.ts';
import { mayRemove } from '../../machines/quorum.ts';
import { defaultQuorumPolicy } from '../../machines/quorum-contract.ts';
import type { Moved, Rules } from './explore.ts';

type Step = Moved<QuorumContext>;

/** Where the membership, or the data, is changed: nobody else may hold a permit then, and elsewhere the quorum holds none. */
const needsPermit =
  /(replacingMember\.(removing|rebuilding|addingLearner|promoting)|takingOut\.removing|lost\.restoring)$/;
/** After a restore, until it was verified. */
const unfinishedRestore = /^lost\.(restoring|rejoining|verifying|unverified)/;

function started({ started: begun }: Pick<Step, 'started'>, ...effects: readonly string[]): boolean {
  return begun.some(({ src }) => effects.includes(src));
}

function isSame(one: MemberFacts | null, other: MemberFacts | null): boolean {
  return one?.slot === other?.slot && one?.instanceId === other?.instanceId;
}

/** A master found the backup damaged that it was given. */
function afterDamage({ from, event }: Step): boolean {
  return from === 'lost.restoring' && event === 'xstate.error.actor.restoreQuorum';
}

/** What an effect is told to work on, or how. */
function told(step: Step, field: 'slot' | 'memberId' | 'readThrough'): unknown {
  const [input] = step.started.map((each) => each.input);
  return typeof input === 'object' && input !== null ? Reflect.get(input, field) : undefined;
}

/** What must never happen, each by its name, and the transitions that do it. Independent of how the machine is written. */
export const quorumRules: Rules<QuorumContext> = {
  'the membership or the data is changed without a permit': ({ to, after }) =>
    needsPermit.test(to) && after.permit === null,
  'a permit is kept where nothing is changed': ({ to, after }) =>
    !needsPermit.test(to) && after.permit !== null,
  'the membership is changed while no quorum answers': (step) =>
    started(step, 'removeMember', 'rebuildMember', 'addLearner') && !step.after.held,
  // Safety 36, 41, 42.
  'a member is removed that the quorum hangs on': (step) =>
    started(step, 'removeMember') &&
    !mayRemove(asQuorum(step.after.members), String(told(step, 'memberId'))).may,
  // Safety 43.
  'a member is rebuilt that was not removed before': (step) =>
    started(step, 'rebuildMember') && step.after.target?.memberId != null,
  // Safety 41.
  'one change of a member begins before the other is over': ({ from, to, before, after }) =>
    needsPermit.test(from) && needsPermit.test(to) && !isSame(before.target, after.target),
  'a change of the membership goes on without the step before it': (step) =>
    (started(step, 'rebuildMember') && !/(admitting|removing)$/.test(step.from)) ||
    (started(step, 'addLearner') && step.event !== 'xstate.done.actor.rebuildMember'),
  'a member is restarted again and again': (step) =>
    started(step, 'restartMember') && step.before.restarted.includes(String(told(step, 'slot'))),
  'a corrupt member is restarted or told to free its store': (step) =>
    started(step, 'restartMember', 'clearAlarm') && step.after.target?.alarm === 'corrupt',
  // Safety 44, and the five below.
  'data is restored although a quorum answers': (step) => started(step, 'restoreQuorum') && step.after.held,
  'data is restored without a source': (step) => started(step, 'restoreQuorum') && step.after.source === null,
  'data is restored without the loss having been confirmed': (step) =>
    started(step, 'restoreQuorum') &&
    step.after.failedChecks < (step.after.policy.checks ?? defaultQuorumPolicy.checks),
  'data is restored without proof that was looked for now': (step) =>
    started(step, 'restoreQuorum') && step.event !== 'xstate.done.actor.chooseSource',
  'a source is looked for before what loses nothing was tried': (step) =>
    started(step, 'chooseSource') && step.from !== 'lost.reviving' && !afterDamage(step),
  // Safety 49.
  'a backup is chosen by its looks after one was found damaged': (step) =>
    started(step, 'chooseSource') && afterDamage(step) && told(step, 'readThrough') !== true,
  'damage is passed over again and again, and nobody is told': (step) =>
    started(step, 'chooseSource') && afterDamage(step) && step.before.failedRepairs > 0,
  'what loses nothing is tried before the loss was confirmed': (step) =>
    started(step, 'reviveMembers') &&
    step.after.failedChecks < (step.after.policy.checks ?? defaultQuorumPolicy.checks),
  // Safety 45, 46: data that differs, or leases of the past.
  'a restore is over and was not verified': ({ event, from, to }) =>
    unfinishedRestore.test(from) && !to.startsWith('lost') && event !== 'xstate.done.actor.verifyQuorum',
  // A change of a member that has begun is brought to its end: half of one would be worse.
  'something begins while repairs are paused': (step) =>
    step.after.paused &&
    (started(step, 'requestMemberPermit', 'restartMember', 'clearAlarm', 'restoreQuorum', 'reviveMembers') ||
      (started(step, 'removeMember', 'rebuildMember') && step.from.endsWith('admitting')) ||
      (started(step, 'promoteLearner') && step.event !== 'xstate.done.actor.addLearner')),
  'people are not told what they must decide': (step) =>
    step.from !== step.to &&
    /^lost\.(undecided|throttled)$/.test(step.to) &&
    !started(step, 'reportQuorumTrouble'),
  'a healthy quorum remembers': ({ to, after }) =>
    to === 'healthy' &&
    (after.target !== null ||
      after.restarted.length > 0 ||
      after.source !== null ||
      after.failedChecks > 0 ||
      after.failure !== null),
};

export function brokenQuorumRules(step: Step): readonly string[] {
  return Object.entries(quorumRules).flatMap(([name, isBroken]) => (isBroken(step) ? [name] : []));
}
