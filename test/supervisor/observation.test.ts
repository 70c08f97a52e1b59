import { describe, expect, test } from '@jest/globals';
import { createActor } from 'xstate';
import { type NodeContext, nodeMachine } from '../../machines/node.ts';
import type { Instance } from '../../src/cloud/port.ts';
import { kubernetesNames, type NodeFacts } from '../../src/kubernetes/port.ts';
import {
  type CloudView,
  differences,
  instanceState,
  NodeIndex,
  nothingSeenOfCloud,
  type Observation,
  observe,
} from '../../src/supervisor/observation.ts';
import { news } from '../../src/supervisor/reconcile.ts';

const now = 1_000_000;

const context: NodeContext = {
  ...createActor(nodeMachine, {
    input: {
      slot: 'workers-0',
      pool: 'workers',
      zone: 'a',
      role: 'worker',
      nodeName: '127.0.2.1.i-1',
      instanceId: 'i-1',
      policy: {},
    },
  }).getSnapshot().context,
  ready: true,
  instance: 'running',
};

const node: NodeFacts = {
  name: '127.0.2.1.i-1',
  uid: 'u',
  instanceId: 'i-1',
  labels: {},
  annotations: {},
  ready: 'True',
  reason: 'KubeletReady',
  unschedulable: false,
  cordonedByWdrip: false,
};

const instance: Instance = {
  id: 'i-1',
  status: 'Running',
  zone: 'a',
  privateIp: '127.0.2.1',
  tags: { 'wdrip.io/slot': 'workers-0' },
  locks: [],
  startedAt: '2026-11-24T13:00Z',
  systemDiskId: 'd-1',
  imageId: 'm-1',
  instanceType: 'ecs.c6.large',
};

const cloudSeen: CloudView = {
  instances: new Map([['i-1', instance]]),
  gone: new Set(),
  repairing: new Set(),
  askedAt: now - 1_000,
  askedAlone: new Map(),
};

function look(over: {
  readonly context?: Partial<NodeContext>;
  readonly nodes?: readonly NodeFacts[];
  readonly heartbeatAt?: number;
  readonly cloud?: CloudView;
  readonly bySlot?: ReadonlyMap<string, readonly Instance[]>;
  readonly sightedAt?: number;
}): Observation {
  const nodes = new Map((over.nodes ?? [node]).map((each) => [each.name, each]));
  const heartbeatAt = () => over.heartbeatAt ?? now - 5_000;
  return observe(
    { ...context, ...over.context },
    new NodeIndex({ nodes, heartbeatAt }),
    over.cloud ?? cloudSeen,
    over.bySlot ?? new Map(),
    { now, sightedAt: over.sightedAt ?? 0, leaseSilentMs: 60_000 },
  );
}

describe('observing', () => {
  test('a Ready node with a fresh heartbeat', () => {
    expect(look({})).toMatchObject({
      ready: true,
      objectMissing: false,
      instance: 'running',
      heartbeatAt: now - 5_000,
    });
  });

  test('a silent lease makes a Ready node NotReady, since the node controller is then not at work', () => {
    expect(look({ heartbeatAt: now - 60_000 })).toMatchObject({ ready: false, reason: 'LeaseSilent' });
  });

  test('safety 11: silence is counted from when sight was gained, not from before', () => {
    expect(look({ heartbeatAt: now - 600_000, sightedAt: now - 59_000 }).ready).toBe(true);
    expect(look({ heartbeatAt: now - 600_000, sightedAt: now - 60_000 }).ready).toBe(false);
  });

  test('safety 3: an instance that a list lacks is unknown, and gone only when the cloud has said so of it', () => {
    const lacking = { ...cloudSeen, instances: new Map<string, Instance>() };
    expect(look({ cloud: lacking }).instance).toBe('unknown');
    expect(look({ cloud: { ...lacking, gone: new Set(['i-1']) } }).instance).toBe('gone');
  });

  test('a slot that never had an instance is empty only once the cloud has been seen', () => {
    expect(look({ context: { instanceId: null }, cloud: nothingSeenOfCloud }).instance).toBe('unknown');
    expect(look({ context: { instanceId: null } }).instance).toBe('gone');
  });

  test('safety 35: a Node of that name which belongs to another instance is not ours', () => {
    const other = { ...node, instanceId: 'i-2' };
    expect(look({ nodes: [other] })).toMatchObject({ objectMissing: true });
  });

  test('a successor is taken only for an instance that is gone', () => {
    const next: Instance = { ...instance, id: 'i-2', privateIp: '127.0.2.2' };
    const bySlot = new Map([['workers-0', [instance, next]]]);
    expect(look({ bySlot }).successor).toBeNull();
    const gone = { ...cloudSeen, instances: new Map<string, Instance>(), gone: new Set(['i-1']) };
    expect(look({ bySlot, cloud: gone }).successor?.id).toBe('i-2');
  });

  test('safety 5: a successor that is stopped fills the slot too, unless another runs', () => {
    const gone = { ...cloudSeen, instances: new Map<string, Instance>(), gone: new Set(['i-1']) };
    const stopped: Instance = { ...instance, id: 'i-2', privateIp: '127.0.2.2', status: 'Stopped' };
    const running: Instance = { ...instance, id: 'i-3', privateIp: '127.0.2.3' };
    const among = (...all: Instance[]) =>
      look({ bySlot: new Map([['workers-0', all]]), cloud: gone }).successor;
    expect(among(stopped)?.id).toBe('i-2');
    expect(among(stopped, running)?.id).toBe('i-3');
    expect(among({ ...stopped, privateIp: null })).toBeNull();
  });

  test.each([
    ['Running', [], 'running'],
    ['Stopped', [], 'stopped'],
    ['Pending', [], 'moving'],
    ['Starting', [], 'moving'],
    ['Stopping', [], 'moving'],
    ['Running', ['security'], 'locked'],
    ['Stopped', ['financial'], 'locked'],
    ['Stopped', ['recycling'], 'stopped'],
  ] as const)('an instance that is %s with locks %j is %s', (status, locks, state) => {
    expect(instanceState({ ...instance, status, locks })).toBe(state);
  });
});

