import { describe, expect, test } from '@jest/globals';
import { createActor } from 'xstate';
import { type NodeContext, nodeMachine } from '../../machines/node.ts';
import type { NodeFacts } from '../../src/kubernetes/port.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import type { ActorRecord, Json } from '../../src/runtime/record.ts';
import { Fleet, isAtWork, nodeActor, scopesOf } from '../../src/supervisor/fleet.ts';
import { NodeIndex } from '../../src/supervisor/observation.ts';

const steps = 400;
const seeds = [1, 2, 3, 4, 5];
const slots = Array.from({ length: 7 }, (_, index) => `workers-${index}`);
const states: readonly Json[] = [
  'healthy',
  'unknown',
  'joining',
  'suspect',
  'settling',
  'throttled',
  'held',
  'retired',
  { retiring: 'draining' },
  { repairing: { rebooting: 'admitting' } },
  { repairing: { rebooting: 'acting' } },
  { repairing: { rebooting: 'awaitingReady' } },
];

const pick = <T>(random: Random, from: readonly [T, ...T[]] | readonly T[]): T => {
  const item = from[Math.floor(random.next() * from.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
};

const input = { pool: 'a', zone: 'z', role: 'worker', nodeName: null, instanceId: null, policy: {} } as const;
const base: NodeContext = createActor(nodeMachine, { input: { ...input, slot: 's' } }).getSnapshot().context;

function randomRecord(random: Random): ActorRecord {
  const slot = pick(random, slots);
  const context: NodeContext = {
    ...base,
    slot,
    pool: pick(random, ['a', 'b']),
    zone: pick(random, ['z1', 'z2']),
    nodeName: pick(random, [null, ...slots.map((each) => `node of ${each}`)]),
    instanceId: pick(random, [null, `i-${slot}-1`, `i-${slot}-2`]),
    ready: random.next() < 0.5,
    permit: random.next() < 0.3 ? 'attempt' : null,
  };
  return {
    id: `node/${slot}`,
    machine: 'node',
    version: 1,
    sequence: 0,
    snapshot: { value: pick(random, states), context: { ...context } as unknown as Json, status: 'active' },
    since: 0,
    deadlines: {},
    effects: [],
  };
}

/** All that a fleet keeps, counted anew from its actors. */
function recount(records: Iterable<ActorRecord>) {
  const actors = [...records].map(nodeActor);
  const busy = actors.filter(({ state }) => state !== 'healthy' && state !== 'retired');
  const counts: Record<string, { notReady: number; total: number }> = {};
  for (const { context, state } of actors.filter((each) => !/^retir/.test(each.state)))
    for (const scope of scopesOf(context)) {
      const count = counts[scope] ?? { notReady: 0, total: 0 };
      const isNew = state === 'unknown' || state === 'joining' || context.instanceId === null;
      const failed = !context.ready && !isNew;
      counts[scope] = { notReady: count.notReady + (failed ? 1 : 0), total: count.total + 1 };
    }
  const of = (those: typeof actors) => those.map(({ context }) => context.slot).sort();
  return {
    busy: of(busy),
    urgent: of(
      busy.filter(
        ({ state }) =>
          !['settling', 'throttled', 'held', 'blind', 'retiring.admitting'].includes(state) &&
          !/^repairing\.\w+\.(admitting|awaitingReady)$/.test(state),
      ),
    ),
    instances: actors.flatMap(({ context }) => context.instanceId ?? []).sort(),
    permits: of(actors.filter(({ context }) => context.permit !== null)),
    counts,
  };
}

describe('the fleet', () => {
  test.each(seeds)('over a random history %i its indexes are what a recount gives', (seed) => {
    const random = seededRandom(seed);
    const fleet = new Fleet();
    const records = new Map<string, ActorRecord>();
    for (let step = 0; step < steps; step++) {
      const record = randomRecord(random);
      const { context } = nodeActor(record);
      if (random.next() < 0.1) {
        fleet.remove(context.slot);
        records.delete(context.slot);
      } else {
        fleet.update(record);
        records.set(context.slot, record);
      }
      const scopes = [...fleet.scopes()].filter(([, { total }]) => total > 0);
      expect({
        busy: [...fleet.busy().keys()].sort(),
        urgent: [...fleet.urgent().keys()].sort(),
        instances: [...fleet.instanceIds()].sort(),
        permits: [...fleet.permits().keys()].sort(),
        counts: Object.fromEntries(scopes),
      }).toEqual(recount(records.values()));
      expect(fleet.size).toBe(records.size);
      for (const each of records.values()) {
        const { slot, instanceId } = nodeActor(each).context;
        if (instanceId !== null) expect(fleet.slotOfInstance(instanceId)).toBe(slot);
      }
    }
  });

  test('whatever a person types finds a node', () => {
    const fleet = new Fleet();
    const record = randomRecord(seededRandom(1));
    const context = { ...nodeActor(record).context, slot: 'workers-3', nodeName: 'n3', instanceId: 'i-3' };
    fleet.update({
      ...record,
      snapshot: { ...record.snapshot, context: { ...context } as unknown as Json },
    });
    for (const name of ['workers-3', 'n3', 'i-3']) expect(fleet.find(name)?.context.slot).toBe('workers-3');
    expect(fleet.find('n4')).toBeUndefined();
  });
});

describe('the index of Node objects', () => {
  test.each(seeds)('told what was touched, %i, it finds what a new one finds', (seed) => {
    const random = seededRandom(seed);
    const nodes = new Map<string, NodeFacts>();
    const view = { nodes, heartbeatAt: () => 1 };
    const names = ['n1', 'n2', 'n3', 'n4'];
    const instances = ['i-1', 'i-2', 'i-3'];
    const index = new NodeIndex(view);
    for (let step = 0; step < steps; step++) {
      const touched = new Set<string>();
      for (let changes = Math.ceil(random.next() * 3); changes > 0; changes--) {
        const name = pick(random, names);
        touched.add(name);
        if (random.next() < 0.3) nodes.delete(name);
        else nodes.set(name, facts(name, pick(random, [null, ...instances])));
      }
      index.update(view, touched);
      const anew = new NodeIndex(view);
      for (const nodeName of [null, ...names])
        for (const instanceId of [null, ...instances]) {
          const found = index.find({ nodeName, instanceId });
          expect(found).toBe(anew.find({ nodeName, instanceId }));
          // Safety 35: never one of another instance.
          if (found !== null) expect([null, instanceId]).toContain(found.instanceId);
        }
    }
  });
});

function facts(name: string, instanceId: string | null): NodeFacts {
  return {
    name,
    uid: name,
    instanceId,
    labels: {},
    annotations: {},
    ready: 'True',
    reason: '',
    unschedulable: false,
    cordonedByWdrip: false,
  };
}

interface State {
  readonly invoke: readonly { readonly src: unknown }[];
  readonly states: Readonly<Record<string, State>>;
}

/** Paths of the node machine's states, and the effects that run in each. */
function effectsByState(config: State, path: readonly string[]): readonly (readonly [string, string])[] {
  return [
    ...config.invoke.map(({ src }) => [path.join('.'), String(src)] as const),
    ...Object.entries(config.states).flatMap(([key, inner]) => effectsByState(inner, [...path, key])),
  ];
}

test('a node is worked on where an effect that changes its instance runs, and nowhere else: not while it asks, drains or waits', () => {
  const changing = [
    'restartKubelet',
    'restartInstance',
    'resetInstance',
    'replaceInstance',
    'retireInstance',
  ];
  const states = effectsByState(nodeMachine.root, []);
  expect(states.filter(([, src]) => changing.includes(src))).toHaveLength(changing.length);
  for (const [state, src] of states) {
    const atWork = isAtWork({ record: randomRecord(seededRandom(1)), context: base, state });
    expect({ state, atWork }).toEqual({ state, atWork: changing.includes(src) });
  }
  expect(isAtWork(undefined)).toBe(false);
  for (const state of ['blind', 'held', 'repairing.resetting.awaitingReady'])
    expect(isAtWork({ record: randomRecord(seededRandom(1)), context: base, state })).toBe(false);
});
