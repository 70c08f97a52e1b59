import type { QuorumEffects } from '../../../machines/etcd-quorum.ts';
import { hasQuorum } from '../../../machines/quorum.ts';
import { Failure } from '../../failure.ts';
import { sleep } from '../../runtime/clock.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { assertOurs, bootId, make } from '../node/instance.ts';
import type { ClusterLook } from './look.ts';
import { arithmetic, lookBefore, lookNow } from './membership.ts';
import type { Master, QuorumWorld } from './world.ts';

/** From one look to the next while members come up, in ms. */
const lookEveryMs = 2_000;
/** etcd is restarted on a master at most this often in one reviving, this long apart, in ms: it reads its log first. */
const restarts = 2;
const restartEveryMs = 60_000;
/** When nothing was left to try for this long, in ms, waiting longer brings nothing: a restarted etcd answers in seconds. */
const quietMs = 15_000;

/** One look at etcd. */
export function checkQuorum(world: QuorumWorld) {
  return async (
    _: QuorumEffects['checkQuorum']['input'],
    context: EffectContext,
  ): Promise<QuorumEffects['checkQuorum']['output']> => {
    const { look } = await lookNow(world, context);
    return { at: context.clock.now(), held: look.held };
  };
}

/**
 * Tries what loses nothing, on all masters at once: a stopped instance is started, a silent etcd is restarted; where that can't be done, or
 * an agent is silent that must tell what data is there, the instance is rebooted, once an attempt. Ends as soon as the quorum is back, when
 * nothing is left to try, or after `forMs`.
 */
export function reviveMembers(world: QuorumWorld) {
  return async (
    input: QuorumEffects['reviveMembers']['input'],
    context: EffectContext,
  ): Promise<QuorumEffects['reviveMembers']['output']> => {
    const { clock, signal } = context;
    const until = clock.now() + input.forMs;
    let quietSince = clock.now();
    const tries: Tries = {
      restarted: new Map(),
      agentAsked: new Set(),
      rebooted: new Set(stringsOf(context.progress)),
    };
    for (;;) {
      const { look } = await lookNow(world, context).catch((caught: unknown) => {
        signal.throwIfAborted();
        if (!(caught instanceof Failure)) throw caught;
        return { look: null };
      });
      if (look?.held) return { at: clock.now(), held: true };
      if (clock.now() >= until) return { at: clock.now(), held: false };
      const masters = await world.masters(signal).catch((): null => null);
      const answers = ({ ip }: Master) =>
        look?.members.some(({ hosts, healthy }) => healthy && hosts.includes(ip ?? '')) ?? false;
      const tried = await Promise.all(
        (masters ?? []).map((master) =>
          nudge(world, master, answers(master), tries, context).catch((caught: unknown) => {
            signal.throwIfAborted();
            world.log.warn('a master could not be revived', { slot: master.slot, error: caught });
            return false;
          }),
        ),
      );
      if (masters === null || tried.includes(true)) quietSince = clock.now();
      if (clock.now() - quietSince >= quietMs) return { at: clock.now(), held: false };
      await sleep(clock, lookEveryMs, signal);
    }
  };
}

/** True if something was done, or is under way, that may bring it back. */
async function nudge(
  world: QuorumWorld,
  master: Master,
  answers: boolean,
  tries: Tries,
  context: EffectContext,
): Promise<boolean> {
  const { instance } = master;
  const { clock, signal } = context;
  assertOurs(world, instance);
  // A stop or a start of ours would come between the steps of a rung that is at work there.
  if (world.workedOn().includes(master.slot)) return true;
  if (instance.status === 'Stopped') {
    world.log.warn('starting a stopped master to get the quorum back', { slot: master.slot });
    await make(world, { call: 'start', instance: instance.id }, clock, signal, () =>
      world.cloud.start(instance.id, { signal }),
    );
    return true;
  }
  if (instance.status !== 'Running') return true;
  if (answers) {
    if (tries.agentAsked.has(instance.id)) return false;
    tries.agentAsked.add(instance.id);
    const token = `${context.attempt.slice(0, 40)}-agent-${instance.id.slice(-12)}`;
    if ((await bootId(world.cloud, instance.id, token, signal)) !== null) return false;
    return rebooted(world, master, 'its agent does not answer', tries, context);
  }
  const { restarted } = tries;
  const before = restarted.get(instance.id) ?? { times: 0, at: Number.NEGATIVE_INFINITY };
  if (before.times >= restarts || clock.now() - before.at < restartEveryMs) return false;
  restarted.set(instance.id, { times: before.times + 1, at: clock.now() });
  try {
    await world.host.restartEtcd(instance.id, context);
  } catch (caught) {
    signal.throwIfAborted();
    if (!(caught instanceof Failure) || tries.rebooted.has(instance.id)) throw caught;
    return rebooted(world, master, caught.message, tries, context);
  }
  return true;
}

/** Once an attempt. True if it may bring the quorum back. */
async function rebooted(
  world: QuorumWorld,
  { slot, instance }: Master,
  because: string,
  tries: Tries,
  context: EffectContext,
): Promise<boolean> {
  const { clock, signal } = context;
  if (tries.rebooted.has(instance.id)) return false;
  // The try may have taken a minute, and others may be back: then every voter counts.
  const { look } = await lookNow(world, context);
  if (isBack(look)) return true;
  // Its disk keeps what it has. No ladder comes to that: without a quorum there is no API, and so no sight.
  world.log.warn('rebooting a master to get the quorum back', { slot, because });
  tries.rebooted.add(instance.id);
  await context.checkpoint([...tries.rebooted]);
  // Right before the call too: whose the instance is was looked at meanwhile, and that may have taken its time.
  const before = async () => {
    if (!isBack((await lookBefore(world, context)).look)) return;
    throw new Failure({ kind: 'rejected', code: 'QuorumHeld', message: 'the quorum is back' });
  };
  await make(world, { call: 'reboot', instance: instance.id }, clock, signal, () =>
    world.cloud.reboot(instance.id, { force: true, signal, before }),
  ).catch((caught: unknown) => {
    if (!(caught instanceof Failure) || caught.code !== 'QuorumHeld') throw caught;
  });
  return true;
}

/** Or about to be: enough members answer, and have only to agree on a leader. */
function isBack(look: ClusterLook): boolean {
  return look.held || hasQuorum(arithmetic(look));
}

/** What was tried on each instance. */
interface Tries {
  readonly restarted: Map<string, { times: number; at: number }>;
  readonly agentAsked: Set<string>;
  readonly rebooted: Set<string>;
}

function stringsOf(progress: EffectContext['progress']): readonly string[] {
  return Array.isArray(progress) ? progress.filter((each) => typeof each === 'string') : [];
}
