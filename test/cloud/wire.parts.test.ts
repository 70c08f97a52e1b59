import { afterEach, expect, test } from '@jest/globals';
import { Failure } from '../../src/failure.ts';
import { json, startWire, testSecrets, type Wire } from './wire-server.ts';

let wire: Wire | undefined;
afterEach(async () => {
  await wire?.close();
  wire = undefined;
});

const spec = {
  zone: 'cn-test-a',
  imageId: 'm-1',
  instanceType: 'ecs.t1',
  securityGroupId: 'sg-1',
  vSwitchId: 'vsw-1',
  ramRole: 'worker',
  systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
  tags: { 'wdrip.io/cluster': "a b!'()*~中" },
  userData: '#!/bin/sh\necho hello\n',
};

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const outcome = await promise.then(
    () => 'it succeeded',
    (caught: unknown) => caught,
  );
  if (outcome instanceof Failure) return outcome;
  throw new Error(`expected a Failure, got ${String(outcome)}`);
}

test('a new instance on the wire', async () => {
  wire = await startWire((_, response) => json(response, { InstanceIdSets: { InstanceIdSet: ['i-1'] } }));
  expect(await wire.cloud.runInstance(spec, 'attempt-1')).toBe('i-1');
  expect(wire.requests).toHaveLength(1);
  const [request] = wire.requests;
  expect(request?.action).toBe('RunInstances');
  expect(request?.headers['x-acs-version']).toBe('2014-05-26');
  expect(Object.fromEntries(request?.query ?? [])).toEqual({
    RegionId: 'cn-test',
    ZoneId: 'cn-test-a',
    ImageId: 'm-1',
    InstanceType: 'ecs.t1',
    SecurityGroupId: 'sg-1',
    VSwitchId: 'vsw-1',
    RamRoleName: 'worker',
    'SystemDisk.Size': '40',
    'SystemDisk.Category': 'cloud_essd',
    'Tag.1.Key': 'wdrip.io/cluster',
    'Tag.1.Value': "a b!'()*~中",
    UserData: Buffer.from(spec.userData).toString('base64'),
    HttpEndpoint: 'enabled',
    HttpTokens: 'required',
    Amount: '1',
    ClientToken: 'attempt-1',
  });
});

test('no secret is in an error or a retry note, even when the cloud repeats it', async () => {
  wire = await startWire(({ headers }, response, count) => {
    const { accessKeySecret, securityToken } = testSecrets;
    const repeated = `${accessKeySecret} ${encodeURIComponent(accessKeySecret)} ${securityToken} ${encodeURIComponent(securityToken)} ${JSON.stringify(headers)}`;
    const code = count === 1 ? 'Throttling' : 'SignatureDoesNotMatch';
    json(response, { Code: code, Message: `server string to sign is: ${repeated}` }, 400);
  });
  const failure = await failureOf(wire.cloud.runInstance(spec, 'attempt-1'));
  expect(failure).toMatchObject({ kind: 'rejected', code: 'SignatureDoesNotMatch' });
  expect(wire.requests[0]?.headers['x-acs-security-token']).toBe(testSecrets.securityToken);
  const everything = [
    failure.message,
    failure.stack,
    JSON.stringify(failure),
    JSON.stringify(wire.notes),
    String(failure.cause),
  ].join();
  expect(wire.notes).toHaveLength(1);
  expect(everything).toContain('[secret]');
  for (const secret of Object.values(testSecrets)) {
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(encodeURIComponent(secret));
  }
});

test('safety 20: a slow answer is waited for no longer than the limit; what it was about is not in the message', async () => {
  wire = await startWire(() => {});
  const failure = await failureOf(wire.cloud.reboot('i-1', { force: true }));
  expect(failure).toMatchObject({ kind: 'retryable', code: 'NoAnswer' });
  expect(failure.message).toBe(
    "RebootInstance: no answer from the cloud's API (RequestTimeoutError): it may or may not have taken effect",
  );
  expect(wire.requests.map(({ action }) => action)).toEqual(['RebootInstance']);
});

