import { z } from 'zod';
import { ApiError, invalidParameter } from '../api-error.ts';
import { integer, optional, type Params, required } from '../params.ts';
import type { BalancerRecord, ListenerRecord } from '../records.ts';
import { unverified } from '../unverified.ts';
import type { World } from '../world.ts';
import type { Action } from './action.ts';
import { tagsOf } from './tags.ts';

/** Official documentation: backend servers in one call. */
const MOST_SERVERS = 20;
const MOST_PORT = 65_535;
const done = { body: {}, effect: true } as const;

/** The classic load balancer (CLB 2014-05-15) as far as wdrip uses it: internal ones, TCP listeners, the default server group. */
export const createLoadBalancer: Action = ({ world, params }) => {
  required(params, 'RegionId');
  const vSwitchId = required(params, 'VSwitchId');
  const specification = required(params, 'LoadBalancerSpec');
  if (!world.catalog.vSwitches.some(({ id }) => id === vSwitchId)) throw invalidParameter('VSwitchId');
  if ((optional(params, 'AddressType') ?? 'intranet') !== 'intranet')
    throw invalidParameter('AddressType', 'is not intranet: the sandbox has no internet');
  const address = world.giveBalancerAddress();
  if (address === '') throw new ApiError(unverified.noBalancerAddress);
  const id = world.newId('lb');
  const balancer: BalancerRecord = {
    id,
    name: optional(params, 'LoadBalancerName') ?? id,
    vSwitchId,
    specification,
    address,
    tags: tagsOf(params),
    createdAt: world.clock.now(),
    listeners: [],
    backends: [],
  };
  world.putBalancer(balancer);
  return { body: { ...summary(world, balancer) }, effect: true };
};

