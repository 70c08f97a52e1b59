import type { AnyMachineSnapshot } from 'xstate';
import { type InstanceState, type NodeContext, nodeMachine } from '../../machines/node.ts';
import { lostNode, someNode } from './driver.ts';
import type { AnyEvent, Space } from './explore.ts';
import { declaredDeadlines, declaredEffects, dotted } from './pure.ts';

/**
 * What of a snapshot its future depends on, as text: two snapshots with the same key behave the same, and so the space is bounded.
 * Left out: names and times (only equality and order of them matter), how many climbs failed (only whether any did), reboots when no
 * reboot can follow, and a silent agent once the kubelet's rung has been tried.
 */
export function stateKey(snapshot: { readonly value: unknown; readonly context: NodeContext }): string {
  const { context } = snapshot;
  const flags = [
    context.ready,
    context.cloudRepairing,
    context.cloudOverdue,
    context.permit !== null,
    context.paused,
    context.blind,
    context.tried > 0 || context.marked || context.failedClimbs > 0,
    context.agentSilent && context.tried === 0,
    context.instanceId === null,
  ];
  const bits = flags.map((flag) => (flag ? '1' : '0')).join('');
  const reboots = context.tried === 2 ? context.reboots : 0;
  return `${dotted(snapshot.value)} ${bits} ${context.instance} ${context.tried} ${reboots}`;
}

const cloudSays: readonly (readonly [InstanceState, boolean])[] = [
  ['running', false],
  ['running', true],
  ['stopped', false],
  ['moving', false],
  ['locked', false],
  ['gone', false],
  ['gone', true],
];

/** One failure of each kind that the machine tells apart. */
const failures = [
  { kind: 'retryable', code: 'NoAnswer', message: 'no answer' },
  { kind: 'notFound', code: 'InstanceGone', message: 'gone' },
  { kind: 'rejected', code: 'InstanceLocked', message: 'locked' },
  { kind: 'rejected', code: 'NodeReady', message: 'Ready again' },
] as const;

/** Effects of which a failure says nothing more by its code. */
const plainFailures = ['requestPermit', 'drainNode', 'reportTrouble', 'clearMarks', 'retireInstance'];

function ends(id: string, context: NodeContext): readonly AnyEvent[] {
  const done = (output: object): AnyEvent => ({
    type: `xstate.done.actor.${id}`,
    output: { at: context.actedAt, ...output },
  });
  const failed = failures
    .slice(0, plainFailures.includes(id) ? 1 : failures.length)
    .map((error): AnyEvent => ({ type: `xstate.error.actor.${id}`, error }));
  switch (id) {
    case 'requestPermit':
      return [done({ permit: 'permit' }), ...failed];
    case 'restartKubelet':
      return [done({ agentSilent: false }), done({ agentSilent: true }), ...failed];
    case 'replaceInstance':
      return [done({ instanceId: 'i-new', nodeName: 'node-new' }), ...failed];
    default:
      return [done({}), ...failed];
  }
}

/** Everything that can happen to a node in this state: all facts, fresh and stale, each deadline, each end of each effect. */
export function everythingThatCanHappen(snapshot: AnyMachineSnapshot): readonly AnyEvent[] {
  const context: NodeContext = snapshot.context;
  const at = context.actedAt;
  const stale = at - 1;
  return [
    { type: 'NODE_READY', at },
    { type: 'NODE_READY', at: stale },
    { type: 'NODE_NOT_READY', at, reason: 'KubeletNotReady', objectMissing: false },
    { type: 'NODE_NOT_READY', at: stale, reason: 'KubeletNotReady', objectMissing: false },
    { type: 'NODE_JOINING', at },
    ...cloudSays.map(([instance, cloudRepairing]) => ({
      type: 'INSTANCE_CHANGED',
      at,
      instance,
      cloudRepairing,
    })),
    { type: 'INSTANCE_CHANGED', at: stale, instance: 'stopped', cloudRepairing: false },
    {
      type: 'SLOT_FILLED',
      at,
      nodeName: 'node-other',
      instanceId: context.instanceId === 'i-other' ? 'i-another' : 'i-other',
      zone: context.zone,
    },
    // Its own instance, heard of again.
    ...(context.instanceId === null
      ? []
      : [
          {
            type: 'SLOT_FILLED',
            at,
            nodeName: context.nodeName,
            instanceId: context.instanceId,
            zone: context.zone,
          },
        ]),
    { type: 'SIGHT_LOST', at },
    { type: 'SIGHT_RETURNED', at },
    { type: 'REPAIRS_PAUSED', at },
    { type: 'REPAIRS_RESUMED', at },
    { type: 'POLICY_CHANGED', at, policy: context.policy },
    { type: 'MARKS_LEFT', at },
    { type: 'SLOT_RETIRED', at },
    // Nobody says it of a slot that is wanted.
    ...(dotted(snapshot.value).startsWith('retiring') ? [{ type: 'SLOT_WANTED', at }] : []),
    ...declaredDeadlines(snapshot).map((type) => ({ type })),
    ...declaredEffects(snapshot).flatMap((id) => ends(id, context)),
  ];
}

/**
 * The next thing that happens once all is well: people and sight are back, the slot is wanted, the node is Ready, effects succeed, time
 * passes.
 */
export function whatComesWhenAllIsWell(snapshot: AnyMachineSnapshot): AnyEvent {
  const context: NodeContext = snapshot.context;
  const at = context.actedAt;
  if (context.blind) return { type: 'SIGHT_RETURNED', at };
  if (context.paused) return { type: 'REPAIRS_RESUMED', at };
  if (!context.ready) return { type: 'NODE_READY', at };
  const state = dotted(snapshot.value);
  if (state.startsWith('retiring') && state !== 'retiring.removing' && state !== 'retiring.waiting')
    return { type: 'SLOT_WANTED', at };
  const [effect] = declaredEffects(snapshot);
  const [success] = effect === undefined ? [] : ends(effect, context);
  const [deadline] = declaredDeadlines(snapshot);
  return success ?? { type: deadline ?? 'nothing' };
}

export const nodeSpace: Space = {
  machine: nodeMachine,
  inputs: [someNode, lostNode],
  keyOf: stateKey,
  possible: everythingThatCanHappen,
};
