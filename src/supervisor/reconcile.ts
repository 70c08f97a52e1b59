import type { NodeEvent } from '../../machines/node.ts';
import type { NodePolicyChanges } from '../../machines/policy.ts';
import type { Pauses } from '../../machines/supervisor.ts';
import { kubernetesNames } from '../kubernetes/port.ts';
import type { ActorEvent, Runtime } from '../runtime/types.ts';
import { pausedBy } from './facts.ts';
import type { NodeActor } from './fleet.ts';
import { differences, type Observation } from './observation.ts';

/** What a node's actor should know, for one look. */
export interface Look {
  readonly now: number;
  readonly sighted: boolean;
  readonly seen: Observation | null;
  readonly pauses: Pauses;
  readonly policy: NodePolicyChanges;
  /** Its member of etcd is being changed: a mark on its Node is of that. */
  readonly memberInChange: boolean;
}

/**
 * How late a list of the cloud may be, in ms: eventual consistency takes seconds. A rung that stops the instance and starts it again is
 * over before a list that still says `stopped`, which would send the next rung after it (safety 23).
 */
const listLagMs = 15_000;

/**
 * A request that marks a node, and whose effect was called off, lands within this, in ms: then the watch has told of it, and of the end of
 * the marks that were lifted.
 */
const marksLandWithinMs = 15_000;

/** The Node carries a cordon or a mark of wdrip's. */
function isMarked({ node }: Observation): boolean {
  return node !== null && (node.cordonedByWdrip || node.annotations[kubernetesNames.repair] !== undefined);
}

/** What the actor believes of its instance an effect was told by the cloud: an older list knows less. */
function isProven({ instance, failure }: NodeActor['context']): boolean {
  return (
    (instance === 'gone' && failure?.code === 'InstanceGone') ||
    (instance === 'locked' && failure?.code === 'InstanceLocked')
  );
}

/**
 * The events that bring an actor's memory up to what is known. Level-triggered: it compares, and never counts on an earlier event having
 * arrived. While blind only what needs no sight is told.
 */
export function news(actor: NodeActor, look: Look): readonly NodeEvent[] {
  const { context, state, record } = actor;
  const at = look.now;
  if (state === 'retired') return [];
  const events: NodeEvent[] = [];
  if (!sameSettings(context.policy, look.policy))
    events.push({ type: 'POLICY_CHANGED', at, policy: look.policy });
  const paused = pausedBy(context, look.seen, look.pauses) !== null;
  // An annotation can't be read while blind: a pause that was known stays.
  if (paused && !context.paused) events.push({ type: 'REPAIRS_PAUSED', at });
  if (!paused && context.paused && look.seen !== null) events.push({ type: 'REPAIRS_RESUMED', at });
  // A healthy or unobserved node has nothing that blindness could stop: it isn't told, and so costs nothing.
  const cares = state !== 'healthy' && state !== 'unknown';
  if (!look.sighted) {
    if (cares && !context.blind) events.push({ type: 'SIGHT_LOST', at });
    return events;
  }
  if (context.blind) events.push({ type: 'SIGHT_RETURNED', at });
  if (look.seen !== null) {
    const isQuiet = (state === 'healthy' || state === 'settling') && !look.memberInChange;
    const rests = isQuiet && at - record.since >= marksLandWithinMs;
    if (rests && isMarked(look.seen)) events.push({ type: 'MARKS_LEFT', at });
    const kind = state === 'unknown' || state === 'joining' ? state : 'other';
    const isTooEarly =
      state.endsWith('awaitingReady') && look.seen.instanceAskedAt < record.since + listLagMs;
    const isOverruled = isProven(context) && look.seen.instanceAskedAt < record.since;
    for (const event of differences(context, kind, look.seen, at))
      if (event.type !== 'INSTANCE_CHANGED' || !(isOverruled || (isTooEarly && event.instance === 'stopped')))
        events.push(event);
  }
  return events;
}

/** Sends the news. What an actor does not take (a full mailbox) is still news at the next look: false if there is some. */
export function tellNode(runtime: Runtime, actor: NodeActor, look: Look): boolean {
  let taken = true;
  for (const event of news(actor, look))
    if (runtime.send(actor.record.id, { ...event } as ActorEvent) !== 'accepted') taken = false;
  return taken;
}

/** Whether two sets of changes of a policy say the same. */
export function sameSettings(a: object, b: object): boolean {
  if (a === b) return true;
  for (const key in a) if (Reflect.get(a, key) !== Reflect.get(b, key)) return false;
  for (const key in b) if (Reflect.get(a, key) !== Reflect.get(b, key)) return false;
  return true;
}
