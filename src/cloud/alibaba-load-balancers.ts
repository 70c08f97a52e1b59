import { z } from 'zod';
import { Failure } from '../failure.ts';
import { asClientToken } from './changes.ts';
import { cloudCodes } from './errors.ts';
import type {
  Backend,
  ListenerSpec,
  LoadBalancer,
  LoadBalancerSpec,
  LoadBalancers,
} from './load-balancers.ts';
import type { Asking } from './port.ts';
import { createRpcCaller, type Product, type RpcCaller } from './rpc.ts';
import { type AlibabaOptions, taken } from './sdk.ts';

/**
 * The load balancers on Alibaba Cloud's CLB, whose API takes an instance's id, whose balancers have an address (an NLB has only a name),
 * and which answers at once (docs/decisions/control-plane.md).
 */
const clb: Product = {
  version: '2014-05-15',
  endpoint: (region) => `slb.${region}.aliyuncs.com`,
};

/** What the cloud answers while it is at work on the same balancer: nothing was done (its terraform provider's list). */
const BUSY =
  /^(SystemBusy|OperationBusy|ServiceIsStopping|ServiceIsConfiguring|BackendServer\.configuring|OperationFailed\.)/;
const NO_BALANCER = /^InvalidLoadBalancerId\.NotFound$/;
const NO_LISTENER = /ListenerNotExist|ListenerNotFound/;
const LISTENER_EXISTS = /ListenerAlreadyExists/;

const balancerAnswer = z
  .object({ LoadBalancerId: z.string().min(1), Address: z.string().min(1) })
  .transform(({ LoadBalancerId: id, Address: address }): LoadBalancer => ({ id, address }));

const attributeAnswer = z.object({
  LoadBalancerId: z.string().min(1),
  Address: z.string().min(1),
  BackendServers: z.object({ BackendServer: z.array(z.object({ ServerId: z.string().min(1) })) }),
});

const healthAnswer = z.object({
  BackendServers: z.object({
    BackendServer: z.array(z.object({ ServerId: z.string().min(1), ServerHealthStatus: z.string() })),
  }),
});

/** The adapter. Nothing is loaded or connected before the first call. */
export function createAlibabaLoadBalancers(options: AlibabaOptions): LoadBalancers {
  const call = createRpcCaller(options, clb);
  const { region } = options;
  const about = (id: string) => ({ RegionId: region, LoadBalancerId: id });
  return {
    create: (spec, attempt, asking) => create(call, region, spec, attempt, asking),
    find: (id) =>
      orNull(NO_BALANCER, () =>
        call({
          action: 'DescribeLoadBalancerAttribute',
          repeatable: 'always',
          query: about(id),
          answer: balancerAnswer,
        }),
      ),
    ensureListener: (id, listener, asking) => ensureListener(call, about(id), listener, asking),
    backends: (id, port) => backends(call, about(id), port),
    addBackends: (id, instanceIds, asking) =>
      change(call, 'AddBackendServers', about(id), instanceIds, { Weight: '100', Type: 'ecs' }, asking),
    removeBackends: (id, instanceIds, asking) =>
      change(call, 'RemoveBackendServers', about(id), instanceIds, {}, asking),
    async delete(id, asking) {
      await orNull(NO_BALANCER, () =>
        call(
          {
            action: 'DeleteLoadBalancer',
            repeatable: 'always',
            query: about(id),
            answer: taken,
            reread: asBusy,
          },
          asking?.signal,
        ),
      );
    },
  };
}

function create(
  call: RpcCaller,
  region: string,
  spec: LoadBalancerSpec,
  attempt: string,
  asking: Asking | undefined,
): Promise<LoadBalancer> {
  return call(
    {
      action: 'CreateLoadBalancer',
      repeatable: 'token',
      query: {
        RegionId: region,
        AddressType: 'intranet',
        VSwitchId: spec.vSwitchId,
        LoadBalancerSpec: spec.specification,
        LoadBalancerName: spec.name,
        Tag: Object.entries(spec.tags).map(([Key, Value]) => ({ Key, Value })),
        ClientToken: asClientToken('a load balancer', attempt),
      },
      answer: balancerAnswer,
      reread: asBusy,
    },
    asking?.signal,
  );
}

