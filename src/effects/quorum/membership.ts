import {
  mayAdd,
  mayPromote,
  mayRemove,
  type QuorumMember,
  survivesWithout,
} from '../../../machines/quorum.ts';
import type { Endpoint } from '../../etcd/port.ts';
import { Failure } from '../../failure.ts';
import { sleep } from '../../runtime/clock.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { poll } from '../node/instance.ts';
import { liftAlarms } from './alarms.ts';
import { type ClusterLook, lookAtCluster } from './look.ts';
import { endpointOf, peerUrlOf, type QuorumWorld } from './world.ts';

type Watched = Pick<EffectContext, 'clock' | 'signal'>;
type Parts = Pick<QuorumWorld, 'etcd' | 'masters' | 'log'>;

/** A quorum is taken for lost, right before a call, when so many looks in a row found none, so far apart, in ms. */
const looksAtLoss = 4;
const lookAgainMs = 2_000;

/** A look at etcd now, and whom to ask. */
export interface Looked {
  readonly look: ClusterLook;
  readonly endpoints: readonly Endpoint[];
}

export async function lookNow(world: Parts, { signal }: Pick<Watched, 'signal'>): Promise<Looked> {
  const masters = await world.masters(signal);
  const endpoints = masters.flatMap(({ ip, instance }) =>
    ip === null || instance.status === 'Stopped' ? [] : [endpointOf(ip)],
  );
  return { look: await lookAtCluster(world.etcd, endpoints, { signal }), endpoints };
}

export function arithmetic({ members }: ClusterLook): readonly QuorumMember[] {
  return members.map(({ id, learner, started, healthy, alarm }) => ({
    id,
    voter: !learner,
    started,
    healthy,
    corrupt: alarm === 'corrupt',
    zone: '',
  }));
}

function needQuorum({ held, why }: ClusterLook): void {
  if (!held)
    throw new Failure({
      kind: 'retryable',
      code: 'NoQuorum',
      message: `etcd has no quorum: ${why ?? 'nobody answered'}`,
    });
}

function refused(what: string, because: string): Failure {
  return new Failure({ kind: 'rejected', code: 'QuorumAtRisk', message: `${what} is refused: ${because}` });
}

/**
 * Takes a member out of the membership; one that is not in it is no error. Looks before, right before: if the quorum would not survive it,
 * it throws `QuorumAtRisk`. A leader hands over first. An unclear answer is settled by looking again.
 */
export function takeOut(
  world: Parts,
  which: { readonly id: string } | { readonly instanceId: string; readonly ip: string | null },
  context: Watched,
): Promise<void> {
  return poll(context.clock, context.signal, async () => {
    const { look, endpoints } = await lookNow(world, context);
    needQuorum(look);
    const member = look.members.find((each) =>
      // A member is called after its instance, once it has started: until then it has an address only.
      'id' in which
        ? each.id === which.id
        : each.name === which.instanceId || (which.ip !== null && each.hosts.includes(which.ip)),
    );
    if (member === undefined) {
      await liftAlarms(world, endpoints, look.strayAlarms, context);
      return { done: true };
    }
    const verdict = mayRemove(arithmetic(look), member.id);
    if (!verdict.may && verdict.because === 'noQuorum') needQuorum({ ...look, held: false });
    if (!verdict.may) throw refused(`removing the etcd member ${member.id}`, verdict.because);
    if (look.leader === member.id && member.healthy) {
      const next = look.members.find(({ id, learner, healthy }) => id !== member.id && !learner && healthy);
      const leader = member.clientUrls[0];
      if (next !== undefined && leader !== undefined)
        await world.etcd
          .moveLeader(leader, next.id, context)
          .catch((caught: unknown) =>
            world.log.warn('the etcd leader did not hand over; another is elected', { error: caught }),
          );
    }
    await world.etcd.removeMember(endpoints, member.id, context).catch((caught: unknown) => {
      if (!(caught instanceof Failure) || caught.code !== 'MemberNotFound') throw caught;
    });
    if (member.alarm !== null)
      await liftAlarms(world, endpoints, [{ memberId: member.id, kind: member.alarm }], context);
    return { done: true };
  }).then(() => {});
}

