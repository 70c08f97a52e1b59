import type { QuorumContext } from '../../machines/etcd-quorum.ts';
import type { Happened } from './driver.ts';

type Step = Happened<QuorumContext>;

const changes = /\.(removing|rebuilding|addingLearner)$/;

function started(step: Step, src: string): boolean {
  return step.started.some((each) => each.src === src);
}

/** What must never happen, each by its name, and the transitions that do it. Independent of how the machine is written. */
const rules: Readonly<Record<string, (step: Step) => boolean>> = {
  'the membership is changed without a permit': ({ to, after }) => changes.test(to) && after.permit === null,
  'the membership is changed while no quorum answers': (step) =>
    (started(step, 'removeMember') || started(step, 'rebuildMember') || started(step, 'addLearner')) &&
    !step.after.held,
  'data is restored although a quorum answers': (step) => started(step, 'restoreQuorum') && step.after.held,
  'data is restored without a source': (step) => started(step, 'restoreQuorum') && step.after.source === null,
  'data is restored without the loss having been confirmed': (step) =>
    started(step, 'restoreQuorum') && step.after.failedChecks < 6,
  'something begins while repairs are paused': (step) =>
    step.after.paused &&
    ['requestMemberPermit', 'restartMember', 'restoreQuorum', 'reviveMembers', 'promoteLearner'].some((src) =>
      started(step, src),
    ),
  'a member is rebuilt that was not removed before': (step) =>
    started(step, 'rebuildMember') && step.after.target?.memberId != null,
  'a permit is kept where nothing is under repair': ({ to, after }) =>
    /^(healthy|unknown|degraded\.waiting|lost\.(confirming|reviving|failed|throttled|undecided))/.test(to) &&
    after.permit !== null,
};

export function brokenQuorumRules(step: Step): readonly string[] {
  return Object.entries(rules).flatMap(([name, isBroken]) => (isBroken(step) ? [name] : []));
}