/** A listener is created stopped, so that an earlier try may have left it so. */
async function ensureListener(
  call: RpcCaller,
  about: Readonly<Record<string, unknown>>,
  listener: ListenerSpec,
  asking: Asking | undefined,
): Promise<void> {
  const query = { ...about, ListenerPort: listener.port };
  const look = () =>
    orNull(NO_LISTENER, () =>
      call(
        {
          action: 'DescribeLoadBalancerTCPListenerAttribute',
          repeatable: 'always',
          query,
          answer: z.object({ Status: z.string() }),
        },
        asking?.signal,
      ),
    );
  const found = await look();
  if (found?.Status === 'running') return;
  if (found === null)
    await orNull(LISTENER_EXISTS, () =>
      call(
        {
          action: 'CreateLoadBalancerTCPListener',
          // Made twice it is refused the second time, which says that it is there.
          repeatable: 'always',
          query: {
            ...query,
            BackendServerPort: listener.backendPort,
            // Of internal balancers there is nothing to meter.
            Bandwidth: -1,
            HealthCheckConnectPort: listener.healthPort,
            HealthCheckConnectTimeout: listener.timeoutSeconds,
            healthCheckInterval: listener.intervalSeconds,
            HealthyThreshold: listener.healthyThreshold,
            UnhealthyThreshold: listener.unhealthyThreshold,
          },
          answer: taken,
          reread: asBusy,
        },
        asking?.signal,
      ),
    );
  await call(
    { action: 'StartLoadBalancerListener', repeatable: 'always', query, answer: taken, reread: asBusy },
    asking?.signal,
  );
}

async function backends(
  call: RpcCaller,
  about: Readonly<Record<string, unknown>>,
  port: number,
): Promise<readonly Backend[]> {
  const attribute = await call({
    action: 'DescribeLoadBalancerAttribute',
    repeatable: 'always',
    query: about,
    answer: attributeAnswer,
  });
  const status = await call({
    action: 'DescribeHealthStatus',
    repeatable: 'always',
    query: { ...about, ListenerPort: port },
    answer: healthAnswer,
  });
  const said = new Map(
    status.BackendServers.BackendServer.map(({ ServerId, ServerHealthStatus }) => [
      ServerId,
      ServerHealthStatus,
    ]),
  );
  return attribute.BackendServers.BackendServer.map(({ ServerId: instanceId }) => {
    const word = said.get(instanceId);
    return { instanceId, health: word === 'normal' || word === 'abnormal' ? word : 'unknown' };
  });
}

async function change(
  call: RpcCaller,
  action: 'AddBackendServers' | 'RemoveBackendServers',
  about: Readonly<Record<string, unknown>>,
  instanceIds: readonly string[],
  more: Readonly<Record<string, string>>,
  asking: Asking | undefined,
): Promise<void> {
  if (instanceIds.length === 0) return;
  const BackendServers = JSON.stringify(instanceIds.map((ServerId) => ({ ServerId, ...more })));
  await call(
    { action, repeatable: 'always', query: { ...about, BackendServers }, answer: taken, reread: asBusy },
    asking?.signal,
  );
}

/** Null instead of a refusal with such a code. */
async function orNull<T>(code: RegExp, ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (caught) {
    if (caught instanceof Failure && caught.kind === 'rejected' && code.test(caught.code)) return null;
    throw caught;
  }
}

function asBusy(failure: Failure): Failure {
  if (!BUSY.test(failure.code)) return failure;
  return new Failure({ kind: 'retryable', code: cloudCodes.busy, message: failure.message });
}
