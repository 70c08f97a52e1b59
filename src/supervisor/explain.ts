import { rungs } from '../../machines/node.ts';
import { policyValue } from '../../machines/policy.ts';
import type { Waiting } from './desk.ts';
import type { NodeActor } from './fleet.ts';

/** One node as `wdrip get -r nodes` and `explain` show it. Times are epoch ms. */
export interface NodeReport {
  readonly slot: string;
  readonly pool: string;
  readonly zone: string;
  readonly role: 'worker' | 'controlPlane';
  readonly node: string | null;
  readonly instance: string | null;
  readonly ready: boolean;
  readonly state: string;
  readonly since: number;
  /** The rung at work, or null. */
  readonly rung: string | null;
  readonly next: { readonly at: number; readonly what: string } | null;
  /** Why it is in this state, in one sentence without a full stop. */
  readonly why: string;
  readonly waiting: { readonly rule: string; readonly why: string; readonly since: number } | null;
  /** The highest rung that this climb has reached; the rungs below it were tried, or a shortcut led past them. */
  readonly climbedTo: string | null;
  readonly reboots: number;
  readonly failedClimbs: number;
  readonly permit: boolean;
  readonly lastFailure: { readonly code: string; readonly message: string } | null;
  readonly instanceState: string;
  readonly quarantined: string | null;
}

/** What happens when each delay of the node machine runs out, for people. */
const whenDue: Readonly<Record<string, string>> = {
  suspicion: 'the repair begins, if the node is still NotReady',
  joining: 'it counts as broken, if it has not joined by then',
  cloudWait: 'wdrip waits for the cloud no longer',
  kubeletWait: 'the next rung, if the node is not Ready by then',
  rebootWait: 'the next rung, if the node is not Ready by then',
  resetWait: 'the next rung, if the node is not Ready by then',
  replaceWait: 'the climb has failed, if the node is not Ready by then',
  drainDeadline: 'the drain ends, whatever is left on the node',
  actionDeadline: 'the next rung, if this work is not done by then',
  throttle: 'the ladder is climbed again',
  permitWait: 'its permit goes back to its pool, and it waits on',
  settling: 'it counts as healthy, if it stays Ready',
  recoverRetry: 'another try to lift the cordon and the marks',
};

/** The earliest deadline of a record, and what it brings. Ids are `xstate.after.<delay>.<state>`. */
export function nextDeadline(deadlines: Readonly<Record<string, number>>): NodeReport['next'] {
  const earliest = Object.entries(deadlines).sort((a, b) => a[1] - b[1])[0];
  if (earliest === undefined) return null;
  const delay = earliest[0].split('.')[2] ?? '';
  return { at: earliest[1], what: whenDue[delay] ?? delay };
}

export function reportNode(
  actor: NodeActor,
  waiting: Waiting | null,
  quarantined: string | null,
): NodeReport {
  const { context, state, record } = actor;
  const rung = state.startsWith('repairing.') ? (state.split('.')[1] ?? null) : null;
  return {
    slot: context.slot,
    pool: context.pool,
    zone: context.zone,
    role: context.role,
    node: context.nodeName,
    instance: context.instanceId,
    ready: context.ready,
    state,
    since: record.since,
    rung: rung !== null && rung !== 'choosing' ? rung : null,
    next: nextDeadline(record.deadlines),
    why: quarantined === null ? because(actor, waiting) : `its actor is quarantined: ${quarantined}`,
    waiting: waiting === null ? null : { rule: waiting.rule, why: waiting.why, since: waiting.since },
    climbedTo: rungs[context.tried - 1] ?? null,
    reboots: context.reboots,
    failedClimbs: context.failedClimbs,
    permit: context.permit !== null,
    lastFailure:
      context.failure === null ? null : { code: context.failure.code, message: context.failure.message },
    instanceState: context.instance,
    quarantined,
  };
}

function because({ context, state }: NodeActor, waiting: Waiting | null): string {
  if (waiting !== null) return `waits for a permit: ${waiting.why}`;
  const notReady = context.objectMissing
    ? 'its Node object does not exist'
    : `NotReady (${context.reason ?? 'no reason given'})`;
  const top = state.split('.')[0];
  const step = state.split('.')[2];
  switch (top) {
    case 'unknown':
      return 'not observed yet';
    case 'joining':
      return 'a new instance that has not been Ready yet';
    case 'healthy':
      return context.paused ? 'Ready; repairs are paused' : 'Ready';
    case 'suspect':
      return `${notReady}, perhaps only for a moment: must last ${policyValue(context.policy, 'suspectMs') / 1000} s`;
    case 'blind':
      return 'the Kubernetes API cannot be seen, so nothing is known of it';
    case 'awaitingCloud':
      return context.cloudRepairing
        ? 'the cloud is repairing the instance itself'
        : context.instance === 'moving'
          ? 'the instance is changing its state'
          : 'the cloud has just brought the instance up, and the node has time to become Ready';
    case 'recovering':
      return 'Ready again: what wdrip set on the node is lifted';
    case 'settling':
      return 'Ready again, but not for long yet';
    case 'throttled':
      return `the climb failed (${context.failure?.message ?? 'the node did not become Ready'}); resting before the next`;
    case 'held':
      return context.instance === 'locked'
        ? 'the cloud has locked the instance: a person must clear that'
        : 'repairs are paused';
    case 'retiring':
      return 'its pool was scaled down: the node is drained and its instance deleted, within the budget of the pool';
    case 'retired':
      return 'scaled down';
    case 'repairing':
      if (step === 'draining') return `${notReady}: its pods are moved away first`;
      if (step === 'awaitingReady')
        return `${notReady}: the rung has done its work, and the node has time to become Ready`;
      if (step === 'acting') return `${notReady}: the rung is at work on the instance`;
      if (step === 'admitting' || step === 'confirming')
        return `${notReady}: asks whether the rung may begin`;
      return `${notReady}; instance ${context.instance}`;
    default:
      return notReady;
  }
}
