import { beforeAll, describe, expect, test } from '@jest/globals';
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { getAdjacencyMap } from 'xstate/graph';
import { type NodeContext, nodeMachine } from '../../machines/node.ts';
import { driveNode, lostNode, someNode } from './driver.ts';
import {
  declaredTransitions,
  type Edge,
  explore,
  type Found,
  pathTo,
  startOf,
  transitionsTaken,
} from './explore.ts';
import { begin, declaredDeadlines, declaredEffects, dotted, stateNodes, take } from './pure.ts';
import { brokenRules, type Moved, rules } from './rules.ts';
import { type AnyNodeEvent, everythingThatCanHappen, stateKey, whatComesWhenAllIsWell } from './space.ts';

/** Transitions that nothing can take, each with the reason why it stands there all the same. */
const unreachable: Readonly<Record<string, string>> = {};

function moved({ from, event, to, asked }: Edge): Moved {
  return {
    event: event.type,
    from: dotted(from.snapshot.value),
    to: dotted(to.value),
    before: from.snapshot.context,
    after: to.context,
    started: asked.started,
  };
}

/** What leads to a finding, for people: the events from the start on. */
function told(from: Found, event: AnyNodeEvent): string {
  const said = ({ type, at: _, ...rest }: AnyNodeEvent) =>
    Object.keys(rest).length === 0 ? type : `${type} ${JSON.stringify(rest)}`;
  return [...pathTo(from), event].map(said).join(' > ');
}

const declared = declaredTransitions(nodeMachine);
let space: ReadonlyMap<string, Found>;
/** By the transition's name: the shortest path that takes it. */
const covering = new Map<string, { readonly from: Found; readonly event: AnyNodeEvent }>();
/** By the rule: the shortest path that breaks it. */
const broken = new Map<string, string>();
/** By state: the states to which an effect's end alone leads on. */
const byEndsAlone = new Map<string, Set<string>>();

beforeAll(() => {
  const open = new Set(declared.keys());
  const looked = new Set<string>();
  space = explore((edge) => {
    for (const rule of brokenRules(moved(edge)))
      if (!broken.has(rule)) broken.set(rule, told(edge.from, edge.event));
    if (edge.toKey !== edge.from.key && /^xstate\.(done|error)/.test(edge.event.type)) {
      const next = byEndsAlone.get(edge.from.key) ?? new Set();
      byEndsAlone.set(edge.from.key, next.add(edge.toKey));
    }
    // The same event between the same states takes the same transitions: looked at once.
    const kind = `${edge.from.key} ${edge.event.type} ${edge.toKey}`;
    if (open.size === 0 || looked.has(kind)) return;
    looked.add(kind);
    for (const transition of transitionsTaken(nodeMachine, edge.from.snapshot, edge.event))
      if (open.delete(transition))
        covering.set(declared.get(transition) ?? 'undeclared', { from: edge.from, event: edge.event });
  });
}, 60_000);

test('the space is bounded, and large enough to mean something', () => {
  expect(space.size).toBeGreaterThan(3_000);
  expect(space.size).toBeLessThan(15_000);
});

test('every transition that the machine declares is taken on some path', () => {
  const names = [...declared.values()].sort();
  expect(names.length).toBeGreaterThan(100);
  const missing = names.filter((name) => !covering.has(name));
  expect(missing).toEqual(Object.keys(unreachable).sort());
});

test('every state is come to on some path', () => {
  const values = new Set([...space.values()].map(({ snapshot }) => dotted(snapshot.value)));
  const leaves = stateNodes(nodeMachine)
    .filter((node) => Object.keys(node.states).length === 0)
    .map((node) => node.path.join('.'));
  // In `choosing` nothing ever stays.
  expect([...values].sort()).toEqual(leaves.filter((path) => path !== 'repairing.choosing').sort());
});

test('each covering path, walked by the rules of the runtime, ends where the graph says', () => {
  for (const [name, { from, event }] of covering) {
    const actor = driveNode(startOf(from).snapshot.context.tried > 0 ? lostNode : {});
    for (const each of pathTo(from))
      if (!actor.take(each)) throw new Error(`${name}: ${each.type} is not due`);
    expect(stateKey(actor.snapshot())).toBe(from.key);
    // An end comes only from an effect that runs, a deadline only if it is armed.
    expect({ name, taken: actor.take(event) }).toEqual({ name, taken: true });
  }
});

describe('what must never happen happens on no path', () => {
  test.each(Object.keys(rules))('%s', (rule) => {
    expect(broken.get(rule) ?? 'never').toBe('never');
  });
});

test('while it waits, a node waits for something: a deadline, an effect, or a fact that people know of', () => {
  const waitsForFacts = ['unknown', 'healthy', 'blind', 'held', 'retired', 'settling'];
  for (const { snapshot } of space.values()) {
    const waits = declaredDeadlines(snapshot).length + declaredEffects(snapshot).length > 0;
    const state = dotted(snapshot.value);
    expect({ state, waits: waits || waitsForFacts.includes(state) }).toEqual({ state, waits: true });
  }
});

test('the ends of effects alone lead round in no circle: each circle needs time or a new fact', () => {
  const done = new Set<string>();
  const onPath = new Set<string>();
  const walk = (key: string): void => {
    if (onPath.has(key)) throw new Error(`a livelock through ${key}`);
    if (done.has(key)) return;
    onPath.add(key);
    for (const next of byEndsAlone.get(key) ?? []) walk(next);
    onPath.delete(key);
    done.add(key);
  };
  for (const key of byEndsAlone.keys()) walk(key);
  expect(done.size).toBeGreaterThan(100);
});

test('no state is a trap: once all is well and effects succeed, every node is healthy, or gone for good, within a few steps', () => {
  const mostSteps = 12;
  // Thousands of states share their way home: each step is taken once.
  const next = new Map<string, AnyMachineSnapshot>();
  for (const { key, snapshot } of space.values()) {
    if (snapshot.status !== 'active') continue;
    const events: string[] = [];
    let at: AnyMachineSnapshot = snapshot;
    while (!['healthy', 'retired'].includes(dotted(at.value))) {
      const event = whatComesWhenAllIsWell(at);
      events.push(event.type);
      if (events.length > mostSteps) throw new Error(`${key} is not healthy after ${events.join(' > ')}`);
      const step: string = `${stateKey(at)} ${event.type}`;
      at = next.get(step) ?? take(nodeMachine, at, event).snapshot;
      next.set(step, at);
    }
    // Only a slot whose instance is being deleted may end so.
    if (dotted(at.value) === 'retired') expect(key).toMatch(/^retiring\.(removing|waiting) /);
  }
});

test('healthy forgets: no climb, no permit, no marks are left over', () => {
  for (const { snapshot } of space.values()) {
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
  const ours = explore(() => undefined, possible, [someNode]);
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
