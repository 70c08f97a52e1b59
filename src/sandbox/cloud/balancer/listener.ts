import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../../runtime/clock.ts';
import { unverified } from '../unverified.ts';
import { type Checker, type HealthSettings, startChecks } from './health.ts';

/** A server behind the listener. */
export interface BackendTarget {
  readonly serverId: string;
  readonly ip: string;
  readonly weight: number;
}

/** How a listener works. */
export interface ListenerSettings extends HealthSettings {
  readonly address: string;
  readonly port: number;
  readonly backendPort: number;
  readonly healthPort: number;
}

/** Whose packets these are: the instance from which a connection comes, or null. `candidates` are those that matter. */
export type OriginOf = (remote: RemoteEnd, candidates: readonly string[]) => string | null;

/** The far end of a connection, as its socket says. */
export interface RemoteEnd {
  readonly address: string;
  readonly port: number;
}

/** A listener at work. */
export interface RunningListener {
  health(serverId: string): 'normal' | 'abnormal' | null;
  /** Those that are new are looked at first; connections to those that are gone end. */
  setBackends(backends: readonly BackendTarget[]): void;
  /** Ends the listener and every connection through it. */
  close(): Promise<void>;
}

/** How many connections may wait to be taken: a whole cluster's nodes that come back at once. */
const BACKLOG = 1_024;

interface Behind {
  readonly target: BackendTarget;
  readonly checker: Checker;
  readonly connections: Set<() => void>;
}

/**
 * A TCP proxy that behaves as a layer-4 balancer towards both sides: backends in turn, only healthy ones, connections end when their
 * backend becomes unhealthy, and none is made from a server to itself, since its packets would come back to it as its own. Rejects if it
 * can't listen.
 */
export async function startListener(
  settings: ListenerSettings,
  clock: Clock,
  originOf: OriginOf,
): Promise<RunningListener> {
  const behind = new Map<string, Behind>();
  const clients = new Set<Socket>();
  let turn = 0;

  const pick = (): Behind | null => {
    const able = [...behind.values()].filter(
      ({ target, checker }) => target.weight > 0 && checker.health === 'normal',
    );
    turn += 1;
    return able[turn % Math.max(1, able.length)] ?? null;
  };
  const drop = (backend: Behind) => {
    for (const end of [...backend.connections]) end();
  };

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    client.on('error', () => client.destroy());
    const backend = pick();
    if (backend !== null && !isHairpin(client, backend.target.serverId)) return join(client, backend);
    if (unverified.refusedConnectionsAreReset) client.resetAndDestroy();
    else client.destroy();
  });

  const isHairpin = (client: Socket, serverId: string): boolean => {
    const { remoteAddress: address, remotePort: port } = client;
    if (address === undefined || port === undefined) return true;
    return originOf({ address, port }, [...behind.keys()]) === serverId;
  };

  const join = (client: Socket, backend: Behind) => {
    const upstream = connect({
      host: backend.target.ip,
      port: settings.backendPort,
      allowHalfOpen: true,
      noDelay: true,
    });
    const end = () => {
      backend.connections.delete(end);
      if (!client.destroyed) client.resetAndDestroy();
      if (!upstream.destroyed) upstream.resetAndDestroy();
    };
    backend.connections.add(end);
    upstream.on('error', end);
    client.on('error', end);
    const finished = () => {
      if (client.destroyed && upstream.destroyed) backend.connections.delete(end);
      else if (client.destroyed) upstream.destroy();
      else if (upstream.destroyed) client.end();
    };
    client.on('close', finished);
    upstream.on('close', finished);
    client.pipe(upstream);
    upstream.pipe(client);
  };

  await listening(server, settings);
  return {
    health: (serverId) => behind.get(serverId)?.checker.health ?? null,
    setBackends(backends) {
      const wanted = new Map(backends.map((target) => [target.serverId, target]));
      for (const [serverId, backend] of behind) {
        const target = wanted.get(serverId);
        if (target !== undefined && target.ip === backend.target.ip) {
          behind.set(serverId, { ...backend, target });
          continue;
        }
        behind.delete(serverId);
        backend.checker.close();
        drop(backend);
      }
      for (const [serverId, target] of wanted) {
        if (behind.has(serverId)) continue;
        const connections = new Set<() => void>();
        const checker = startChecks(
          { host: target.ip, port: settings.healthPort },
          settings,
          clock,
          (health) => {
            if (health === 'abnormal') for (const end of [...connections]) end();
          },
        );
        behind.set(serverId, { target, checker, connections });
      }
    },
    async close() {
      for (const { checker } of behind.values()) checker.close();
      for (const backend of behind.values()) drop(backend);
      for (const client of clients) client.destroy();
      await new Promise<void>((settle) => server.close(() => settle()));
    },
  };
}

function listening(server: Server, { address, port }: ListenerSettings): Promise<void> {
  return new Promise((settle, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, backlog: BACKLOG }, () => {
      server.off('error', reject);
      settle();
    });
  });
}