export const describeLoadBalancerAttribute: Action = ({ world, params }) => {
  const balancer = balancerOf(world, params);
  return {
    body: {
      ...summary(world, balancer),
      LoadBalancerStatus: 'active',
      AddressType: 'intranet',
      LoadBalancerSpec: balancer.specification,
      CreateTime: new Date(balancer.createdAt).toISOString().replace(/\.\d+Z$/, 'Z'),
      ListenerPorts: { ListenerPort: balancer.listeners.map(({ port }) => port) },
      ListenerPortsAndProtocol: {
        ListenerPortAndProtocol: balancer.listeners.map(({ port }) => ({
          ListenerPort: port,
          ListenerProtocol: 'tcp',
        })),
      },
      BackendServers: { BackendServer: backendsOf(world, balancer) },
      Tags: {
        Tag: Object.entries(balancer.tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
      },
    },
    effect: false,
  };
};

/** Its listeners go with it. One that does not exist is refused. */
export const deleteLoadBalancer: Action = ({ world, params }) => {
  world.removeBalancer(balancerOf(world, params).id);
  return done;
};

/** Makes a listener, stopped. */
export const createTcpListener: Action = ({ world, params }) => {
  const balancer = balancerOf(world, params);
  const port = portOf(params, 'ListenerPort');
  const backendPort = portOf(params, 'BackendServerPort');
  required(params, 'Bandwidth');
  within(params, 'Bandwidth', -1, 5_120, -1);
  if (balancer.listeners.some((listener) => listener.port === port))
    throw new ApiError(unverified.listenerExists);
  const { interval, timeout, healthyThreshold, unhealthyThreshold } = unverified.healthCheck;
  const listener: ListenerRecord = {
    port,
    backendPort,
    healthPort:
      optional(params, 'HealthCheckConnectPort') === null
        ? backendPort
        : portOf(params, 'HealthCheckConnectPort'),
    // Lower camel on the wire, unlike all others (official SDK model).
    intervalMs: within(params, 'healthCheckInterval', 1, 50, interval) * 1_000,
    timeoutMs: within(params, 'HealthCheckConnectTimeout', 1, 300, timeout) * 1_000,
    healthyThreshold: within(params, 'HealthyThreshold', 2, 10, healthyThreshold),
    unhealthyThreshold: within(params, 'UnhealthyThreshold', 2, 10, unhealthyThreshold),
    running: false,
  };
  world.putBalancer({ ...balancer, listeners: [...balancer.listeners, listener] });
  return done;
};

export const describeTcpListener: Action = ({ world, params }) => {
  const { listener } = listenerOf(world, params);
  return {
    body: {
      ListenerPort: listener.port,
      BackendServerPort: listener.backendPort,
      Status: listener.running ? 'running' : 'stopped',
      HealthCheck: 'on',
      HealthCheckType: 'tcp',
      HealthCheckConnectPort: listener.healthPort,
      HealthCheckInterval: listener.intervalMs / 1_000,
      HealthCheckConnectTimeout: listener.timeoutMs / 1_000,
      HealthyThreshold: listener.healthyThreshold,
      UnhealthyThreshold: listener.unhealthyThreshold,
    },
    effect: false,
  };
};

export const startListener: Action = ({ world, params }) => switchListener(world, params, true);
export const stopListener: Action = ({ world, params }) => switchListener(world, params, false);

/** Each must be Running. One that is there already gets its new weight. */
export const addBackendServers: Action = ({ world, params }) => {
  const balancer = balancerOf(world, params);
  const servers = serversOf(params);
  for (const { ServerId } of servers) {
    const instance = world.instances.get(ServerId);
    if (instance === undefined || instance.releasing) throw new ApiError(unverified.unknownBackend);
    if (instance.status !== 'Running') throw new ApiError(unverified.backendNotRunning);
  }
  const added = servers.map(({ ServerId, Weight }) => ({ serverId: ServerId, weight: Weight }));
  const kept = balancer.backends.filter(({ serverId }) => !added.some((each) => each.serverId === serverId));
  const changed = { ...balancer, backends: [...kept, ...added] };
  world.putBalancer(changed);
  return { body: serversAnswer(world, changed), effect: true };
};

/** Those that are not there are no error (official documentation). */
export const removeBackendServers: Action = ({ world, params }) => {
  const balancer = balancerOf(world, params);
  const gone = new Set(serversOf(params).map(({ ServerId }) => ServerId));
  const changed = { ...balancer, backends: balancer.backends.filter(({ serverId }) => !gone.has(serverId)) };
  world.putBalancer(changed);
  return { body: serversAnswer(world, changed), effect: true };
};

/** `normal`, `abnormal`, or `unavailable` for one that has not been looked at, or whose listener does not run. */
export const describeHealthStatus: Action = ({ world, params }) => {
  const balancer = balancerOf(world, params);
  const port = integer(params, 'ListenerPort');
  const listeners = balancer.listeners.filter((listener) => port === null || listener.port === port);
  if (port !== null && listeners.length === 0) throw new ApiError(unverified.unknownListener);
  const rows = listeners.flatMap((listener) =>
    backendsOf(world, balancer).map(({ ServerId, ServerIp }) => ({
      ListenerPort: listener.port,
      Port: listener.backendPort,
      Protocol: 'tcp',
      ServerId,
      ServerIp,
      ServerHealthStatus: world.backendHealth(balancer.id, listener.port, ServerId) ?? 'unavailable',
    })),
  );
  return { body: { BackendServers: { BackendServer: rows } }, effect: false };
};

function switchListener(world: World, params: Params, running: boolean) {
  const { balancer, listener } = listenerOf(world, params);
  const listeners = balancer.listeners.map((each) =>
    each.port === listener.port ? { ...each, running } : each,
  );
  world.putBalancer({ ...balancer, listeners });
  return done;
}

function balancerOf(world: World, params: Params): BalancerRecord {
  const balancer = world.balancers.get(required(params, 'LoadBalancerId'));
  if (balancer === undefined) throw new ApiError(unverified.unknownBalancer);
  return balancer;
}

function listenerOf(world: World, params: Params) {
  const balancer = balancerOf(world, params);
  const port = portOf(params, 'ListenerPort');
  const listener = balancer.listeners.find((each) => each.port === port);
  if (listener === undefined) throw new ApiError(unverified.unknownListener);
  return { balancer, listener };
}

/** `BackendServers` is a list in JSON, whose numbers may be texts (official documentation). */
const serversSchema = z
  .array(
    z.looseObject({
      ServerId: z.string().min(1),
      Weight: z.coerce.number().int().min(0).max(100).default(100),
    }),
  )
  .min(1)
  .max(MOST_SERVERS);

function serversOf(params: Params): z.infer<typeof serversSchema> {
  try {
    return serversSchema.parse(JSON.parse(required(params, 'BackendServers')));
  } catch (caught) {
    if (caught instanceof ApiError) throw caught;
    throw invalidParameter('BackendServers');
  }
}

function backendsOf(world: World, balancer: BalancerRecord) {
  return balancer.backends.map(({ serverId, weight }) => ({
    ServerId: serverId,
    ServerIp: world.instances.get(serverId)?.ip ?? '',
    Weight: weight,
    Type: 'ecs',
  }));
}

function serversAnswer(world: World, balancer: BalancerRecord) {
  return { LoadBalancerId: balancer.id, BackendServers: { BackendServer: backendsOf(world, balancer) } };
}

function summary(world: World, { id, name, address, vSwitchId }: BalancerRecord) {
  return {
    LoadBalancerId: id,
    LoadBalancerName: name,
    Address: address,
    AddressIPVersion: 'ipv4',
    NetworkType: 'vpc',
    VSwitchId: vSwitchId,
    VpcId: world.catalog.vpcId,
  };
}

function portOf(params: Params, name: string): number {
  required(params, name);
  return within(params, name, 1, MOST_PORT, 0);
}

function within(params: Params, name: string, least: number, most: number, otherwise: number): number {
  const value = integer(params, name) ?? otherwise;
  if (value < least || value > most) throw invalidParameter(name);
  return value;
}
