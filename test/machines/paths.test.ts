import { describe, expect, test } from '@jest/globals';
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { getAdjacencyMap } from 'xstate/graph';
import { type NodeContext, nodeMachine, rungs } from '../../machines/node.ts';
import { someNode } from './driver.ts';
import { explore, type Moved as Movement } from './explore.ts';
import { testPaths } from './paths.ts';
import { begin, dotted, take } from './pure.ts';
import { brokenRules, rules } from './rules.ts';
import { everythingThatCanHappen, nodeSpace, stateKey, whatComesWhenAllIsWell } from './space.ts';

type Moved = Movement<NodeContext>;

const mostSteps = 12;
const walked = testPaths<NodeContext>({
  space: nodeSpace,
  rules,
  size: [3_000, 15_000],
  unreachable: {},
  passedThrough: ['repairing.choosing'],
  toldAgain: ({ type }) => /^(NODE_|INSTANCE_|SLOT_|SIGHT_|REPAIRS_)/.test(type),
  patient: {},
  beginsAnew: Object.fromEntries(
    rungs.map((rung) => [
      `repairing.${rung}.admitting: INSTANCE_CHANGED`,
      'a permit is asked for anew, with what is known now: a question does nothing twice',
    ]),
  ),
  home: { states: ['healthy', 'retired'], next: whatComesWhenAllIsWell, mostSteps },
});

test('only a slot whose instance is being deleted is gone for good, once all is well', () => {
  const ends = new Map<string, AnyMachineSnapshot>();
  for (const { key, snapshot } of walked().found.values()) {
    if (snapshot.status !== 'active') continue;
    let at: AnyMachineSnapshot = snapshot;
    while (!['healthy', 'retired'].includes(dotted(at.value))) {
      const event = whatComesWhenAllIsWell(at);
      const step: string = `${stateKey(at)} ${event.type}`;
      at = ends.get(step) ?? take(nodeMachine, at, event).snapshot;
      ends.set(step, at);
    }
    if (dotted(at.value) === 'retired') expect(key).toMatch(/^retiring\.(removing|waiting) /);
  }
});

test('healthy forgets: no climb, no permit, no marks are left over', () => {
  for (const { snapshot } of walked().found.values()) {
    if (dotted(snapshot.value) !== 'healthy') continue;
    const { tried, reboots, failedClimbs, permit, marked, agentSilent } = snapshot.context;
    expect({ tried, reboots, failedClimbs, permit, marked, agentSilent }).toEqual({
      tried: 0,
      reboots: 0,
      failedClimbs: 0,
      permit: null,
      marked: false,
      agentSilent: false,
    });
  }
});

test('xstate/graph finds the same states', () => {
  // In a smaller world, since it takes twice as long: nobody pauses, sight holds, the cloud repairs nothing.
  const world = ['NODE_READY', 'NODE_NOT_READY', 'INSTANCE_CHANGED', 'SLOT_RETIRED'];
  const possible = (snapshot: AnyMachineSnapshot) =>
    everythingThatCanHappen(snapshot).filter(
      ({ type, cloudRepairing }) =>
        (type.startsWith('xstate.') || world.includes(type)) && cloudRepairing !== true,
    );
  const ours = explore({ ...nodeSpace, possible, inputs: [someNode] }, () => undefined);
  const asAny: AnyStateMachine = nodeMachine;
  const theirs = getAdjacencyMap(asAny, {
    input: someNode,
    events: possible,
    serializeState: stateKey,
    limit: 50_000,
  });
  expect(Object.keys(theirs).sort()).toEqual([...ours.keys()].sort());
  expect(ours.size).toBeGreaterThan(300);
});

describe('each rule bites', () => {
  const { context } = begin(nodeMachine, someNode).snapshot;
  const moving = (
    from: string,
    to: string,
    after: Partial<NodeContext>,
    more: Partial<Moved> = {},
  ): Moved => ({
    event: 'X',
    from,
    to,
    before: context,
    after: { ...context, ...after },
    started: [],
    ...more,
  });
  const admitting = 'repairing.rebooting.admitting';
  const start = (src: string, input: unknown) => ({ started: [{ src, input }] });
  const planted: Readonly<Record<keyof typeof rules, Moved>> = {
    'a rung beyond the kubelet drains or acts without a permit': moving(
      admitting,
      'repairing.rebooting.draining',
      {},
    ),
    'a kubelet restart gives a permit': moving(
      'repairing.restartingKubelet.admitting',
      'repairing.restartingKubelet.acting',
      { permit: 'p' },
    ),
    'a rung asks, drains or acts anew while repairs are paused': moving('suspect', admitting, {
      paused: true,
    }),
    'a rung asks, drains or acts anew while blind': moving('suspect', admitting, { blind: true }),
    'a rung asks, drains or acts anew on a Ready node': moving('suspect', admitting, { ready: true }),
    'a rung asks, drains or acts anew on a locked instance': moving('suspect', admitting, {
      instance: 'locked',
    }),
    'a rung asks, drains or acts anew while the cloud itself is at work': moving('suspect', admitting, {
      instance: 'moving',
    }),
    'a rung is skipped without the evidence of a shortcut': moving('suspect', admitting, {
      instance: 'running',
    }),
    'a permit is kept where nothing is under repair': moving('settling', 'healthy', { permit: 'p' }),
    'a master that is out of sight holds a permit although nothing is done to it': moving(
      'repairing.resetting.acting',
      'repairing.resetting.awaitingReady',
      { permit: 'p', role: 'controlPlane', blind: true },
    ),
    'an instance is replaced twice in one climb': moving(
      'repairing.replacing.confirming',
      'repairing.replacing.acting',
      { permit: 'p' },
      { before: { ...context, tried: 4 } },
    ),
    'the first reboot of a climb is forced': moving(
      'repairing.rebooting.confirming',
      'repairing.rebooting.acting',
      { reboots: 1, permit: 'p' },
      start('restartInstance', { force: true }),
    ),
    'the ladder goes down by itself': moving('suspect', admitting, {}, { before: { ...context, tried: 3 } }),
    'a rung takes something away without asking directly before': moving(
      'repairing.rebooting.draining',
      'repairing.rebooting.acting',
      { permit: 'p' },
    ),
    'a slot is taken away without asking directly before': moving('retiring.draining', 'retiring.removing', {
      permit: 'p',
    }),
    'an effect works on an instance without a permit': moving('suspect', 'x', {}, start('drainNode', {})),
  };
  test.each(Object.keys(rules))('%s', (rule) => {
    const plant = planted[rule];
    expect(plant === undefined ? [] : brokenRules(plant)).toContain(rule);
  });
});
