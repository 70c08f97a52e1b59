import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { loadPage } from '../../src/dashboard/page-files.ts';
import { type Server, serve } from '../../src/dashboard/server.ts';
import { Failure } from '../../src/failure.ts';

const token = 'the-token';
let server: Server;

beforeAll(async () => {
  server = await serve({
    token,
    page: await loadPage(),
    routes: [
      { method: 'GET', path: '/api/nodes/:name', handle: ({ params }) => ({ name: params.name ?? '' }) },
      { method: 'POST', path: '/api/echo', handle: ({ body }) => body },
      {
        method: 'GET',
        path: '/api/none',
        handle: () => {
          throw new Failure({ kind: 'notFound', code: 'UnknownNode', message: 'there is none' });
        },
      },
      {
        kind: 'feed',
        method: 'GET',
        path: '/api/live',
        look: () => ({ now: 1, head: {}, items: new Map() }),
      },
    ],
  });
});
afterAll(() => server.close());

const json = { 'content-type': 'application/json' };
const ask = (path: string, init: RequestInit = {}, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...headers } });

/** As `fetch`, but with headers that it would not let us set. */
function rawly(path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(`${server.url}${path}`, { headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe("the supervisor's HTTP interface", () => {
  test('answers on loopback, to those with the token', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await ask('/api/nodes/a%2Fb')).json()).toEqual({ name: 'a/b' });
    const echoed = await ask('/api/echo', { method: 'POST', body: '{"a":[1]}' }, json);
    expect(await echoed.json()).toEqual({ a: [1] });
  });

  test.each([
    ['no token', '/api/nodes/a', {}, { authorization: '' }, 401, 'TokenMissing'],
    ['a wrong token', '/api/nodes/a', {}, { authorization: 'Bearer the-tokem' }, 401, 'TokenMissing'],
    ['a wrong token for the feed', '/api/live', {}, { authorization: 'Bearer no' }, 401, 'TokenMissing'],
    ['a page of another origin', '/api/nodes/a', {}, { origin: 'http://evil.example' }, 403, 'ForeignOrigin'],
    ['a page of another port', '/api/nodes/a', {}, { origin: 'http://127.0.0.1:1' }, 403, 'ForeignOrigin'],
    ['a page without an origin', '/api/nodes/a', {}, { origin: 'null' }, 403, 'ForeignOrigin'],
    ['an unknown path', '/api/else', {}, {}, 404, 'NoSuchPath'],
    ['a path that leads out of the page', '/..%2f..%2fserver.ts', {}, {}, 404, 'NoSuchPath'],
    ['a name that is not well encoded', '/api/nodes/%E0%A4%A', {}, {}, 404, 'NoSuchPath'],
    ['a wrong method', '/api/echo', {}, {}, 405, 'MethodNotAllowed'],
    ['what is not there', '/api/none', {}, {}, 404, 'UnknownNode'],
    ['a body that is no JSON', '/api/echo', { method: 'POST', body: '{' }, json, 400, 'NotJson'],
    [
      'what a form of another page could send',
      '/api/echo',
      { method: 'POST', body: '{}' },
      { 'content-type': 'text/plain' },
      415,
      'NotJson',
    ],
    [
      'a body too long',
      '/api/echo',
      { method: 'POST', body: `"${'x'.repeat(70_000)}"` },
      json,
      413,
      'BodyTooLong',
    ],
  ] as const)('refuses %s', async (_what, path, init, headers, status, code) => {
    const response = await ask(path, init, headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  test.each([
    ['a name that somebody’s DNS turns to loopback', { host: 'wdrip.evil.example' }, 'ForeignHost'],
    [
      'a request that a browser knows to be from elsewhere',
      { 'sec-fetch-site': 'cross-site' },
      'ForeignOrigin',
    ],
  ])('refuses %s, even for the page itself', async (_what, headers, code) => {
    for (const path of ['/', '/api/nodes/a']) {
      const { status, text } = await rawly(path, { authorization: `Bearer ${token}`, ...headers });
      expect(status).toBe(403);
      expect(text).toContain(code);
    }
  });

  test('a port that is taken is said to be', async () => {
    const port = Number(new URL(server.url).port);
    await expect(serve({ token, routes: [], port })).rejects.toMatchObject({
      code: 'PortTaken',
      message: expect.stringContaining(String(port)),
    });
  });

  test('only so many pages watch at once, and one that is closed makes room', async () => {
    const abort = new AbortController();
    const watch = () => ask('/api/live', { signal: abort.signal });
    const opened = await Promise.all(Array.from({ length: 16 }, watch));
    expect(opened.map(({ status }) => status)).toEqual(Array(16).fill(200));
    const refused = await ask('/api/live');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'TooManyPages' });
    abort.abort();
    await Promise.allSettled(opened.map((response) => response.text()));
    const again = new AbortController();
    const deadline = Date.now() + 5_000;
    for (;;) {
      const response = await ask('/api/live', { signal: again.signal });
      if (response.status === 200) break;
      await response.text();
      if (Date.now() > deadline) throw new Error('a closed page makes no room');
    }
    again.abort();
  });
});

describe('the page', () => {
  test('needs no token, holds none, and may load from nowhere else', async () => {
    const response = await fetch(`${server.url}/`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = response.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const html = await response.text();
    expect(html).not.toContain(token);
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  test('each file that it names is there, packed or not, and no other file is given out', async () => {
    const html = await (await fetch(`${server.url}/`)).text();
    const named = [...html.matchAll(/(?:src|href)="(\/[\w.-]+)"/g)].flatMap(([, path]) => path ?? []);
    expect(named.length).toBeGreaterThan(3);
    for (const path of named) {
      expect((await fetch(`${server.url}${path}`)).status).toBe(200);
      expect((await rawly(path, {})).status).toBe(200);
    }
    for (const path of ['/tsconfig.json', '/index.html', '/.env']) {
      const { status } = await ask(path);
      expect([path, status]).toEqual([path, 404]);
    }
  });
});
