import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Clock } from '../../../src/runtime/clock.ts';
import { runThroughAgent } from '../../../src/sandbox/host/agent-client.ts';

let folder = '';
let server: Server;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wdrip-agent-'));
});
afterEach(async () => {
  await new Promise((settle) => server.close(settle));
  await rm(folder, { recursive: true });
});

/** An agent that does as it is told with each request. */
async function agent(serve: (connection: Socket, request: string) => void): Promise<string> {
  const path = join(folder, 'agent');
  server = createServer((connection) => {
    connection.setEncoding('utf8').once('data', (request: string) => serve(connection, request));
    connection.on('error', () => undefined);
  });
  await new Promise<void>((settle) => server.listen(path, settle));
  return path;
}

/** A clock whose time passes when the test says so. `armed` is how long the newest timer is for. */
function handClock(): Clock & { armed(): number; fire(): void } {
  let timer: { readonly ms: number; readonly fire: () => void } | undefined;
  return {
    now: () => 0,
    after(ms, fire) {
      const mine = { ms, fire };
      timer = mine;
      return () => {
        if (timer === mine) timer = undefined;
      };
    },
    armed: () => timer?.ms ?? -1,
    fire: () => timer?.fire(),
  };
}

const silent = { outcome: 'agentSilent' };

test('a script and its time-out go in, and what came of it comes back, in whatever pieces', async () => {
  let heard = '';
  const path = await agent((connection, request) => {
    heard = request;
    connection.write('{"accepted":true}\n{"outcome":"exited",');
    setImmediate(() => connection.write('"exitCode":3,"output":"a\\nb"}\n'));
  });
  expect(await runThroughAgent(path, 'x\ny', { timeoutMs: 70, clock: handClock() })).toEqual({
    outcome: 'exited',
    exitCode: 3,
    output: 'a\nb',
  });
  expect(JSON.parse(heard)).toEqual({ script: 'x\ny', timeoutMs: 70 });
});

test('an agent that takes the call and says nothing is silent after 5 s, one that has accepted after the time-out and 5 s', async () => {
  for (const [accepted, wait] of [
    ['', 5_000],
    ['{"accepted":true}\n', 65_000],
  ] as const) {
    const clock = handClock();
    const path = await agent((connection) => {
      connection.write(`${accepted} `);
      const look = () => (clock.armed() === wait ? clock.fire() : setImmediate(look));
      look();
    });
    expect(await runThroughAgent(path, 'true', { timeoutMs: 60_000, clock })).toEqual(silent);
    await new Promise((settle) => server.close(settle));
  }
  await agent(() => undefined);
});

test('an agent that hangs up, or talks nonsense, or too much, is silent too', async () => {
  for (const answer of [
    '',
    '{"accepted":true}\n',
    'nonsense\n',
    '{"accepted":false}\n',
    '{"accepted":true}\n{"outcome":"fine"}\n',
    '{"accepted":true}\n{"outcome":"exited","output":""}\n',
    'x'.repeat(600_000),
  ]) {
    const path = await agent((connection) => connection.end(answer));
    expect(await runThroughAgent(path, 'true', { timeoutMs: 1_000, clock: handClock() })).toEqual(silent);
    await new Promise((settle) => server.close(settle));
  }
  await agent(() => undefined);
});

test('no agent at all is silent', async () => {
  await agent(() => undefined);
  const nowhere = join(folder, 'nobody');
  expect(await runThroughAgent(nowhere, 'true', { timeoutMs: 1_000, clock: handClock() })).toEqual(silent);
});
