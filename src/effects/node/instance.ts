import type { Cloud, Instance } from '../../cloud/port.ts';
import { codesWithoutEffect } from '../../cloud/port.ts';
import { Failure } from '../../failure.ts';
import type { Clock } from '../../runtime/clock.ts';
import { sleep } from '../../runtime/clock.ts';
import type { EffectContext } from '../../runtime/types.ts';
import { assertTagged } from '../only-ours.ts';
import type { MasterBodies, World } from '../world.ts';

/**
 * How soon the cloud is asked first how far it has come, how much longer each wait is than the one before, and the longest, in ms: what is
 * lost by looking late stays below a fifth of what the work itself took, and a minute's work is some forty requests. The whole wait
 * is bounded by the rung's `actionMs`, which aborts the effect.
 */
const firstPollMs = 50;
const pollGrowth = 1.2;
const longestPollMs = 2_000;

/**
 * Asks again and again until `ask` gives something other than null. A cloud that gives no answer now is no reason to climb a dearer rung:
 * a `retryable` or `throttled` failure is a look that has seen nothing yet. So `ask` must be safe to repeat. Ends early only by the signal.
 */
export async function poll<T>(clock: Clock, signal: AbortSignal, ask: () => Promise<T | null>): Promise<T> {
  for (let waitMs = firstPollMs; ; waitMs = Math.min(longestPollMs, waitMs * pollGrowth)) {
    signal.throwIfAborted();
    const answer = await ask().catch((caught: unknown) => {
      if (caught instanceof Failure && (caught.kind === 'retryable' || caught.kind === 'throttled'))
        return null;
      throw caught;
    });
    if (answer !== null) return answer;
    await sleep(clock, waitMs, signal);
  }
}

/** Does what is safe to repeat (it carries a token, or does the same however often it is done) until it is done. */
export async function persist<T>(clock: Clock, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  const { done } = await poll(clock, signal, async () => ({ done: await act() }));
  return done;
}

/**
 * Throws unless the instance is this cluster's own and may be worked on. Asked before work on it begins; right before each call the cloud
 * itself looks (only-ours.ts), and what has been begun is waited for whoever's it is by then.
 */
export function assertOurs(world: Pick<World, 'cluster'>, instance: Instance): void {
  assertTagged(world.cluster, instance);
  const lock = instance.locks.find((each) => each === 'security' || each === 'financial');
  if (lock !== undefined)
    throw new Failure({
      kind: 'rejected',
      code: 'InstanceLocked',
      message: `instance ${instance.id} is locked (${lock}): the cloud refuses work on it until a person has cleared that`,
    });
}

/** Throws unless there is a way into etcd: a master's data must not go while its member is in the membership. */
export function bodiesOf(world: Pick<World, 'masters'>): MasterBodies {
  if (world.masters !== null) return world.masters;
  throw new Failure({
    kind: 'rejected',
    code: 'NotConfigured',
    message:
      "a master's data is not touched without a way into etcd: add `etcd` and `controlPlane` to the configuration",
  });
}

/** The instance, looked up now. To look at it is not to touch it. Throws `notFound` if there is none. */
export async function theInstance(
  world: { readonly cloud: Pick<Cloud, 'findInstance'> },
  id: string | null,
  { clock, signal }: Pick<EffectContext, 'clock' | 'signal'>,
): Promise<Instance> {
  const instance = id === null ? null : await persist(clock, signal, () => world.cloud.findInstance(id));
  if (instance === null)
    throw new Failure({
      kind: 'notFound',
      code: 'InstanceGone',
      message: id === null ? 'the slot has no instance' : `the cloud has no instance ${id}`,
    });
  return instance;
}

/** The instance, looked up now, and checked. Throws `notFound` if there is none. */
export async function ourInstance(
  world: Pick<World, 'cluster'> & { readonly cloud: Pick<Cloud, 'findInstance'> },
  id: string | null,
  context: Pick<EffectContext, 'clock' | 'signal'>,
): Promise<Instance> {
  const instance = await theInstance(world, id, context);
  assertOurs(world, instance);
  return instance;
}

/** What proves that nothing was done: the cloud's word, or that of a look right before the call. */
const notMade: readonly string[] = [...codesWithoutEffect, 'QuorumAtRisk'];

/**
 * Makes a call that has no ClientToken, until the cloud has taken it or given no clear answer: then it may have taken effect, and only
 * looking can tell. Asked again only where the answer proves that nothing was done: a cloud that is busy may be so for minutes. Throws
 * whatever else is refused.
 */
export function make(
  world: Pick<World, 'log'>,
  what: { readonly call: string; readonly instance: string },
  clock: Clock,
  signal: AbortSignal,
  call: () => Promise<void>,
): Promise<'taken' | 'unclear'> {
  return poll(clock, signal, async () => {
    try {
      await call();
      return 'taken';
    } catch (caught) {
      signal.throwIfAborted();
      if (!(caught instanceof Failure)) throw caught;
      if (caught.kind === 'throttled' || notMade.includes(caught.code)) return null;
      if (caught.kind !== 'retryable') throw caught;
      world.log.warn('the cloud gave no clear answer; looking at what it did', { ...what, error: caught });
      return 'unclear';
    }
  });
}

/**
 * What a call is made with that takes a running node from its users, or would: it is called off if the node is Ready by then. Admission has
 * looked before the rung's work began, and since then its agent may have been silent for a minute, or the cloud busy for ten. `first` is
 * another look, which may take seconds: a Ready that has come meanwhile still counts.
 */
export function unlessReady(
  world: Pick<World, 'assertNotReady'>,
  slot: string,
  signal: AbortSignal,
  first = async () => {},
) {
  const before = async () => {
    await first();
    world.assertNotReady(slot);
  };
  return { signal, before };
}

/** Waits until the instance has one of the wanted states, whoever's it is by then. Throws `notFound` if it goes away meanwhile. */
export function waitForStatus(
  world: Pick<World, 'cloud'>,
  id: string,
  wanted: readonly Instance['status'][],
  clock: Clock,
  signal: AbortSignal,
): Promise<Instance> {
  return poll(clock, signal, async () => {
    const instance = await theInstance(world, id, { clock, signal });
    return wanted.includes(instance.status) ? instance : null;
  });
}

/** A shell script that prints something that changes with every boot of the instance. */
const bootIdScript =
  'if [ -n "$WDRIP_ROOT" ]; then cat "$WDRIP_ROOT/run/boot-id"; else cat /proc/sys/kernel/random/boot_id; fi';

/** How long the agent may take to say which boot this is, in ms: a live agent answers in a second. */
const bootIdTimeoutMs = 10_000;

/** Which boot the instance is in, as its agent says; null if the agent does not answer. */
export async function bootId(
  cloud: Cloud,
  id: string,
  attempt: string,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const result = await cloud.runCommand(id, bootIdScript, { timeoutMs: bootIdTimeoutMs, attempt, signal });
    return result.outcome === 'exited' && result.exitCode === 0 ? result.output.trim() : null;
  } catch (caught) {
    signal.throwIfAborted();
    if (caught instanceof Failure) return null;
    throw caught;
  }
}
