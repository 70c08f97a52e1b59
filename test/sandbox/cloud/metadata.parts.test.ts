import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runInstances } from './kit.ts';
import { servedCloud } from './served.ts';

let served: Awaited<ReturnType<typeof servedCloud>>;
let plain: string;
let strict: string;
beforeAll(async () => {
  served = await servedCloud();
  await served.cloud.putRole({ name: 'worker', actions: [], objects: [] });
  const userData = Buffer.from('#!/bin/sh\ntrue\n').toString('base64');
  [plain = ''] = await runInstances(served.cloud, { RamRoleName: 'worker', UserData: userData });
  [strict = ''] = await runInstances(served.cloud, { HttpTokens: 'required' });
});
afterAll(() => served.close());

async function get(id: string, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const answer = await fetch(`${served.servers.metadataUrl(id)}/latest/${path}`, { method, headers });
  return [answer.status, await answer.text()] as const;
}
const token = (id: string, ttl: string, headers: Record<string, string> = {}) =>
  get(id, 'api/token', { 'X-aliyun-ecs-metadata-token-ttl-seconds': ttl, ...headers }, 'PUT');

test('an instance finds out who it is', async () => {
  expect(await get(plain, 'meta-data/instance-id')).toEqual([200, plain]);
  expect(await get(plain, 'meta-data/private-ipv4')).toEqual([200, '127.0.2.1']);
  expect(await get(plain, 'meta-data/region-id')).toEqual([200, 'cn-hangzhou']);
  expect(await get(plain, 'meta-data/zone-id')).toEqual([200, 'cn-hangzhou-h']);
  expect(await get(plain, 'user-data')).toEqual([200, '#!/bin/sh\ntrue\n']);
  expect((await get(plain, 'meta-data/'))[1]).toContain('instance-id\n');
  expect((await get(plain, 'meta-data/no-such-thing'))[0]).toBe(404);
  expect((await get('i-none', 'meta-data/instance-id'))[0]).toBe(404);
  expect(await get(plain, 'maintenance/active-system-events')).toEqual([200, '[]']);
});

test('its role has credentials of 6 h, in the form that clients need', async () => {
  expect(await get(plain, 'meta-data/ram/security-credentials/')).toEqual([200, 'worker']);
  const [status, text] = await get(plain, 'meta-data/ram/security-credentials/worker');
  const credentials: Record<string, string> = JSON.parse(text);
  expect([status, credentials.Code]).toEqual([200, 'Success']);
  const left = Date.parse(credentials.Expiration ?? '') - Date.now();
  expect(left).toBeGreaterThan(5.9 * 3_600_000);
  expect(left).toBeLessThanOrEqual(6 * 3_600_000);
  expect((await get(plain, 'meta-data/ram/security-credentials/other'))[0]).toBe(404);
  expect((await get(strict, 'meta-data/ram/security-credentials/'))[0]).toBe(403);
});

test('a token is needed where it is required, belongs to one instance, and is refused to proxies', async () => {
  const [, mine] = await token(strict, '60');
  const header = { 'X-aliyun-ecs-metadata-token': mine };
  expect((await get(strict, 'meta-data/instance-id'))[0]).toBe(403);
  expect(await get(strict, 'meta-data/instance-id', header)).toEqual([200, strict]);
  expect((await get(plain, 'meta-data/instance-id', header))[0]).toBe(401);
  expect((await token(plain, '0'))[0]).toBe(400);
  expect((await token(plain, '21601'))[0]).toBe(400);
  expect((await token(plain, '60', { 'X-Forwarded-For': '1.2.3.4' }))[0]).toBe(403);
});
