import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createKubernetes, type KubernetesAdapter } from '../../src/kubernetes/adapter.ts';
import type { KubernetesLimits } from '../../src/kubernetes/limits.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { recordingWatcher } from './contract.ts';
import { refuse, type ScriptedApi, startScriptedApi } from './scripted-api.ts';
import { until } from './until.ts';

const LIMITS: Partial<KubernetesLimits> = {
  staleMs: 1_200,
  probeMs: 100,
  probeTimeoutMs: 400,
  callMs: 600,
  quietMs: 5_000,
  pageSize: 2,
  backoffMs: 20,
  backoffMostMs: 100,
  nodesPaceMs: 0,
};

let api: ScriptedApi;
let adapters: KubernetesAdapter[] = [];
let stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  api = await startScriptedApi();
  for (const name of ['a', 'b', 'c', 'd', 'e']) api.put('nodes', node(name, 'True'));
  api.put('leases', lease('a', 1));
});

afterEach(async () => {
  for (const stop of stops) await stop();
  for (const adapter of adapters) adapter.close();
  stops = [];
  adapters = [];
  await api.close();
});

function node(name: string, ready: string) {
  const conditions = [{ type: 'Ready', status: ready, reason: 'Scripted' }];
  return { metadata: { name, uid: `uid-${name}` }, spec: {}, status: { conditions } };
}

function lease(name: string, second: number) {
  return { metadata: { name }, spec: { renewTime: `2020-01-01T00:00:0${second}.000000Z` } };
}

function watching(limits: Partial<KubernetesLimits> = {}) {
  const options = { kubeconfig: api.kubeconfig, clock: systemClock(), random: seededRandom(1) };
  const kubernetes = createKubernetes({ ...options, limits: { ...LIMITS, ...limits } });
  const seen = recordingWatcher();
  const watch = kubernetes.watch(seen.watcher);
  adapters.push(kubernetes);
  stops.push(() => watch.stop());
  return seen;
}

async function sighted(limits: Partial<KubernetesLimits> = {}) {
  const seen = watching(limits);
  await until('sighted', () => seen.state() === 'sighted');
  await until(
    'both are watched',
    () => api.watches('nodes').length === 1 && api.watches('leases').length === 1,
  );
  return seen;
}

const lists = (of = '/api/v1/nodes') =>
  api.asked.filter(({ kind, path, query }) => kind === 'list' && path === of && !query.has('continue'))
    .length;
const names = (seen: ReturnType<typeof recordingWatcher>) =>
  [...(seen.view()?.nodes.keys() ?? [])].sort().join('');

test('safety 3, safety 23: a list is read to its end, from etcd and not from a cache, before the first sight', async () => {
  const seen = await sighted();
  expect(names(seen)).toBe('abcde');
  expect(seen.order).toEqual(['changed', 'sighted']);
  const pages = api.asked.filter(({ kind, path }) => kind === 'list' && path === '/api/v1/nodes');
  expect(pages.map(({ query }) => query.get('continue'))).toEqual([null, '2', '4']);
  expect(pages.every(({ query }) => !query.has('resourceVersion'))).toBe(true);
});

test('safety 3: a list that breaks off after its first page is never shown; blind, and why', async () => {
  api.script = ({ query }, response) =>
    query.has('continue') ? refuse(response, 500, 'InternalError') : undefined;
  const seen = watching();
  await until('blind', () => seen.state() === 'blind');
  expect(seen.order).toEqual(['blind']);
  expect(seen.sights[0]?.why).toContain('InternalError');
  api.script = null;
  await until('sighted', () => seen.state() === 'sighted');
  expect(names(seen)).toBe('abcde');
});

test('safety 3: a list whose answer is cut in the middle is never shown', async () => {
  let cuts = 0;
  api.script = ({ kind, path }, response) => {
    if (kind !== 'list' || path !== '/api/v1/nodes' || cuts >= 3) return undefined;
    cuts += 1;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '5000' });
    response.write('{"metadata":{"resourceVersion":"1"},"items":[');
    response.socket?.destroySoon();
    return 'done';
  };
  const seen = watching();
  await until('sighted', () => seen.state() === 'sighted');
  expect(cuts).toBe(3);
  expect(seen.order.filter((told) => told === 'changed')).toHaveLength(1);
  expect(names(seen)).toBe('abcde');
});

test('an empty answer with status 200 that is no list is not an empty list', async () => {
  api.script = ({ kind }, response) => {
    if (kind !== 'list') return undefined;
    response.writeHead(200).end('{}');
    return 'done';
  };
  const seen = watching();
  await until('blind', () => seen.state() === 'blind');
  expect(seen.order).toEqual(['blind']);
});

test('a page token that has expired starts the list anew', async () => {
  let expired = 0;
  api.script = ({ query }, response) => {
    if (!query.has('continue') || expired > 0) return undefined;
    expired += 1;
    return refuse(response, 410, 'Expired');
  };
  const seen = await sighted();
  expect(lists()).toBe(2);
  expect(names(seen)).toBe('abcde');
  expect(seen.sights).toHaveLength(1);
});

