import { Failure } from '../../failure.ts';
import { sleep } from '../../runtime/clock.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { bootId, make, ourInstance, poll } from '../node/instance.ts';
import type { RecoveryWorld } from './world.ts';

/** How long the only etcd that has the data may say nothing before its master counts as hung, in ms: a slow disk takes some of it. */
const silentMs = 60_000;
const lookEveryMs = 5_000;
/** How long a boot is waited for, in ms: the next try must not find its master still at it. */
const bootMs = 180_000;

/** The master that has the data. */
export interface LiveMaster {
  readonly id: string;
  readonly endpoint: string;
}

/**
 * Does work on the master that has the data. It ends early if etcd there is silent for a minute, or the agent takes no command: then etcd
 * is started, and where no agent answers the instance is rebooted (or started). Only it has the data, so nothing else is left: its disk
 * keeps what it has, nobody is served meanwhile, and without an API no ladder comes to it. Throws `MasterSilent` (retryable) after that;
 * `DataLost` (notFound) if the data was looked at and is gone; and whatever else the work throws.
 */
export async function onLiveMaster<T>(
  world: RecoveryWorld,
  master: LiveMaster,
  context: EffectContext,
  work: (context: EffectContext) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  signal.throwIfAborted();
  const own = new AbortController();
  const follow = () => own.abort(signal.reason);
  signal.addEventListener('abort', follow, { once: true });
  const inside = { ...context, signal: own.signal };
  const silence = untilSilent(world, master, inside);
  silence.catch(() => undefined);
  try {
    return await Promise.race([work(inside), silence]);
  } catch (caught) {
    signal.throwIfAborted();
    if (!(caught instanceof Failure) || !['AgentSilent', 'MasterSilent'].includes(caught.code)) throw caught;
    own.abort(caught);
    await bringBack(world, master, context);
    throw new Failure(
      { kind: 'retryable', code: 'MasterSilent', message: `${caught.message}: it was started anew` },
      { cause: caught },
    );
  } finally {
    own.abort(new Error('the work on the master is over'));
    signal.removeEventListener('abort', follow);
  }
}

/** Rejects when etcd has said nothing for too long, or with the signal's reason. */
async function untilSilent(
  world: RecoveryWorld,
  { id, endpoint }: LiveMaster,
  { clock, signal }: EffectContext,
): Promise<never> {
  for (let heardAt = clock.now(); ; await sleep(clock, lookEveryMs, signal)) {
    const { healthy } = await world.etcd.health(endpoint, 'linearizable', { signal });
    if (healthy) heardAt = clock.now();
    else if (clock.now() - heardAt >= silentMs)
      throw new Failure({
        kind: 'retryable',
        code: 'MasterSilent',
        message: `etcd on ${id}, which has the data, has said nothing for ${silentMs / 1000} s`,
      });
  }
}

async function bringBack(world: RecoveryWorld, master: LiveMaster, context: EffectContext): Promise<void> {
  const { id } = master;
  const { clock, signal, attempt } = context;
  const { status } = await ourInstance(world, id, context);
  if (status === 'Stopped')
    await make(world, { call: 'start', instance: id }, clock, signal, () =>
      world.cloud.start(id, { signal }),
    );
  else {
    const found = await world.host.lookAtData(id, context);
    if (found.kind === 'missing' || found.kind === 'broken')
      throw new Failure({
        kind: 'notFound',
        code: 'DataLost',
        message: `the data that was brought back to ${id} is lost again: ${found.why}`,
      });
    try {
      await world.host.startMember(id, context);
      return;
    } catch (caught) {
      signal.throwIfAborted();
      if (!(caught instanceof Failure) || caught.code !== 'AgentSilent') throw caught;
      world.log.warn('rebooting the master that has the data', { instance: id, because: caught.message });
    }
    const before = () => stillNeeded(world, master, context);
    try {
      await make(world, { call: 'reboot', instance: id }, clock, signal, () =>
        world.cloud.reboot(id, { force: true, signal, before }),
      );
    } catch (caught) {
      if (!(caught instanceof Failure) || caught.code !== 'QuorumHeld') throw caught;
      return;
    }
  }
  // Booted or not: whoever tries next looks for itself.
  const until = clock.now() + bootMs;
  let look = 0;
  await poll(clock, signal, async () => {
    look += 1;
    const boot = await bootId(world.cloud, id, `${attempt.slice(0, 40)}-boot-${look}`, signal);
    return boot !== null || clock.now() >= until ? true : null;
  });
}

/** Throws unless the reboot takes nothing away: etcd is silent, or nobody is served and the agent, which alone can change that, is. */
async function stillNeeded(
  world: RecoveryWorld,
  { id, endpoint }: LiveMaster,
  { clock, signal, attempt }: EffectContext,
): Promise<void> {
  const { healthy } = await world.etcd.health(endpoint, 'linearizable', { signal });
  if (!healthy) return;
  const isServed = await world.kubernetes.version().then(
    () => true,
    () => false,
  );
  const token = `${attempt.slice(0, 40)}-back-${clock.now()}`;
  if (!isServed && (await bootId(world.cloud, id, token, signal)) === null) return;
  throw new Failure({ kind: 'rejected', code: 'QuorumHeld', message: `${id} is back by itself` });
}
