import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createAlibabaLoadBalancers } from '../../../src/cloud/alibaba-load-balancers.ts';
import type { LoadBalancers } from '../../../src/cloud/load-balancers.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { runInstances } from './kit.ts';
import { servedCloud, until } from './served.ts';

/** No other test has instances in this network. */
const network = 91;
const listener = {
  port: 6443,
  backendPort: 6443,
  healthPort: 6444,
  intervalSeconds: 1,
  timeoutSeconds: 1,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
};
let served: Awaited<ReturnType<typeof servedCloud>>;
let balancers: LoadBalancers;

beforeAll(async () => {
  served = await servedCloud({ network });
  balancers = createAlibabaLoadBalancers({
    region: 'cn-hangzhou',
    endpoint: served.servers.ecsEndpoint,
    protocol: 'http',
    credentials: served.servers,
    clock: systemClock(),
    random: seededRandom(1),
  });
});
afterAll(() => served.close());

const spec = () => ({
  name: 'wdrip-demo',
  vSwitchId: served.cloud.catalog.vSwitches[0]?.id ?? '',
  specification: 'slb.s1.small',
  tags: { 'wdrip.io/cluster': 'demo' },
});

async function running(): Promise<string> {
  const [id = ''] = await runInstances(served.cloud);
  await untilStatus(id, 'Running');
  return id;
}

const untilStatus = (id: string, wanted: string) =>
  until(
    async () => served.cloud.world.instances.get(id)?.status,
    (status) => status === wanted,
  );

function listening(ip: string, port: number): Promise<Server> {
  return new Promise((settle, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject).listen(port, ip, () => settle(server));
  });
}

test('a balancer over the wire: made once, filled, looked at, emptied, deleted', async () => {
  const made = await balancers.create(spec(), 'attempt-1');
  expect(made.address).toBe(`127.${network}.251.1`);
  // The answer was lost: the same attempt gives the same balancer.
  expect(await balancers.create(spec(), 'attempt-1')).toEqual(made);
  expect(await balancers.find(made.id)).toEqual(made);
  await balancers.ensureListener(made.id, listener);
  await balancers.ensureListener(made.id, listener);

  const [up, down] = [await running(), await running()];
  const ip = served.cloud.world.instances.get(up)?.ip ?? '';
  const server = await listening(ip, listener.healthPort);
  await balancers.addBackends(made.id, [up, down]);
  await balancers.addBackends(made.id, [up]);
  const seen = await until(
    () => balancers.backends(made.id, listener.port),
    (backends) => backends.every(({ health }) => health !== 'unknown'),
  );
  expect(new Map(seen.map(({ instanceId, health }) => [instanceId, health]))).toEqual(
    new Map([
      [up, 'normal'],
      [down, 'abnormal'],
    ]),
  );
  await balancers.removeBackends(made.id, [down, 'i-nobody']);
  expect((await balancers.backends(made.id, listener.port)).map(({ instanceId }) => instanceId)).toEqual([
    up,
  ]);
  await new Promise((settle) => server.close(settle));

  // A released instance leaves its balancers.
  await served.cloud.call('DeleteInstance', { InstanceId: up, Force: 'true' });
  await until(
    () => balancers.backends(made.id, listener.port),
    (backends) => backends.length === 0,
  );
  await balancers.delete(made.id);
  await balancers.delete(made.id);
  expect(await balancers.find(made.id)).toBeNull();
});

test('only what runs can be put behind it; a listener that was left stopped is started', async () => {
  const made = await balancers.create(spec(), 'attempt-2');
  const stopped = await running();
  await served.cloud.call('StopInstance', { InstanceId: stopped, ForceStop: 'true' });
  await untilStatus(stopped, 'Stopped');
  await expect(balancers.addBackends(made.id, [stopped])).rejects.toMatchObject({ kind: 'rejected' });
  await served.cloud.call('CreateLoadBalancerTCPListener', {
    LoadBalancerId: made.id,
    ListenerPort: '6443',
    BackendServerPort: '6443',
    Bandwidth: '-1',
  });
  const status = async () =>
    served.cloud.call('DescribeLoadBalancerTCPListenerAttribute', {
      LoadBalancerId: made.id,
      ListenerPort: '6443',
    });
  expect(await status()).toMatchObject({ Status: 'stopped', HealthCheckInterval: 2, UnhealthyThreshold: 3 });
  await balancers.ensureListener(made.id, listener);
  expect(await status()).toMatchObject({ Status: 'running', HealthCheckConnectPort: 6443 });
  await expect(balancers.create({ ...spec(), vSwitchId: 'vsw-nowhere' }, 'attempt-3')).rejects.toMatchObject({
    kind: 'rejected',
  });
});

test('a role that may touch instances only can not touch a balancer', async () => {
  const key = { accessKeyId: 'LTAI-other', accessKeySecret: 'other' };
  const grant = { name: 'instances', actions: ['ecs:*'], objects: [] };
  const other = await servedCloud({ network: network + 1, users: [{ ...key, grant }] });
  const theirs = createAlibabaLoadBalancers({
    region: 'cn-hangzhou',
    endpoint: other.servers.ecsEndpoint,
    protocol: 'http',
    credentials: key,
    clock: systemClock(),
    random: seededRandom(1),
  });
  const refused = await theirs.find('lb-1').catch((caught: unknown) => caught);
  await other.close();
  expect(refused).toMatchObject({ kind: 'rejected', code: 'Forbidden.RAM' });
});