test('410 as an event in the middle of a watch: listed anew, and what was missed is seen', async () => {
  const seen = await sighted();
  api.removeSilently('nodes', 'b');
  api.putSilently('nodes', node('f', 'True'));
  const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
  api.write('nodes', `${JSON.stringify({ type: 'ERROR', object: status })}\n`);
  await until('both changes are seen', () => names(seen) === 'acdef');
  expect(lists()).toBe(2);
  expect(seen.sights).toHaveLength(1);
});

test('410 as the answer to a resumed watch: the same', async () => {
  const seen = await sighted();
  let gone = 0;
  api.script = ({ kind, path }, response) => {
    if (kind !== 'watch' || path !== '/api/v1/nodes' || gone > 0) return undefined;
    gone += 1;
    return refuse(response, 410, 'Gone');
  };
  api.removeSilently('nodes', 'b');
  api.end('nodes');
  await until('it is seen to be gone', () => names(seen) === 'acde');
  expect([gone, lists()]).toEqual([1, 2]);
  expect(seen.sights).toHaveLength(1);
});

test('safety 3: while a new list is stuck half-way, the old view stays whole', async () => {
  const seen = await sighted();
  api.script = ({ query, path }, response) =>
    path === '/api/v1/nodes' && (query.has('continue') || query.has('watch'))
      ? refuse(response, 503, 'ServiceUnavailable')
      : undefined;
  const status = { code: 410, reason: 'Expired' };
  api.write('nodes', `${JSON.stringify({ type: 'ERROR', object: status })}\n`);
  await until('blind: the watch can not be kept', () => seen.state() === 'blind');
  expect(names(seen)).toBe('abcde');
  api.script = null;
  await until('sighted', () => seen.state() === 'sighted');
  expect(names(seen)).toBe('abcde');
});

test('a connection that is reset is resumed where it was, without a new list', async () => {
  const seen = await sighted();
  const revision = api.put('nodes', node('b', 'False'));
  await until('seen', () => seen.node('b')?.ready === 'False');
  api.reset();
  api.put('nodes', node('c', 'False'));
  await until('what happened meanwhile is seen', () => seen.node('c')?.ready === 'False');
  expect(lists()).toBe(1);
  expect(api.watches('nodes')[0]?.from).toBe(Number(revision));
  expect(seen.sights).toHaveLength(1);
});

test('a watch that hangs while its connection stays open is noticed and resumed', async () => {
  const seen = await sighted({ quietMs: 300 });
  api.putSilently('nodes', node('b', 'Unknown'));
  await until('what the hanging watch kept back is seen', () => seen.node('b')?.ready === 'Unknown');
  expect(seen.sights).toHaveLength(1);
});

test('an API that takes calls and never answers: blind after the stale time, sighted when it answers', async () => {
  const seen = await sighted();
  const at = Date.now();
  api.script = () => 'done';
  await until('blind', () => seen.state() === 'blind');
  const took = Date.now() - at;
  expect(took).toBeGreaterThan(1_000);
  expect(took).toBeLessThan(2_500);
  expect(seen.sights.at(-1)?.why).toContain('proved nothing');
  api.script = null;
  await until('sighted', () => seen.state() === 'sighted');
});

test('an API that never answers from the start: the first word is blind', async () => {
  api.script = () => 'done';
  const seen = watching();
  await until('blind', () => seen.state() === 'blind');
  expect(seen.order).toEqual(['blind']);
});