describe('what an actor must hear of', () => {
  const tell = (
    over: Partial<NodeContext>,
    seen: Observation,
    value: 'unknown' | 'joining' | 'other' = 'other',
  ) => differences({ ...context, ...over }, value, seen, now);

  test('nothing, when nothing differs', () => {
    expect(tell({}, look({}))).toEqual([]);
  });

  test('NotReady, once', () => {
    const seen = look({ nodes: [{ ...node, ready: 'Unknown', reason: 'NodeStatusUnknown' }] });
    const event = { type: 'NODE_NOT_READY', at: now, reason: 'NodeStatusUnknown', objectMissing: false };
    expect(tell({}, seen)).toEqual([event]);
    expect(tell({ ready: false, reason: 'NodeStatusUnknown' }, seen)).toEqual([]);
  });

  test('a Node object that goes missing while it is NotReady', () => {
    expect(tell({ ready: false }, look({ nodes: [] }))).toMatchObject([
      { type: 'NODE_NOT_READY', objectMissing: true },
    ]);
  });

  test("safety 23: Ready from before the last rung's work is not told; a heartbeat from after it is", () => {
    const acted = { ready: false, actedAt: now - 3_000 };
    expect(tell(acted, look({ context: acted, heartbeatAt: now - 3_001 }))).toEqual([]);
    expect(tell(acted, look({ context: acted, heartbeatAt: now - 3_000 }))).toEqual([
      { type: 'NODE_READY', at: now - 3_000 },
    ]);
  });

  test('safety 23: an instance that was asked for by itself after the list is told as of then', () => {
    const stopped = new Map([['i-1', { ...instance, status: 'Stopped' as const }]]);
    const alone = { ...cloudSeen, instances: stopped, askedAlone: new Map([['i-1', now - 400]]) };
    expect(tell({ actedAt: now - 500 }, look({ cloud: alone }))).toMatchObject([
      { type: 'INSTANCE_CHANGED', at: now - 400, instance: 'stopped' },
    ]);
  });

  test("safety 23: the cloud's list from before the last rung's work is not told", () => {
    const seen = look({
      cloud: { ...cloudSeen, instances: new Map([['i-1', { ...instance, status: 'Stopped' }]]) },
    });
    expect(tell({ actedAt: now - 500 }, seen)).toEqual([]);
    expect(tell({ actedAt: now - 1_000 }, seen)).toMatchObject([
      { type: 'INSTANCE_CHANGED', instance: 'stopped' },
    ]);
  });

  test('safety 9: a new actor without a Node object is joining while its instance lives, and broken if it is gone', () => {
    const fresh = { ready: false, instance: 'unknown' } as const;
    expect(tell(fresh, look({ nodes: [] }), 'unknown').map(({ type }) => type)).toEqual([
      'INSTANCE_CHANGED',
      'NODE_JOINING',
    ]);
    const gone = look({ nodes: [], cloud: { ...cloudSeen, instances: new Map(), gone: new Set(['i-1']) } });
    expect(tell(fresh, gone, 'unknown').map(({ type }) => type)).toEqual([
      'INSTANCE_CHANGED',
      'NODE_NOT_READY',
    ]);
  });

  test('nothing of a slot of which neither side has said anything', () => {
    const fresh = { ready: false, instance: 'unknown' } as const;
    expect(
      differences({ ...context, ...fresh }, 'unknown', look({ nodes: [], cloud: nothingSeenOfCloud }), now),
    ).toEqual([]);
  });
});

