import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { Failure } from '../../src/failure.ts';
import { eventName } from '../../src/kubernetes/events.ts';
import { isExpired, networkFailure, refusal } from '../../src/kubernetes/failures.ts';
import { loadKubeconfig } from '../../src/kubernetes/kubeconfig.ts';
import { defaultKubernetesLimits } from '../../src/kubernetes/limits.ts';
import { createLineSplitter } from '../../src/kubernetes/lines.ts';
import { backoff, retrying } from '../../src/kubernetes/retry.ts';
import { isOlderRevision } from '../../src/kubernetes/revision.ts';
import { drawToken } from '../../src/kubernetes/token.ts';
import { seededRandom } from '../../src/runtime/random.ts';

const asked = { method: 'GET', url: 'https://api/api/v1/nodes' };

test.each([
  [404, 'notFound'],
  [429, 'throttled'],
  [408, 'retryable'],
  [500, 'retryable'],
  [503, 'retryable'],
  [504, 'retryable'],
  [400, 'rejected'],
  [401, 'rejected'],
  [403, 'rejected'],
  [409, 'rejected'],
  [410, 'rejected'],
  [422, 'rejected'],
  [302, 'rejected'],
])('HTTP %i is %s', (status, kind) => {
  expect(refusal(asked, status, undefined, '<html>').kind).toBe(kind);
});

test('a refusal keeps the reason, the causes, and the wait that the API names', () => {
  const details = { retryAfterSeconds: 10, causes: [{ reason: 'DisruptionBudget' }] };
  const failure = refusal(asked, 429, undefined, JSON.stringify({ reason: 'TooManyRequests', details }));
  expect([failure.code, failure.causes, failure.retryAfterMs]).toEqual([
    'TooManyRequests',
    ['DisruptionBudget'],
    10_000,
  ]);
  expect(refusal(asked, 429, '3', '{}').retryAfterMs).toBe(3_000);
  expect(refusal(asked, 429, 'Wed, 21 Oct 2026', '{}').retryAfterMs).toBeUndefined();
});

test('an expired revision is told by its status or its reason', () => {
  expect(isExpired(refusal(asked, 410, undefined, ''))).toBe(true);
  expect(isExpired(refusal(asked, 400, undefined, '{"reason":"Expired"}'))).toBe(true);
  expect(isExpired(refusal(asked, 404, undefined, ''))).toBe(false);
});

test('a server that is not the one that the kubeconfig names is no matter of waiting', () => {
  const cause = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(networkFailure(asked, cause)).toMatchObject({ kind: 'rejected', code: 'CertificateRefused' });
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  expect(networkFailure(asked, reset)).toMatchObject({ kind: 'retryable', code: 'Unreachable' });
});

test.each([
  ['9', '10', true],
  ['10', '9', false],
  ['10', '10', false],
  ['18446744073709551614', '18446744073709551615', true],
  [undefined, '10', false],
  ['abc', '10', false],
])('revision %s is older than %s: %s', (a, b, older) => {
  expect(isOlderRevision(a, b)).toBe(older);
});

test('lines are cut wherever chunks end, and a last one without an end is kept back', () => {
  const text = 'eins\n\nzwölf\n{"a":"é"}\nhalf';
  const bytes = Buffer.from(text);
  for (let size = 1; size <= bytes.length; size += 1) {
    const lines: string[] = [];
    const splitter = createLineSplitter((line) => lines.push(line));
    for (let from = 0; from < bytes.length; from += size) splitter.push(bytes.subarray(from, from + size));
    expect(lines).toEqual(['eins', 'zwölf', '{"a":"é"}']);
  }
});

test('a line without an end has a limit', () => {
  const splitter = createLineSplitter(() => undefined);
  const piece = 'x'.repeat(4 * 1024 * 1024);
  for (let pieces = 0; pieces < 4; pieces += 1) splitter.push(piece);
  expect(() => splitter.push(piece)).toThrow(expect.objectContaining({ code: 'LineTooLong' }));
});