test('lines come in pieces, cut in the middle of a character', async () => {
  const seen = await sighted();
  const made = { ...node('ü', 'True'), metadata: { name: 'ü', uid: 'u', resourceVersion: '2000' } };
  const bytes = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: made })}\n`);
  const cut = bytes.indexOf(0xc3) + 1;
  const [watch] = api.watches('nodes');
  for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut, cut + 1), bytes.subarray(cut + 1)]) {
    await new Promise((resolve) => watch?.response.write(piece, resolve));
  }
  await until('it is whole', () => seen.node('ü')?.ready === 'True');
  expect(lists()).toBe(1);
});

test('half a line before the connection breaks is no event', async () => {
  const seen = await sighted();
  api.write('nodes', '{"type":"DELETED","object":{"metadata":{"name":"a","resourceVersion":"2');
  api.end('nodes');
  api.put('nodes', node('b', 'False'));
  await until('the watch goes on', () => seen.node('b')?.ready === 'False');
  expect(names(seen)).toBe('abcde');
});

test('an event that can not be read: listed anew, since nobody knows what it said', async () => {
  const seen = await sighted();
  api.removeSilently('nodes', 'b');
  api.write('nodes', '{"type":"DELETED","object":{"meta\n');
  await until('the truth is seen', () => names(seen) === 'acde');
  expect(lists()).toBe(2);
});

test('safety 23: an event that is older than what is known changes nothing', async () => {
  const seen = await sighted();
  const old = { ...node('b', 'True'), metadata: { name: 'b', uid: 'uid-b', resourceVersion: '1' } };
  api.put('nodes', node('b', 'False'));
  await until('seen', () => seen.node('b')?.ready === 'False');
  api.write('nodes', `${JSON.stringify({ type: 'MODIFIED', object: old })}\n`);
  api.write('nodes', `${JSON.stringify({ type: 'DELETED', object: old })}\n`);
  api.put('nodes', node('c', 'False'));
  await until('what came after it is seen', () => seen.node('c')?.ready === 'False');
  expect(seen.node('b')?.ready).toBe('False');
});

test('a bookmark moves the point at which a watch is resumed', async () => {
  await sighted();
  const bookmark = { type: 'BOOKMARK', object: { kind: 'Node', metadata: { resourceVersion: '4711' } } };
  api.write('nodes', `${JSON.stringify(bookmark)}\n`);
  api.end('nodes');
  await until('it is resumed there', () => api.watches('nodes').some(({ from }) => from === 4711));
});

test('many events at once are told once', async () => {
  const seen = await sighted();
  const before = seen.order.length;
  const events = Array.from({ length: 200 }, (_, index) => {
    const name = `n${index}`;
    const object = {
      ...node(name, 'True'),
      metadata: { name, uid: name, resourceVersion: String(5_000 + index) },
    };
    return `${JSON.stringify({ type: 'ADDED', object })}\n`;
  });
  api.write('nodes', events.join(''));
  await until('all are seen', () => seen.view()?.nodes.size === 205);
  expect(seen.order.length - before).toBeLessThanOrEqual(3);
});

test('watches that are refused while everything else answers: blind after the stale time', async () => {
  const seen = await sighted();
  api.script = ({ kind }, response) =>
    kind === 'watch' ? refuse(response, 500, 'InternalError') : undefined;
  api.end('nodes');
  await until('blind', () => seen.state() === 'blind');
  expect(seen.sights.at(-1)?.why).toMatch(/No watch of nodes|InternalError/);
});

test('probes that fail while events still come: sighted', async () => {
  const seen = await sighted();
  api.script = ({ kind }, response) =>
    kind === 'probe' ? refuse(response, 500, 'InternalError') : undefined;
  const at = Date.now();
  let second = 1;
  await until(
    'two stale times have passed',
    () => {
      second = (second % 9) + 1;
      api.put('leases', lease('a', second));
      return Date.now() - at > 2_400;
    },
    5_000,
  );
  expect(seen.sights).toHaveLength(1);
});

test('safety 45: data that went back in time is noticed: blind, then sighted on fresh lists', async () => {
  const seen = await sighted();
  api.goBack(10);
  api.removeSilently('nodes', 'e');
  await until('blind', () => seen.sights.length >= 2);
  expect(seen.sights[1]).toMatchObject({ state: 'blind' });
  expect(seen.sights[1]?.why).toContain('back in time');
  await until('sighted', () => seen.state() === 'sighted');
  expect(names(seen)).toBe('abcd');
});

test('safety 11, safety 61: after blindness every heartbeat counts from the new sight, also those that never moved', async () => {
  api.put('leases', lease('b', 1));
  const seen = await sighted();
  const before = seen.view()?.heartbeatAt('b') ?? 0;
  api.script = () => 'done';
  await until('blind', () => seen.state() === 'blind');
  const blindAt = Date.now();
  api.script = null;
  await until('sighted', () => seen.state() === 'sighted');
  const after = seen.view()?.heartbeatAt('b') ?? 0;
  expect(before).toBeGreaterThan(0);
  expect(after).toBeGreaterThanOrEqual(blindAt);
});

test('safety 11: heartbeats count from the moment of sight, not from a list that was read long before it', async () => {
  api.script = ({ kind, path }, response) =>
    kind === 'watch' && path.endsWith('leases') ? refuse(response, 503, 'ServiceUnavailable') : undefined;
  const seen = watching();
  await until('blind: no watch of leases', () => seen.state() === 'blind' && lists() > 0);
  const refusedTill = Date.now();
  api.script = null;
  await until('sighted', () => seen.state() === 'sighted');
  const names = [...(seen.view()?.nodes.keys() ?? [])];
  expect(names).toHaveLength(5);
  for (const name of names) expect(seen.view()?.heartbeatAt(name)).toBeGreaterThanOrEqual(refusedTill);
});

test('blind is told again when its reason becomes another one', async () => {
  api.script = (_asked, response) => refuse(response, 403, 'Forbidden', { message: 'nodes is forbidden' });
  const seen = watching();
  await until('blind', () => seen.state() === 'blind');
  expect(seen.sights[0]?.why).toMatch(/403: nodes is forbidden.*docs\/rbac\.yaml/);
  api.script = (_asked, response) => refuse(response, 500, 'InternalError');
  await until('the new reason is told', () => seen.sights.length > 1);
  expect(seen.sights[1]?.why).toContain('500');
  expect(seen.sights.map(({ state }) => state)).toEqual(['blind', 'blind']);
});
