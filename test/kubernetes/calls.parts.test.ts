import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createKubernetes, type KubernetesAdapter } from '../../src/kubernetes/adapter.ts';
import type { KubernetesLimits } from '../../src/kubernetes/limits.ts';
import { kubernetesNames } from '../../src/kubernetes/port.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { type Asked, json, refuse, type ScriptedApi, startScriptedApi } from './scripted-api.ts';

const LIMITS: Partial<KubernetesLimits> = {
  callMs: 300,
  backoffMs: 10,
  backoffMostMs: 40,
  drainPollMs: 10,
  evictionRetryMs: 20,
};
const never = new AbortController().signal;

let api: ScriptedApi;
let kubernetes: KubernetesAdapter;

beforeEach(async () => {
  api = await startScriptedApi();
  const options = { kubeconfig: api.kubeconfig, clock: systemClock(), random: seededRandom(1) };
  kubernetes = createKubernetes({ ...options, limits: LIMITS });
});

afterEach(async () => {
  kubernetes.close();
  await api.close();
});

const theNode = { metadata: { name: 'n', uid: 'uid-1', resourceVersion: '7' }, spec: {} };
const calls = (method: string) => api.asked.filter((asked) => asked.method === method);

function pod(index: number, more: object = {}) {
  const metadata = { name: `p${index}`, namespace: 'default', uid: `uid-${index}`, ...more };
  return { metadata, spec: {}, status: { phase: 'Running' } };
}

/** Answers the list of a node's pods. */
function podList(response: Parameters<typeof json>[0], items: readonly object[]) {
  return json(response, 200, { metadata: { resourceVersion: '1' }, items });
}

const isEviction = ({ method, path }: Asked) => method === 'POST' && path.endsWith('/eviction');

test('a call that fails in a way that may pass is tried again, four times at most', async () => {
  api.script = (_asked, response) => refuse(response, 500, 'InternalError');
  await expect(kubernetes.cordon('n')).rejects.toMatchObject({ kind: 'retryable', code: 'InternalError' });
  expect(api.asked).toHaveLength(4);
});

test('a refusal is not tried again, and names the permission and where to find it', async () => {
  const message = 'nodes "n" is forbidden: User "wdrip" cannot patch resource "nodes" in API group ""';
  api.script = (_asked, response) => refuse(response, 403, 'Forbidden', { message });
  const failure = await kubernetes.annotate('n', { a: 'b' }).catch((caught: unknown) => caught);
  expect(failure).toMatchObject({ kind: 'rejected', code: 'Forbidden' });
  expect(String(failure)).toContain('cannot patch resource "nodes"');
  expect(String(failure)).toContain('docs/rbac.yaml');
  expect(api.asked).toHaveLength(1);
});

test('429 is waited for as long as the API says, and is throttled in the end', async () => {
  const times: number[] = [];
  api.script = (_asked, response) => {
    times.push(Date.now());
    if (times.length > 1) return json(response, 200, theNode);
    return refuse(response, 429, 'TooManyRequests', { headers: { 'retry-after': '1' } });
  };
  await kubernetes.annotate('n', { a: 'b' });
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(950);
  api.script = (_asked, response) =>
    refuse(response, 429, 'TooManyRequests', { headers: { 'retry-after': '60' } });
  const limited = kubernetes.annotate('n', { a: 'b' });
  await expect(limited).rejects.toMatchObject({ kind: 'throttled', retryAfterMs: 60_000 });
});

test('an API that takes the call and never answers: every call has an end', async () => {
  api.script = () => 'done';
  await expect(kubernetes.cordon('n')).rejects.toMatchObject({ kind: 'retryable', code: 'TimedOut' });
});

test('nobody listens: unreachable, with the address and the reason', async () => {
  await api.close();
  const failure = await kubernetes.cordon('n').catch((caught: unknown) => caught);
  expect(failure).toMatchObject({ kind: 'retryable', code: 'Unreachable' });
  expect(String(failure)).toMatch(/127\.0\.0\.1.*ECONNREFUSED/);
  api = await startScriptedApi();
});

test('cordon names the revision that it has read, and looks again if the node has changed since', async () => {
  let person = false;
  api.script = ({ method, body }, response) => {
    if (method === 'GET') return json(response, 200, { ...theNode, spec: { unschedulable: person } });
    expect(JSON.parse(body)).toEqual({
      metadata: { resourceVersion: '7', annotations: { [kubernetesNames.cordoned]: 'attempt-1' } },
      spec: { unschedulable: true },
    });
    person = true;
    return refuse(response, 409, 'Conflict');
  };
  await kubernetes.cordon('n', 'attempt-1');
  expect(api.asked.map(({ method }) => method)).toEqual(['GET', 'PATCH', 'GET']);
});

test('deleteNode deletes the object that it has seen and no later one of that name', async () => {
  let answers = 0;
  api.script = ({ method, body }, response) => {
    if (method === 'GET') return json(response, 200, theNode);
    answers += 1;
    expect(JSON.parse(body).preconditions).toEqual({ uid: 'uid-1' });
    // The first answer is lost; meanwhile the kubelet has registered its node anew.
    return answers === 1 ? 'done' : refuse(response, 409, 'Conflict');
  };
  await kubernetes.deleteNode('n');
  expect(calls('DELETE').map(({ headers }) => headers['content-length'])).toEqual(
    calls('DELETE').map(({ body }) => String(body.length)),
  );
  expect(answers).toBe(2);
});

