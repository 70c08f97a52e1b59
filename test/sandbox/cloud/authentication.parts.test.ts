import { createHash, createHmac } from 'node:crypto';
import * as Ecs from '@alicloud/ecs20140526';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { systemClock } from '../../../src/runtime/clock.ts';
import { runInstances } from './kit.ts';
import { ecsClient, servedCloud, until } from './served.ts';

let offMs = 0;
let served: Awaited<ReturnType<typeof servedCloud>>;
beforeAll(async () => {
  const real = systemClock();
  served = await servedCloud({ clock: { now: () => real.now() + offMs, after: real.after } });
});
afterAll(() => served.close());

/** RFC 3986, written here anew so that it does not agree with the sandbox by sharing a mistake. */
function percent(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const letter = String.fromCharCode(byte);
      return /[A-Za-z0-9_.~-]/.test(letter) ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** A legacy RPC request, as the documentation describes it: HMAC-SHA1 over the sorted parameters. */
async function legacy(
  changes: Record<string, string> = {},
  method = 'GET',
  secret = served.servers.accessKeySecret,
) {
  const params: Record<string, string> = {
    Action: 'DescribeInstances',
    Version: '2014-05-26',
    Format: 'JSON',
    RegionId: 'cn-hangzhou',
    AccessKeyId: served.servers.accessKeyId,
    SignatureMethod: 'HMAC-SHA1',
    SignatureVersion: '1.0',
    SignatureNonce: `${process.hrtime.bigint()}`,
    Timestamp: new Date(Date.now() + offMs).toISOString().replace(/\.\d+Z/, 'Z'),
    'Tag.1.Key': "it's (a) *key*~/",
    'Tag.1.Value': 'a b+c&d=中',
    ...changes,
  };
  const query = Object.keys(params)
    .sort()
    .map((name) => `${percent(name)}=${percent(params[name] ?? '')}`)
    .join('&');
  const signature = createHmac('sha1', `${secret}&`)
    .update(`${method}&%2F&${percent(query)}`)
    .digest('base64');
  const all = `${query}&Signature=${percent(signature)}`;
  const base = `http://${served.servers.ecsEndpoint}/`;
  const answer =
    method === 'GET'
      ? await fetch(`${base}?${all}`)
      : await fetch(base, {
          method,
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
          body: all,
        });
  const body = z.record(z.string(), z.json()).parse(await answer.json());
  return { status: answer.status, body };
}

test('a legacy request, signed by hand, is answered in a query and in a form', async () => {
  for (const method of ['GET', 'POST']) {
    const { status, body } = await legacy({}, method);
    expect([status, body]).toEqual([
      200,
      expect.objectContaining({ TotalCount: 0, RequestId: expect.stringMatching(/^[0-9A-F-]{36}$/) }),
    ]);
  }
});

const refused: readonly [string, () => ReturnType<typeof legacy>, number, string][] = [
  ['a wrong secret', () => legacy({}, 'GET', 'wrong'), 400, 'SignatureDoesNotMatch'],
  ['an unknown key', () => legacy({ AccessKeyId: 'LTAInobody' }), 404, 'InvalidAccessKeyId.NotFound'],
  ['a date of an hour ago', () => legacy({ Timestamp: minutesAgo(60) }), 400, 'InvalidTimeStamp.Expired'],
  [
    'a date of 16 minutes ahead',
    () => legacy({ Timestamp: minutesAgo(-16) }),
    400,
    'InvalidTimeStamp.Expired',
  ],
  ['a date that is none', () => legacy({ Timestamp: 'yesterday' }), 400, 'InvalidTimeStamp.Format'],
  ['another method', () => legacy({ SignatureMethod: 'HMAC-MD5' }), 400, 'IncompleteSignature'],
  ['an unknown action', () => legacy({ Action: 'LaunchRocket' }), 404, 'InvalidAction.NotFound'],
  ['an unknown version', () => legacy({ Version: '1999-01-01' }), 404, 'InvalidVersion'],
  [
    'a token with a key that has none',
    () => legacy({ SecurityToken: 'x' }),
    400,
    'InvalidSecurityToken.MismatchWithAccessKey',
  ],
];
function minutesAgo(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString().replace(/\.\d+Z/, 'Z');
}
test.each(refused)('%s is refused', async (_what, ask, status, code) => {
  const answer = await ask();
  expect([answer.status, answer.body.Code]).toEqual([status, code]);
  expect(answer.body).toMatchObject({ HostId: expect.any(String), Message: expect.any(String) });
});

test('a request that is sent twice is refused the second time', async () => {
  const nonce = { SignatureNonce: 'the-same' };
  expect((await legacy(nonce)).status).toBe(200);
  const again = await legacy(nonce);
  expect([again.status, again.body.Code]).toEqual([400, 'SignatureNonceUsed']);
});

/** An ACS3 request by hand; `sign` leaves headers out of the signature, `tamper` changes what is sent after signing. */
async function acs3(
  options: { readonly unsigned?: string; readonly query?: string; readonly sent?: string } = {},
) {
  const query = options.query ?? 'RegionId=cn-hangzhou';
  const hash = createHash('sha256').update('').digest('hex');
  const headers: Record<string, string> = {
    host: served.servers.ecsEndpoint,
    'x-acs-action': 'DescribeInstances',
    'x-acs-content-sha256': hash,
    'x-acs-date': new Date(Date.now() + offMs).toISOString().replace(/\.\d+Z/, 'Z'),
    'x-acs-signature-nonce': `${process.hrtime.bigint()}`,
    'x-acs-version': '2014-05-26',
  };
  const names = Object.keys(headers).filter((name) => name !== options.unsigned);
  const canonical = [
    'POST',
    '/',
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    hash,
  ];
  const toSign = `ACS3-HMAC-SHA256\n${createHash('sha256').update(canonical.join('\n')).digest('hex')}`;
  const signature = createHmac('sha256', served.servers.accessKeySecret).update(toSign).digest('hex');
  const { host: _host, ...sent } = headers;
  const answer = await fetch(`http://${served.servers.ecsEndpoint}/?${options.sent ?? query}`, {
    method: 'POST',
    headers: {
      ...sent,
      authorization: `ACS3-HMAC-SHA256 Credential=${served.servers.accessKeyId},SignedHeaders=${names.join(';')},Signature=${signature}`,
    },
  });
  const body = z.object({ Code: z.string().optional() }).parse(await answer.json());
  return [answer.status, body.Code];
}

test('an ACS3 request by hand is answered, and refused if it was changed or not wholly signed', async () => {
  expect(await acs3()).toEqual([200, undefined]);
  expect(await acs3({ sent: 'RegionId=cn-beijing' })).toEqual([400, 'SignatureDoesNotMatch']);
  expect(await acs3({ unsigned: 'x-acs-action' })).toEqual([400, 'IncompleteSignature']);
});

test("an instance's role credentials work for what the role may do, until they expire", async () => {
  await served.cloud.putRole({ name: 'reader', actions: ['ecs:Describe*'], objects: [] });
  const [id = ''] = await runInstances(served.cloud, { RamRoleName: 'reader' });
  await until(
    async () => served.cloud.world.instances.get(id)?.status,
    (status) => status === 'Running',
  );
  const credentials = served.cloud.identity.credentialsFor(id, 'reader');
  const ecs = ecsClient(served.servers, credentials);
  const describe = () => ecs.describeInstances(new Ecs.DescribeInstancesRequest({ regionId: 'cn-hangzhou' }));
  expect((await describe()).body?.totalCount).toBe(1);
  await expect(ecs.rebootInstance(new Ecs.RebootInstanceRequest({ instanceId: id }))).rejects.toMatchObject({
    code: 'Forbidden.RAM',
    statusCode: 403,
  });
  const without = ecsClient(served.servers, { ...credentials, securityToken: undefined });
  await expect(
    without.describeInstances(new Ecs.DescribeInstancesRequest({ regionId: 'cn-hangzhou' })),
  ).rejects.toMatchObject({ code: 'InvalidSecurityToken.MismatchWithAccessKey' });
  const renewed = () => served.cloud.identity.credentialsFor(id, 'reader').accessKeyId;
  expect(renewed()).toBe(credentials.accessKeyId);
  offMs = 6 * 3_600_000 - 20 * 60_000;
  expect(renewed()).not.toBe(credentials.accessKeyId);
  offMs = 6 * 3_600_000;
  try {
    expect(() => served.cloud.identity.secretOf(credentials.accessKeyId, credentials.securityToken)).toThrow(
      'expired',
    );
  } finally {
    offMs = 0;
  }
});

test('the legacy signature of the official client is taken too', async () => {
  const ecs = ecsClient(served.servers, { signatureAlgorithm: 'v2' });
  const { body } = await ecs.describeZones(new Ecs.DescribeZonesRequest({ regionId: 'cn-hangzhou' }));
  expect(body?.zones?.zone?.map((zone) => zone.zoneId)).toEqual(served.cloud.catalog.zones);
});
