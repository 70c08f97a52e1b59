import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { cleanLeftovers } from '../../../src/sandbox/host/process-host.ts';
import { signal } from '../../../src/sandbox/host/processes.ts';
import type { ProgramsDir } from '../../../src/sandbox/host/programs-dir.ts';
import {
  clock,
  exampleInstance,
  type Machine,
  makeMachine,
  shellUnit,
  smallPrograms,
  until,
  withUnits,
} from './machine.ts';

// The first test may compile our small Go programs; each starts a process that loads TypeScript.
jest.setTimeout(120_000);

const source = (path: string) => fileURLToPath(new URL(`../../../src/${path}`, import.meta.url));
/** Something that has left its session and its parent beside something plain, and user data that has not ended. */
const userData = `${withUnits({ web: shellUnit('setsid sh -c "setsid sleep 600 &"; exec sleep 600') }, 'web')}touch $WDRIP_ROOT/var/begun; sleep 600\n`;

let programs: ProgramsDir;
let machine: Machine;
let daemon: ChildProcess;
beforeAll(async () => {
  programs = await smallPrograms();
});
beforeEach(async () => {
  machine = await makeMachine(programs);
  daemon = await startDaemon(machine.dir);
  await until('the user data to begin', async () => (await read('var/begun')) !== undefined);
  // All that they start: a shell that is yet to become a sleep would be counted in its place.
  await until(
    'the unit to run',
    async () => (await sleeping()) === 3 && (await machine.processes()).length === 6,
  );
});
afterEach(async () => {
  daemon.kill('SIGKILL');
  await machine.close();
});

const read = (path: string) => readFile(join(machine.disk, path), 'utf8').catch(() => undefined);

/** How many of the instance's processes sleep: the unit, what it has set free, and the user data. */
async function sleeping(): Promise<number> {
  const commands = (await machine.processes()).map((pid) =>
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
  );
  return (await Promise.all(commands)).filter((command) => command === 'sleep\u0000600\u0000').length;
}

/** A process that hosts one instance, as the sandbox's daemon does. */
async function startDaemon(dir: string): Promise<ChildProcess> {
  const script = `
    const { createProcessHost } = await import(${JSON.stringify(source('sandbox/host/process-host.ts'))});
    const { systemClock } = await import(${JSON.stringify(source('runtime/clock.ts'))});
    const programs = { tools: ${JSON.stringify(programs.tools)}, path: (name) => ${JSON.stringify(programs.tools)} + '/' + name };
    const log = { info() {}, warn() {} };
    const host = createProcessHost({ dir: ${JSON.stringify(dir)}, programs, clock: systemClock(), log });
    await host.boot(${JSON.stringify(exampleInstance(machine.id, userData))});
    console.log('booted');
    setInterval(() => {}, 1000);
  `;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

test('a daemon that is killed takes every process with it', async () => {
  daemon.kill('SIGKILL');
  await until('the end of every process', async () => (await machine.processes()).length === 0);
  // What was cut off runs again.
  expect(await read('var/lib/cloud/instance/done')).toBeUndefined();
});

test('what outlives both the daemon and its init is found and killed', async () => {
  const init = Number(await read('../init.pid'));
  // Stopped, the init can't obey the end of its pipe; killed, it can't kill its grandchildren.
  signal(init, 'SIGSTOP');
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  signal(init, 'SIGKILL');
  await until('the end of the init', async () => !(await machine.processes()).includes(init));
  // Its children (the agent, the unit, the script) are killed by the kernel; what those have started is left.
  await until('the end of its children', async () => (await machine.processes()).length === 2);
  expect(await cleanLeftovers(machine.dir, clock)).toBe(2);
  expect(await machine.processes()).toEqual([]);
});

test('leftovers of another sandbox are left alone', async () => {
  expect(await cleanLeftovers(`${machine.dir}-other`, clock)).toBe(0);
  expect((await machine.processes()).length).toBeGreaterThan(0);
});
