import type { QuorumEffects } from '../../../machines/etcd-quorum.ts';
import { makeRoom } from '../../etcd/port.ts';
import { Failure } from '../../failure.ts';
import { sleep } from '../../runtime/clock.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { bootId, make, ourInstance, poll } from '../node/instance.ts';
import { liftAlarms } from './alarms.ts';
import { assertSpare, letJoin, lookNow, promote, takeOut } from './membership.ts';
import type { Master, QuorumWorld } from './world.ts';

/** A master whose agent is silent is rebooted at the second failed repair in a row, and again after so many more: about once an hour. */
const repairsPerReboot = 10;
/** The longest that a reboot is waited for, and from one question to its agent to the next, in ms. */
const bootMs = 180_000;
const askEveryMs = 10_000;

type Run<K extends keyof QuorumEffects> = (
  input: QuorumEffects[K]['input'],
  context: EffectContext,
) => Promise<QuorumEffects[K]['output']>;

/** The master of a slot, with its address. Throws `InstanceGone` if it has none. */
async function masterOf(world: QuorumWorld, slot: string | null, context: EffectContext) {
  const master = (await world.masters(context.signal)).find((each) => each.slot === slot);
  if (master === undefined || master.ip === null)
    throw new Failure({
      kind: 'notFound',
      code: 'InstanceGone',
      message: `the master ${slot ?? '(none)'} has no instance with an address`,
    });
  await ourInstance(world, master.instance.id, context);
  return { ...master, ip: master.ip };
}

/**
 * Restarting twice does no harm: after a crash it is simply asked for again. A member that seems silent may serve all the same: where a
 * ladder is at work on a master, or the others are not a quorum, it is waited for.
 */
export function restartMember(world: QuorumWorld): Run<'restartMember'> {
  return async (input, context) => {
    const { instance, ip } = await masterOf(world, input.slot, context);
    await poll(context.clock, context.signal, async () => {
      if (world.workedOn().length > 0) return null;
      await assertSpare(world, { instanceId: instance.id, ip }, context);
      return world.workedOn().length === 0 ? true : null;
    });
    world.log.warn('etcd is restarted on a master', { slot: input.slot, because: input.because });
    await world.host.restartEtcd(instance.id, context);
    return { at: context.clock.now() };
  };
}

export function removeMember(world: QuorumWorld): Run<'removeMember'> {
  return async (input, context) => {
    if (input.memberId !== null) {
      world.log.warn('an etcd member is removed', {
        member: input.memberId,
        slot: input.slot,
        because: input.because,
      });
      await world.backupFirst(`the etcd member ${input.memberId} is removed`, context);
      await takeOut(world, { id: input.memberId }, context);
    }
    return { at: context.clock.now() };
  };
}

/** Only a master that is no member any more is emptied: its data can never be used again then (safety 43). */
export function rebuildMember(world: QuorumWorld): Run<'rebuildMember'> {
  return async (input, context) => {
    const master = await masterOf(world, input.slot, context);
    const { look } = await lookNow(world, context);
    const still = look.members.find(({ hosts }) => hosts.includes(master.ip));
    // Asked again after a crash, it may be a learner already: its data is that of the new member then.
    if (still?.learner) return { at: context.clock.now() };
    if (!look.held || still !== undefined)
      throw new Failure({
        kind: 'rejected',
        code: 'QuorumAtRisk',
        message: `the data of ${master.slot} is not emptied: ${look.held ? 'it is still a member of etcd' : 'etcd has no quorum'}`,
      });
    const seeds = look.members.filter(({ healthy }) => healthy).flatMap(({ hosts }) => hosts);
    await world.host.joinExisting(master.instance.id, seeds, context).catch(async (caught: unknown) => {
      const isSilent = caught instanceof Failure && caught.code === 'AgentSilent';
      if (isSilent && input.failedBefore % repairsPerReboot === 1) await wake(world, master, context);
      throw caught;
    });
    return { at: context.clock.now() };
  };
}

/**
 * Reboots a master that can be given no command and that its own ladder finds well, once an attempt, and waits until it is back, `bootMs`
 * at most: the permit keeps its ladder away meanwhile. It is no member of etcd, so the quorum loses nothing, and of a control-plane node
 * without its etcd there is little that a reboot would disturb.
 */
async function wake(world: QuorumWorld, { slot, instance }: Master, context: EffectContext): Promise<void> {
  const { clock, signal } = context;
  if (context.progress !== 'rebooted') {
    if (world.wellAt(slot) === null) return;
    const because = 'its etcd must be built anew, and its agent does not answer';
    world.log.warn('rebooting a master that is no member of etcd', { slot, because });
    await context.checkpoint('rebooted');
    await world.announceReboot(slot, because, context);
    await make(world, { call: 'reboot', instance: instance.id }, clock, signal, () =>
      world.cloud.reboot(instance.id, {
        force: true,
        signal,
        before: async () => {
          if (world.wellAt(slot) === null) throw itsLadders(slot);
        },
      }),
    );
  }
  // A heartbeat from before is of the time before.
  const rebootedAt = clock.now();
  for (const until = rebootedAt + bootMs; clock.now() < until; await sleep(clock, askEveryMs, signal)) {
    const token = `${context.attempt.slice(0, 40)}-awake-${clock.now()}`;
    const boot = await bootId(world.cloud, instance.id, token, signal);
    if (boot !== null && (world.wellAt(slot) ?? 0) > rebootedAt) return;
  }
}

function itsLadders(slot: string): Failure {
  const message = `the node of ${slot} is not well any more: that is its own ladder's`;
  return new Failure({ kind: 'rejected', code: 'UnderRepair', message });
}

export function addLearner(world: QuorumWorld): Run<'addLearner'> {
  return async (input, context) => {
    const { ip } = await masterOf(world, input.slot, context);
    const memberId = await letJoin(world, ip, context);
    return { at: context.clock.now(), memberId };
  };
}

export function promoteLearner(world: QuorumWorld): Run<'promoteLearner'> {
  return async (input, context) => {
    if (input.memberId !== null) await promote(world, input.memberId, context);
    return { at: context.clock.now() };
  };
}

/** Every member is made room on, the leader last, and only one at a time: it answers nothing meanwhile. */
export function clearAlarm(world: QuorumWorld): Run<'clearAlarm'> {
  return async (_, context) => {
    const { look, endpoints } = await lookNow(world, context);
    await liftAlarms(world, endpoints, look.strayAlarms, context);
    const inOrder = [...look.members].sort(
      (a, b) => Number(a.id === look.leader) - Number(b.id === look.leader),
    );
    const members = inOrder.flatMap(({ clientUrls, healthy }) => (healthy ? clientUrls.slice(0, 1) : []));
    world.log.warn("etcd's store is full: compacting and defragmenting", { members: members.length });
    await makeRoom(world.etcd, members, context.signal);
    return { at: context.clock.now() };
  };
}
