import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../../src/runtime/clock.ts';
import { type RunningListener, startListener } from '../../../src/sandbox/cloud/balancer/listener.ts';
import { until } from './served.ts';

const address = '127.0.0.1';
const port = 21_443;
const settings = {
  address,
  port,
  backendPort: 21_444,
  healthPort: 21_445,
  intervalMs: 20,
  timeoutMs: 200,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
};

/** A backend at its own loopback address, which says its name and echoes what it hears. */
interface Echo {
  readonly target: { readonly serverId: string; readonly ip: string; readonly weight: number };
  readonly sockets: Set<Socket>;
  setHealthy(healthy: boolean): Promise<void>;
  close(): Promise<void>;
}

const open: { close(): Promise<void> }[] = [];
let origin: string | null = null;
let listener: RunningListener;

beforeEach(async () => {
  origin = null;
  listener = await startListener(settings, systemClock(), () => origin);
  open.push(listener);
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function echo(serverId: string, ip: string): Promise<Echo> {
  const sockets = new Set<Socket>();
  const server = await listening(
    createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
      socket.write(`${serverId}\n`);
      socket.pipe(socket);
    }),
    settings.backendPort,
    ip,
  );
  let health: Server | null = null;
  const setHealthy = async (healthy: boolean) => {
    if (healthy && health === null)
      health = await listening(
        createServer((socket) => socket.destroy()),
        settings.healthPort,
        ip,
      );
    if (!healthy && health !== null) {
      await ended(health);
      health = null;
    }
  };
  await setHealthy(true);
  const backend = {
    target: { serverId, ip, weight: 100 },
    sockets,
    setHealthy,
    async close() {
      await setHealthy(false);
      for (const socket of sockets) socket.destroy();
      await ended(server);
    },
  };
  open.push(backend);
  return backend;
}

function listening(server: Server, onPort: number, ip: string): Promise<Server> {
  return new Promise((settle, reject) => {
    server.once('error', reject).listen(onPort, ip, () => settle(server));
  });
}

function ended(server: Server): Promise<void> {
  return new Promise((settle) => server.close(() => settle()));
}

/** What a client hears that says `text` and then no more; `reset` if the connection was. */
function talk(text: string): Promise<string> {
  return new Promise((settle) => {
    let heard = '';
    const socket = connect({ host: address, port, allowHalfOpen: true });
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      heard += chunk;
    });
    socket.on('end', () => settle(heard)).on('error', () => settle('reset'));
    socket.end(text);
  });
}

/** A client that stays. `closed` resolves with how it ended. */
async function stay(): Promise<{ readonly said: string; readonly closed: Promise<string> }> {
  const socket = connect({ host: address, port });
  const closed = new Promise<string>((settle) => {
    socket.on('error', () => settle('reset')).on('end', () => settle('end'));
  });
  const said = await new Promise<string>((settle) => {
    socket.setEncoding('utf8').once('data', settle);
  });
  return { said: said.trim(), closed };
}

const healthOf = (serverId: string, wanted: string) =>
  until(
    async () => listener.health(serverId),
    (health) => health === wanted,
  );

test('healthy backends take turns, and what is said comes back whole', async () => {
  const a = await echo('a', '127.0.77.1');
  const b = await echo('b', '127.0.77.2');
  listener.setBackends([a.target, b.target]);
  await healthOf('a', 'normal');
  await healthOf('b', 'normal');
  const heard = await Promise.all([talk('x'), talk('y'), talk('x'), talk('y')]);
  expect(heard.map((text) => text.split('\n')[0]).sort()).toEqual(['a', 'a', 'b', 'b']);
  const long = 'z'.repeat(1_000_000);
  expect((await talk(long)).slice(2)).toBe(long);
});

test('without a healthy backend connections are reset, and one of weight 0 gets none', async () => {
  expect(await talk('x')).toBe('reset');
  const a = await echo('a', '127.0.77.1');
  listener.setBackends([{ ...a.target, weight: 0 }]);
  await healthOf('a', 'normal');
  expect(await talk('x')).toBe('reset');
  listener.setBackends([a.target]);
  expect(await talk('x')).toBe('a\nx');
});

test('a backend that becomes unhealthy loses its connections, and gets new ones when it has recovered', async () => {
  const a = await echo('a', '127.0.77.1');
  const b = await echo('b', '127.0.77.2');
  listener.setBackends([a.target, b.target]);
  await healthOf('a', 'normal');
  await healthOf('b', 'normal');
  const clients = [await stay(), await stay()];
  await a.setHealthy(false);
  await healthOf('a', 'abnormal');
  const ofA = clients.find(({ said }) => said === 'a');
  expect(await ofA?.closed).toBe('reset');
  expect(b.sockets.size).toBe(1);
  expect(await talk('x')).toBe('b\nx');
  expect(await talk('x')).toBe('b\nx');
  await a.setHealthy(true);
  await healthOf('a', 'normal');
  expect([await talk('x'), await talk('x')].sort()).toEqual(['a\nx', 'b\nx']);
});

test('one that is taken out loses its connections at once', async () => {
  const a = await echo('a', '127.0.77.1');
  listener.setBackends([a.target]);
  await healthOf('a', 'normal');
  const client = await stay();
  listener.setBackends([]);
  expect(await client.closed).toBe('reset');
  expect(await talk('x')).toBe('reset');
});

test('a server is never connected to itself, and the others are', async () => {
  const a = await echo('a', '127.0.77.1');
  const b = await echo('b', '127.0.77.2');
  listener.setBackends([a.target, b.target]);
  await healthOf('a', 'normal');
  await healthOf('b', 'normal');
  origin = 'a';
  const heard = [await talk('x'), await talk('x'), await talk('x'), await talk('x')];
  expect(heard.sort()).toEqual(['b\nx', 'b\nx', 'reset', 'reset']);
});

test('a backend that dies ends its clients, and closing the listener ends all', async () => {
  const a = await echo('a', '127.0.77.1');
  listener.setBackends([a.target]);
  await healthOf('a', 'normal');
  const first = await stay();
  for (const socket of a.sockets) socket.destroy();
  expect(['end', 'reset']).toContain(await first.closed);
  const second = await stay();
  await listener.close();
  open.splice(open.indexOf(listener), 1);
  expect(['end', 'reset']).toContain(await second.closed);
  await until(
    async () => a.sockets.size,
    (size) => size === 0,
  );
});
