import type { AnyMachineSnapshot } from 'xstate';
import { type RecoveryContext, recoveryMachine } from '../../machines/recovery.ts';
import type { AnyEvent, Rules, Space } from './explore.ts';
import { declaredDeadlines, declaredEffects, dotted } from './pure.ts';

/** From here on the rest between two tries grows no longer (60 s, by 5 s a try), and more tries change nothing. */
const mostTriesThatMatter = 13;

const failures = [
  { kind: 'retryable', code: 'Unavailable', message: 'no answer' },
  { kind: 'rejected', code: 'Forbidden', message: 'not allowed' },
  { kind: 'notFound', code: 'InstanceGone', message: 'gone' },
  { kind: 'notFound', code: 'DataLost', message: 'its data is gone' },
  { kind: 'retryable', code: 'MasterSilent', message: 'it was started anew' },
] as const;

const outputs: Readonly<Record<string, object>> = {
  prepareMaster: { slot: 'control-plane-0', instanceId: 'i-0' },
  restoreData: { revision: 9 },
  replayChanges: { revision: 12, lost: 'nothing' },
};

function done(id: string): AnyEvent {
  return { type: `xstate.done.actor.${id}`, output: { at: 1, ...outputs[id] } };
}

function stateKey({
  value,
  context,
}: {
  readonly value: unknown;
  readonly context: RecoveryContext;
}): string {
  const { source, master, revision, lost, tries } = context;
  const flags = [master !== null, revision > 0, lost !== null].map((flag) => (flag ? '1' : '0')).join('');
  return `${dotted(value)} ${source.kind} ${flags} ${Math.min(tries, mostTriesThatMatter)}`;
}

/** A recovery hears of nothing but the ends of its steps, and of time. */
export const recoverySpace: Space = {
  machine: recoveryMachine,
  inputs: [
    { cluster: 'c', source: { kind: 'backup', key: 'b', region: 'r', revision: 7, passedOver: [] } },
    {
      cluster: 'c',
      source: { kind: 'member', slot: 'control-plane-0', instanceId: 'i-0', term: 3, index: 9 },
    },
  ],
  keyOf: stateKey,
  possible: (snapshot) => [
    ...declaredDeadlines(snapshot).map((type) => ({ type })),
    ...declaredEffects(snapshot).flatMap((id) => [
      done(id),
      ...failures.map((error) => ({ type: `xstate.error.actor.${id}`, error })),
    ]),
  ],
};

/** Steps succeed, and what rests goes on. */
export function whatComesWhenStepsSucceed(snapshot: AnyMachineSnapshot): AnyEvent {
  const [effect] = declaredEffects(snapshot);
  return effect === undefined ? { type: declaredDeadlines(snapshot)[0] ?? 'nothing' } : done(effect);
}

const order = [
  'prepareMaster',
  'stopControlPlane',
  'keepOldData',
  'restoreData',
  'replayChanges',
  'startControlPlane',
  'reconcileCluster',
];
const stepOf: Readonly<Record<string, string>> = {
  preparingMaster: 'prepareMaster',
  stoppingControlPlane: 'stopControlPlane',
  keepingOldData: 'keepOldData',
  restoringData: 'restoreData',
  replayingChanges: 'replayChanges',
  startingControlPlane: 'startControlPlane',
  reconciling: 'reconcileCluster',
};

/** The step that a state is about: its place in the order, -1 for the ends. */
function place(state: string): number {
  return order.indexOf(stepOf[state.split('.')[0] ?? ''] ?? '');
}

export const recoveryRules: Rules<RecoveryContext> = {
  // Stop, keep, restore, start: so nothing serves what changes, and nothing is replaced that was not kept.
  'a step begins before the one before it was done': ({ event, from, to, before }) => {
    const [was, is] = [place(from), place(to)];
    if (is === -1 || was === is) return false;
    const left = before.source.kind === 'member' ? order.filter((step) => step !== 'replayChanges') : order;
    const expected = left[left.indexOf(order[was] ?? '') + 1];
    const isDone = event === `xstate.done.actor.${order[was]}`;
    // A change log that can't be brought back is left out, and that is said.
    const leftOut = order[was] === 'replayChanges';
    return order[is] !== expected || !(isDone || leftOut);
  },
  'a step of a master is taken before the master is chosen': ({ started, after }) =>
    started.some(({ src }) => src !== 'prepareMaster') && after.master === null,
  'a step is given another master than the chosen one': ({ started, after }) =>
    started.some(
      ({ src, input }) =>
        src !== 'prepareMaster' &&
        JSON.stringify(typeof input === 'object' && input && Reflect.get(input, 'master')) !==
          JSON.stringify(after.master),
    ),
  'changes are replayed into a survivor, which has them': ({ started, after }) =>
    started.some(({ src }) => src === 'replayChanges') && after.source.kind === 'member',
  'a change log is left out and nobody is told': ({ event, from, to, after }) =>
    place(from) === order.indexOf('replayChanges') &&
    place(to) > place(from) &&
    !event.startsWith('xstate.done') &&
    after.lost === null,
  'a change log is left out since its master was silent for a while': ({ event, from, to, after }) =>
    place(from) === order.indexOf('replayChanges') &&
    place(to) > place(from) &&
    event.startsWith('xstate.error') &&
    after.failure?.code === 'MasterSilent',
  'it gives up once the data is in, though its master is there': ({ event, from, to, after }) =>
    to === 'failed' &&
    place(from) > order.indexOf('restoreData') &&
    !(event.startsWith('xstate.error') && /^(InstanceGone|DataLost)$/.test(after.failure?.code ?? '')),
  'it gives up before the data is in at the first failure that may pass': ({ event, to, after }) =>
    to === 'failed' &&
    after.revision === 0 &&
    event.startsWith('xstate.error') &&
    after.failure?.kind === 'retryable' &&
    after.tries < 3,
  'a step is tried a fourth time before the data is in': ({ to, after }) =>
    after.revision === 0 && to.endsWith('.working') && after.tries >= 3,
  'it is over before the API serves and the cluster was looked at': ({ event, to }) =>
    to === 'recovered' && event !== 'xstate.done.actor.reconcileCluster',
};
