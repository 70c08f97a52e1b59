import type { BalancerRecord, ListenerRecord } from '../records.ts';
import type { World } from '../world.ts';
import { type OriginOf, type RunningListener, startListener } from './listener.ts';

/** The running listeners of all balancers. */
export interface Balancers {
  /** Resolves when everything that the cloud has been told so far holds. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

interface Running {
  readonly record: ListenerRecord;
  readonly listener: RunningListener;
}

/**
 * Runs what the cloud's records say: a listener for each that is started, with the backends' addresses of the moment. Follows every
 * change. `failed` hears of a listener that can't listen; it is tried again with the next change.
 */
export function startBalancers(
  world: World,
  options: { readonly originOf?: OriginOf | undefined; readonly failed: (why: string) => void },
): Balancers {
  const running = new Map<string, Running>();
  let closed = false;
  let turn: Promise<void> = Promise.resolve();

  /** An instance's own address tells where it comes from. What binds no address comes from 127.0.0.1: then its process is looked for. */
  const originOf: OriginOf = (remote, candidates) => {
    const own = candidates.find((id) => world.instances.get(id)?.ip === remote.address);
    return own ?? options.originOf?.(remote, candidates) ?? null;
  };

  const follow = async () => {
    const wanted = new Map(
      [...(closed ? [] : world.balancers.values())].flatMap((balancer) =>
        balancer.listeners
          .filter((listener) => listener.running)
          .map((listener) => [keyOf(balancer.id, listener.port), { balancer, listener }] as const),
      ),
    );
    for (const [key, { record, listener }] of running) {
      if (wanted.get(key)?.listener === record) continue;
      running.delete(key);
      await listener.close();
    }
    for (const [key, { balancer, listener: record }] of wanted) {
      try {
        const listener =
          running.get(key)?.listener ??
          (await startListener({ ...record, address: balancer.address }, world.clock, originOf));
        running.set(key, { record, listener });
        listener.setBackends(targetsOf(world, balancer));
      } catch (caught) {
        options.failed(
          `${balancer.address}:${record.port}: ${caught instanceof Error ? caught.message : caught}`,
        );
      }
    }
  };
  const again = () => {
    turn = turn.then(follow);
  };
  let queued = false;
  world.onChange(() => {
    if (queued || closed) return;
    queued = true;
    queueMicrotask(() => {
      queued = false;
      again();
    });
  });
  world.backendHealth = (balancer, port, serverId) =>
    running.get(keyOf(balancer, port))?.listener.health(serverId) ?? null;
  again();
  return {
    settled: () => turn,
    async close() {
      closed = true;
      again();
      await turn;
    },
  };
}

function keyOf(balancer: string, port: number): string {
  return `${balancer}/${port}`;
}

function targetsOf(world: World, balancer: BalancerRecord) {
  return balancer.backends.flatMap(({ serverId, weight }) => {
    const instance = world.instances.get(serverId);
    return instance === undefined ? [] : [{ serverId, weight, ip: instance.ip }];
  });
}