test('an answer slower than the SDK would wait, but within our limit, is an answer', async () => {
  wire = await startWire((_, response) => void setTimeout(() => json(response, {}), 3_500), {
    timeoutMs: 10_000,
  });
  await wire.cloud.reboot('i-1', { force: false });
  expect(wire.requests).toHaveLength(1);
});

const misfortunes: readonly [string, Parameters<typeof startWire>[0], string][] = [
  ['a reset', (_, response) => void response.destroy(), 'NoAnswer'],
  [
    'HTML of a gateway',
    (_, response) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>'),
    'NoAnswer',
  ],
  ['an empty body', (_, response) => void response.writeHead(431).end(), 'NoAnswer'],
  [
    'half a body',
    (_, response) =>
      void response.writeHead(200, { 'content-length': 100 }).write('{"Req', () => response.destroy()),
    'NoAnswer',
  ],
  ['null', (_, response) => void response.writeHead(500).end('null'), 'BadAnswer'],
  [
    'an internal error',
    (_, response) => json(response, { Code: 'InternalError', Message: 'x' }, 500),
    'InternalError',
  ],
  ['a 503 without a code', (_, response) => json(response, {}, 503), 'NoAnswer'],
];

test.each(misfortunes)(
  '%s: a create is made again with the same token, a start is not',
  async (_, misfortune, code) => {
    wire = await startWire((request, response, count) => {
      if (count === 1 || request.action === 'StopInstance') misfortune(request, response, count);
      else json(response, { InstanceIdSets: { InstanceIdSet: ['i-1'] } });
    });
    expect(await wire.cloud.runInstance(spec, 'attempt-1')).toBe('i-1');
    expect(wire.requests.map(({ query }) => query.get('ClientToken'))).toEqual(['attempt-1', 'attempt-1']);
    const nonces = wire.requests.map(({ headers }) => headers['x-acs-signature-nonce']);
    expect(new Set(nonces).size).toBe(2);
    expect(wire.notes).toMatchObject([{ action: 'RunInstances', code, attempt: 1 }]);

    const failure = await failureOf(wire.cloud.stop('i-1', { force: false }));
    expect(failure).toMatchObject({ kind: 'retryable', code });
    expect(wire.requests).toHaveLength(3);
  },
);

test('a throttled call waits as long as the cloud asks, then goes on, whatever it is', async () => {
  const times: number[] = [];
  wire = await startWire((_, response, count) => {
    times.push(performance.now());
    if (count === 1)
      json(response, { Code: 'Throttling.User', Message: 'slow down' }, 400, { 'x-acs-retry-after': '400' });
    else json(response, {});
  });
  await wire.cloud.start('i-1');
  expect(wire.notes).toMatchObject([{ action: 'StartInstance', code: 'Throttling.User', attempt: 1 }]);
  const [first = 0, second = 0] = times;
  expect(second - first).toBeGreaterThanOrEqual(399);
});

test('an API that cannot be reached is said to be so', async () => {
  wire = await startWire(() => {});
  const { cloud } = wire;
  await wire.close();
  const failure = await failureOf(cloud.start('i-1'));
  wire = undefined;
  expect(failure).toMatchObject({ kind: 'retryable', code: 'Unreachable' });
  expect(failure.message).toContain('check the network, the endpoint and the region');
});

test('safety 32: no stock is told at once, so that another zone can be asked', async () => {
  wire = await startWire((_, response) =>
    json(response, { Code: 'OperationDenied.NoStock', Message: 'none left' }, 403),
  );
  expect(await failureOf(wire.cloud.runInstance(spec, 'attempt-1'))).toMatchObject({
    kind: 'rejected',
    code: 'OutOfStock',
  });
  expect(wire.requests).toHaveLength(1);
});

test('safety 3: a key that does not exist is not an instance that does not exist', async () => {
  wire = await startWire((_, response) =>
    json(response, { Code: 'InvalidAccessKeyId.NotFound', Message: 'x' }, 404),
  );
  expect(await failureOf(wire.cloud.findInstance('i-1'))).toMatchObject({ kind: 'rejected' });
  expect(await failureOf(wire.cloud.deleteInstance('i-1'))).toMatchObject({ kind: 'rejected' });
});