test('waits double up to a limit, and are spread', () => {
  const context = { clock: instantClock(), random: seededRandom(1), limits: defaultKubernetesLimits };
  const { backoffMs, backoffMostMs } = defaultKubernetesLimits;
  for (let failures = 1; failures < 40; failures += 1) {
    const most = Math.min(backoffMostMs, backoffMs * 2 ** (failures - 1));
    const waits = Array.from({ length: 50 }, () => backoff(failures, context));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(most / 2);
    expect(Math.max(...waits)).toBeLessThanOrEqual(most);
    expect(new Set(waits).size).toBeGreaterThan(10);
  }
});

/** Waits take no time, and are written down. */
function instantClock() {
  const waits: number[] = [];
  return {
    waits,
    now: () => 0,
    after(ms: number, fire: () => void) {
      waits.push(ms);
      queueMicrotask(fire);
      return () => undefined;
    },
  };
}

test.each([
  ['retryable', 4],
  ['throttled', 4],
  ['rejected', 1],
  ['notFound', 1],
] as const)('a %s call is tried %i times', async (kind, tries) => {
  const context = { clock: instantClock(), random: seededRandom(1), limits: defaultKubernetesLimits };
  let calls = 0;
  const failing = retrying(context, async () => {
    calls += 1;
    throw new Failure({ kind, code: 'X', message: 'x' });
  });
  await expect(failing).rejects.toMatchObject({ kind });
  expect(calls).toBe(tries);
});

const good = `
apiVersion: v1
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: 'https://api.example:6443/'}}]
users: [{name: u, user: {token: very-secret}}]
`;

test('a kubeconfig is text or a path, and its certificates lie beside it', () => {
  expect(loadKubeconfig(good).server).toBe('https://api.example:6443');
  const folder = mkdtempSync(join(tmpdir(), 'wdrip-kubeconfig-'));
  try {
    const path = join(folder, 'config');
    writeFileSync(path, good.replace("6443/'", "6443', certificate-authority: ca.crt"));
    expect(loadKubeconfig(path).cluster.caFile).toBe(join(folder, 'ca.crt'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each([
  ['a path to nowhere', '/nowhere/config', /\/nowhere\/config can't be read: ENOENT/],
  ['broken YAML', `${good}\n  broken: [very-secret`, /not YAML/],
  ['no kubeconfig', 'a: b\nc: d\n', /has no cluster/],
  ['a scalar', 'just\nwords\n', /kubeconfig/],
  ['no such context', good.replace('current-context: c', 'current-context: x'), /has no cluster.*\(x\)/],
  ['no user', good.replace('users: [{name: u', 'users: [{name: other'), /has no user/],
  ['no URL', good.replace('https://api.example:6443/', 'nonsense'), /no URL/],
  ['plain http', good.replace('https:', 'http:'), /plain http/],
])('a kubeconfig with %s is refused, and not quoted', (_what, text, message) => {
  const load = () => loadKubeconfig(text);
  expect(load).toThrow(expect.objectContaining({ kind: 'rejected', code: 'KubeconfigInvalid' }));
  expect(load).toThrow(message);
  expect(load).not.toThrow(/very-secret/);
});

test('tokens are well formed and differ', () => {
  const random = seededRandom(7);
  const tokens = Array.from({ length: 200 }, () => drawToken(random));
  for (const { id, secret } of tokens) expect(`${id}.${secret}`).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  expect(new Set(tokens.map(({ id }) => id)).size).toBe(200);
});

test('an event has the same name for the same node and key, and one that is allowed', () => {
  expect(eventName('n', 'a')).toBe(eventName('n', 'a'));
  expect(new Set([eventName('n', 'a'), eventName('n', 'b'), eventName('m', 'a')]).size).toBe(3);
  expect(eventName('n'.repeat(253), 'a').length).toBeLessThanOrEqual(253);
});