test('safety 30: evictions run in parallel, sixteen at most', async () => {
  const left = new Map(Array.from({ length: 60 }, (_, index) => [`p${index}`, pod(index)]));
  let now = 0;
  let most = 0;
  api.script = (asked, response) => {
    if (!isEviction(asked)) return podList(response, [...left.values()]);
    now += 1;
    most = Math.max(most, now);
    systemClock().after(20, () => {
      now -= 1;
      left.delete(asked.path.split('/').at(-2) ?? '');
      json(response, 201, {});
    });
    return 'done';
  };
  const progress = await kubernetes.drain('n', { deadlineMs: 5_000, unreachable: false, signal: never });
  expect(progress).toEqual({ total: 60, evicted: 60, blocked: [], left: 0 });
  expect(most).toBe(16);
});

test('drain names the uid, so that a new pod of the same name is safe', async () => {
  let evicted = false;
  api.script = (asked, response) => {
    if (!isEviction(asked)) return podList(response, evicted ? [] : [pod(1)]);
    expect(JSON.parse(asked.body).deleteOptions).toEqual({ preconditions: { uid: 'uid-1' } });
    evicted = true;
    return refuse(response, 409, 'Conflict');
  };
  const progress = await kubernetes.drain('n', { deadlineMs: 5_000, unreachable: false, signal: never });
  expect(progress).toEqual({ total: 1, evicted: 1, blocked: [], left: 0 });
});

test('drain: an API that has failed for a while, a flooded one, and a namespace that ends, are waited for', async () => {
  let lists = 0;
  let evictions = 0;
  api.script = (asked, response) => {
    if (!isEviction(asked)) {
      lists += 1;
      return lists <= 6
        ? refuse(response, 503, 'ServiceUnavailable')
        : podList(response, evictions > 3 ? [] : [pod(1)]);
    }
    evictions += 1;
    if (evictions === 1) return refuse(response, 429, 'TooManyRequests');
    if (evictions === 2) return refuse(response, 500, 'InternalError');
    const details = { causes: [{ reason: 'NamespaceTerminating' }] };
    return refuse(response, 403, 'Forbidden', { details });
  };
  const progress = await kubernetes.drain('n', { deadlineMs: 5_000, unreachable: false, signal: never });
  expect([progress.total, progress.blocked, progress.left]).toEqual([1, [], 0]);
});

test('drain: a permission that is missing is told at once', async () => {
  api.script = (asked, response) =>
    isEviction(asked) ? refuse(response, 403, 'Forbidden') : podList(response, [pod(1)]);
  const drained = kubernetes.drain('n', { deadlineMs: 60_000, unreachable: false, signal: never });
  await expect(drained).rejects.toMatchObject({ kind: 'rejected', code: 'Forbidden' });
});

test('safety 27: drain ends at its deadline though the API hangs, and says why it has seen nothing', async () => {
  api.script = () => 'done';
  const at = Date.now();
  const drained = kubernetes.drain('n', { deadlineMs: 200, unreachable: false, signal: never });
  await expect(drained).rejects.toMatchObject({ kind: 'retryable' });
  expect(Date.now() - at).toBeLessThan(1_000);
});

test('safety 17: a drain that is called off in the middle rejects with the reason, and asks nothing more', async () => {
  const off = new AbortController();
  const reason = new Error('the node is Ready again');
  api.script = (asked, response) => {
    if (!isEviction(asked)) return podList(response, [pod(1), pod(2)]);
    off.abort(reason);
    return refuse(response, 429, 'TooManyRequests', {
      details: { causes: [{ reason: 'DisruptionBudget' }] },
    });
  };
  const drained = kubernetes.drain('n', { deadlineMs: 60_000, unreachable: false, signal: off.signal });
  await expect(drained).rejects.toBe(reason);
  const asked = api.asked.length;
  // Another call all the way there and back: a next look of the drain would have come by then.
  api.script = (_asked, response) => json(response, 200, theNode);
  await kubernetes.annotate('n', { a: 'b' });
  expect(api.asked.length).toBe(asked + 1);
});

test('safety 17: drain that was called off before it began does nothing', async () => {
  const reason = new Error('moved on');
  const signal = AbortSignal.abort(reason);
  await expect(kubernetes.drain('n', { deadlineMs: 200, unreachable: false, signal })).rejects.toBe(reason);
  expect(api.asked).toEqual([]);
});

test('a token whose making fails is in no message; one whose id is taken is drawn anew', async () => {
  let body = '';
  api.script = (asked, response) => {
    body = asked.body;
    return refuse(response, 400, 'BadRequest', { message: 'no' });
  };
  const make = () => kubernetes.createBootstrapToken({ ttlMs: 1_000, description: 'd' });
  const failure = await make().catch((caught: unknown) => caught);
  const { stringData } = JSON.parse(body);
  expect(
    JSON.stringify(failure) + String(failure) + (failure instanceof Error ? failure.stack : ''),
  ).not.toContain(stringData['token-secret']);
  const ids: string[] = [];
  api.script = (asked, response) => {
    ids.push(JSON.parse(asked.body).stringData['token-id']);
    return ids.length < 3 ? refuse(response, 409, 'AlreadyExists') : json(response, 201, {});
  };
  expect((await make()).startsWith(`${ids[2]}.`)).toBe(true);
  expect(new Set(ids).size).toBe(3);
});

test("the kubeconfig's token is in no failure", async () => {
  api.script = (_asked, response) => refuse(response, 401, 'Unauthorized');
  const failure = await kubernetes.cordon('n').catch((caught: unknown) => caught);
  expect(calls('GET')[0]?.headers.authorization).toBe('Bearer a-token-that-is-secret');
  expect(JSON.stringify(failure) + String(failure)).not.toContain('a-token-that-is-secret');
  expect(String(failure)).toContain('renew');
});