describe('news', () => {
  const record = {
    id: 'node/workers-0',
    machine: 'node',
    version: 1,
    sequence: 1,
    since: 0,
    deadlines: {},
    effects: [],
  };
  const actor = (over: Partial<NodeContext>, state: string) => ({
    record: { ...record, snapshot: { value: state, context: {}, status: 'active' as const } },
    context: { ...context, ...over },
    state,
  });
  const pauses = { cluster: false, pools: [], slots: [] };
  const base = { now, sighted: true, seen: look({}), pauses, policy: {}, memberInChange: false };

  test.each([
    ['locked', 'InstanceLocked'],
    ['gone', 'InstanceGone'],
  ] as const)(
    'that an instance is %s, as an effect was told, is not taken back by an older list',
    (instance, code) => {
      const told = actor({ instance, failure: { kind: 'rejected', code, message: '' } }, 'held');
      const seen = look({});
      const since = (ms: number) => ({
        ...told,
        record: { ...told.record, since: seen.instanceAskedAt + ms },
      });
      expect(news(since(1), { ...base, seen }).map(({ type }) => type)).toEqual([]);
      expect(news(since(0), { ...base, seen }).map(({ type }) => type)).toEqual(['INSTANCE_CHANGED']);
    },
  );

  test('safety 2: while blind only the loss of sight is told, and a healthy node is not even told that', () => {
    const blind = { ...base, sighted: false, seen: null };
    expect(news(actor({ ready: false }, 'suspect'), blind)).toEqual([{ type: 'SIGHT_LOST', at: now }]);
    expect(news(actor({ ready: false, blind: true }, 'blind'), blind)).toEqual([]);
    expect(news(actor({}, 'healthy'), blind)).toEqual([]);
  });

  test('sight that returned is told to those that know of its loss', () => {
    expect(news(actor({ blind: true }, 'blind'), base)).toEqual([{ type: 'SIGHT_RETURNED', at: now }]);
  });

  test('a pause is told while blind too; its end only when the annotation can be read', () => {
    const paused = { ...pauses, pools: ['workers'] };
    expect(news(actor({}, 'healthy'), { ...base, sighted: false, seen: null, pauses: paused })).toEqual([
      { type: 'REPAIRS_PAUSED', at: now },
    ]);
    expect(news(actor({ paused: true }, 'healthy'), { ...base, sighted: false, seen: null })).toEqual([]);
    expect(news(actor({ paused: true }, 'healthy'), base)).toEqual([{ type: 'REPAIRS_RESUMED', at: now }]);
  });

  test("a person's annotation pauses the node", () => {
    const annotated = look({ nodes: [{ ...node, annotations: { 'wdrip.io/paused': 'true' } }] });
    expect(news(actor({}, 'healthy'), { ...base, seen: annotated })).toEqual([
      { type: 'REPAIRS_PAUSED', at: now },
    ]);
  });

  test('changed settings of the pool are told once', () => {
    const policy = { suspectMs: 5_000 };
    expect(news(actor({}, 'healthy'), { ...base, policy })).toEqual([
      { type: 'POLICY_CHANGED', at: now, policy },
    ]);
    expect(news(actor({ policy }, 'healthy'), { ...base, policy })).toEqual([]);
  });

  test('safety 23: a list that may be from before the end of a rung does not say that its instance is stopped', () => {
    const stopped = new Map([['i-1', { ...instance, status: 'Stopped' as const }]]);
    const seen = look({ cloud: { ...cloudSeen, instances: stopped } });
    const waits = { ...actor({ ready: false }, 'repairing.resetting.awaitingReady') };
    const since = (ms: number) => ({ ...waits, record: { ...waits.record, since: cloudSeen.askedAt - ms } });
    const told = { type: 'INSTANCE_CHANGED', at: now - 1_000, instance: 'stopped', cloudRepairing: false };
    const of = (ms: number) => news(since(ms), { ...base, seen }).filter(({ type }) => type === told.type);
    expect(of(14_000)).toEqual([]);
    expect(of(15_000)).toEqual([told]);
  });

  test('safety 34: a mark that was left is told of, but not while it is that of a change of the member', () => {
    const marked = { ...look({}) };
    if (marked.node === null) throw new Error('it is seen');
    const annotations = { ...marked.node.annotations, [kubernetesNames.repair]: 'rebooting' };
    const seen = { ...marked, node: { ...marked.node, annotations } };
    const told = news(actor({}, 'healthy'), { ...base, seen }).map(({ type }) => type);
    expect(told).toEqual(['MARKS_LEFT']);
    expect(news(actor({}, 'healthy'), { ...base, seen, memberInChange: true })).toEqual([]);
  });

  test('a retired slot hears nothing', () => {
    expect(news(actor({ ready: false, blind: true }, 'retired'), base)).toEqual([]);
  });
});
