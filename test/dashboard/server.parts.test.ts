import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Server, serve } from '../../src/dashboard/server.ts';
import { Failure } from '../../src/failure.ts';

const token = 'the-token';
let server: Server;

beforeAll(async () => {
  server = await serve({
    token,
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
    ],
  });
});
afterAll(() => server.close());

const ask = (path: string, init: RequestInit = {}, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...headers } });

describe("the supervisor's HTTP interface", () => {
  test('answers on loopback, to those with the token', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await ask('/api/nodes/a%2Fb')).json()).toEqual({ name: 'a/b' });
    expect(await (await ask('/api/echo', { method: 'POST', body: '{"a":[1]}' })).json()).toEqual({ a: [1] });
  });

  test.each([
    ['no token', '/api/nodes/a', {}, { authorization: '' }, 401, 'TokenMissing'],
    ['a wrong token', '/api/nodes/a', {}, { authorization: 'Bearer the-tokem' }, 401, 'TokenMissing'],
    ['a page of another origin', '/api/nodes/a', {}, { origin: 'http://evil.example' }, 403, 'ForeignOrigin'],
    ['an unknown path', '/api/else', {}, {}, 404, 'NoSuchPath'],
    ['a wrong method', '/api/echo', {}, {}, 405, 'MethodNotAllowed'],
    ['what is not there', '/api/none', {}, {}, 404, 'UnknownNode'],
    ['a body that is no JSON', '/api/echo', { method: 'POST', body: '{' }, {}, 400, 'NotJson'],
    [
      'a body too long',
      '/api/echo',
      { method: 'POST', body: `"${'x'.repeat(70_000)}"` },
      {},
      413,
      'BodyTooLong',
    ],
  ] as const)('refuses %s', async (_what, path, init, headers, status, code) => {
    const response = await ask(path, init, headers);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });
});
