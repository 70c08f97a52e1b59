import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { isSandboxLocked, lockSandbox, takeNetwork } from '../../src/sandbox/lock.ts';

const dir = () => `/nowhere/wdrip-lock-${process.pid}-${Math.floor(performance.now() * 1000)}`;

test('one process holds the lock of a folder, until it lets go', async () => {
  const folder = dir();
  expect(await isSandboxLocked(folder)).toBe(false);
  const lock = await lockSandbox(folder);
  expect(await isSandboxLocked(folder)).toBe(true);
  await expect(lockSandbox(`${folder}/`)).rejects.toMatchObject({
    code: 'SandboxBusy',
    message: expect.stringContaining('wdrip sandbox down'),
  });
  await lockSandbox(`${folder}-other`).then((other) => other.release());
  await lock.release();
  expect(await isSandboxLocked(folder)).toBe(false);
  await lockSandbox(folder).then((again) => again.release());
});

test('looking does not take it: many looks, and one who takes it in their midst', async () => {
  const folder = dir();
  const looks = Array.from({ length: 20 }, () => isSandboxLocked(folder));
  const lock = await lockSandbox(folder);
  await Promise.all(looks);
  expect(await isSandboxLocked(folder)).toBe(true);
  await lock.release();
});

test('sandboxes at the same time get different networks; one that is given back is taken again', async () => {
  const first = await takeNetwork();
  const second = await takeNetwork();
  expect(second.network).toBeGreaterThan(first.network);
  await first.release();
  const third = await takeNetwork();
  expect(third.network).toBe(first.network);
  await Promise.all([second.release(), third.release()]);
});

test('a process that is killed lets go', async () => {
  const name = `\\0wdrip-test-${process.pid}`;
  const script = `require('net').createServer().listen('${name}', () => console.log('held'))`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const { createServer } = await import('node:net');
  const server = createServer();
  server.listen(`\0wdrip-test-${process.pid}`);
  await once(server, 'listening');
  server.close();
});