/**
 * Throws `QuorumAtRisk` (retryable: it may pass) unless the quorum can do without a member for the time of a boot: admission looked before,
 * and another master may have failed since. One that is lost has nothing more to lose, and of a single voter admission has decided.
 */
export async function assertSpare(
  world: Parts,
  { instanceId, ip }: { readonly instanceId: string; readonly ip: string | null },
  context: Watched,
): Promise<void> {
  let { look } = await lookBefore(world, context);
  // That nobody answers once proves no loss: then every voter counts.
  for (let looks = 1; !look.held && looks < looksAtLoss; looks += 1) {
    await sleep(context.clock, lookAgainMs, context.signal);
    look = (await lookBefore(world, context)).look;
  }
  const member = look.members.find(
    ({ name, hosts }) => name === instanceId || (ip !== null && hosts.includes(ip)),
  );
  const members = arithmetic(look);
  const isOnlyVoter = members.filter(({ voter }) => voter).length === 1;
  if (!look.held || member === undefined || isOnlyVoter || survivesWithout(members, member.id)) return;
  throw atRisk(`the quorum needs the etcd member ${member.id} now: it is waited for another one`);
}

/** A look that a call waits for: where it can't be made, nothing was done either (`make` asks again). */
export async function lookBefore(world: Parts, context: Watched): Promise<Looked> {
  try {
    return await lookNow(world, context);
  } catch (caught) {
    context.signal.throwIfAborted();
    if (!(caught instanceof Failure)) throw caught;
    throw atRisk(`the quorum could not be looked at: ${caught.message}`, caught);
  }
}

function atRisk(message: string, cause?: Failure): Failure {
  return new Failure({ kind: 'retryable', code: 'QuorumAtRisk', message }, { cause });
}

/** Adds the master at this address as a learner, unless it is a member already. Returns the member's id. */
export function letJoin(world: Parts, ip: string, context: Watched): Promise<string> {
  return poll(context.clock, context.signal, async () => {
    const { look, endpoints } = await lookNow(world, context);
    needQuorum(look);
    // Left by a removal that was cut off before its end.
    await liftAlarms(world, endpoints, look.strayAlarms, context);
    const known = look.members.find(({ hosts }) => hosts.includes(ip));
    if (known !== undefined) return known.id;
    const verdict = mayAdd(arithmetic(look));
    // All else passes: a member that did not answer this once is no reason to give up.
    if (!verdict.may && verdict.because !== 'tooManyVoters')
      throw new Failure({
        kind: 'retryable',
        code: 'UnhealthyCluster',
        message: `no learner can be added yet: ${verdict.because}`,
      });
    if (!verdict.may) throw refused(`adding a learner at ${ip}`, verdict.because);
    const member = await world.etcd.addLearner(endpoints, [peerUrlOf(ip)], context);
    return member.id;
  });
}

/** Promotes the learner as soon as it has caught up, however long that takes within the caller's deadline. One that votes is done. */
export function promote(world: Parts, id: string, context: Watched): Promise<void> {
  return poll(context.clock, context.signal, async () => {
    const { look, endpoints } = await lookNow(world, context);
    needQuorum(look);
    const member = look.members.find((each) => each.id === id);
    if (member === undefined)
      throw new Failure({
        kind: 'rejected',
        code: 'MemberNotFound',
        message: `etcd has no member ${id} any more`,
      });
    if (!member.learner) return { done: true };
    const verdict = mayPromote(arithmetic(look), id);
    // It is still starting, or another one is away for a moment.
    if (!verdict.may) return null;
    await world.etcd.promote(endpoints, id, context).catch((caught: unknown) => {
      if (!(caught instanceof Failure) || caught.code !== 'NotLearner') throw caught;
    });
    return { done: true };
  }).then(() => {});
}
