import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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

// The first test may compile our small Go programs.
jest.setTimeout(120_000);

let programs: ProgramsDir;
let machine: Machine;
beforeAll(async () => {
  programs = await smallPrograms();
});
beforeEach(async () => {
  machine = await makeMachine(programs);
});
afterEach(() => machine.close());

test('user data runs at the first boot only, and again after the disk is wiped', async () => {
  const userData = '#!/bin/sh\necho ran >> "$WDRIP_ROOT/var/runs"; echo "it says hello"\n';
  await machine.bootFully(userData);
  expect(await machine.read('var/runs')).toBe('ran\n');
  expect(await machine.read('var/log/cloud-init-output.log')).toContain('it says hello');
  await machine.shutdown();
  await machine.bootFully(userData);
  expect(await machine.read('var/runs')).toBe('ran\n');
  await machine.shutdown();
  await machine.host.wipe(machine.id);
  await machine.bootFully('#!/bin/sh\necho other >> "$WDRIP_ROOT/var/runs"\n');
  expect(await machine.read('var/runs')).toBe('other\n');
});

test('user data that fails is not repeated; one that a power failure cuts off is', async () => {
  await machine.bootFully('#!/bin/sh\necho ran >> "$WDRIP_ROOT/var/runs"; exit 3\n');
  expect(await machine.read('var/log/init.log')).toContain('the script failed: code=exited, status=3');
  await machine.shutdown();
  await machine.bootFully();
  expect(await machine.read('var/runs')).toBe('ran\n');
  await machine.shutdown();
  await machine.host.wipe(machine.id);
  await machine.boot('#!/bin/sh\necho ran >> "$WDRIP_ROOT/var/runs"; sleep 600\n');
  await until('the user data to begin', async () => (await machine.read('var/runs')) !== '');
  await machine.host.shutdown(machine.id, { force: true, graceMs: 0 });
  await machine.bootFully('#!/bin/sh\necho again >> "$WDRIP_ROOT/var/runs"\n');
  expect(await machine.read('var/runs')).toBe('ran\nagain\n');
});

test('safety 20: every boot has its own id and time, so that whether a reboot took place can be looked up', async () => {
  await machine.bootFully();
  const first = { id: await machine.read('run/boot-id'), at: Number(await machine.read('run/boot-time')) };
  await writeFile(join(machine.disk, 'run/of-this-boot'), '');
  await machine.shutdown();
  await machine.bootFully();
  const second = { id: await machine.read('run/boot-id'), at: Number(await machine.read('run/boot-time')) };
  expect(first.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\n$/);
  expect(second.id).not.toBe(first.id);
  expect(second.at).toBeGreaterThan(first.at);
  expect(await machine.sh('ls "$WDRIP_ROOT/run"')).not.toContain('of-this-boot');
});

test('an instance gets its own environment and nothing of ours', async () => {
  process.env.WDRIP_TEST_SECRET = 'hush';
  await machine.bootFully();
  delete process.env.WDRIP_TEST_SECRET;
  const environment = await machine.sh('env');
  expect(environment).toContain(`WDRIP_ROOT=${machine.disk}\n`);
  expect(environment).toContain(`PATH=${machine.disk}/usr/local/bin:${programs.tools}:`);
  expect(environment).toContain('WDRIP_IP=127.9.8.7\n');
  expect(environment).not.toContain('hush');
});

test('the agent gives exit code and output, keeps the time, and is silent when its unit is stopped', async () => {
  await machine.bootFully();
  await machine.sh('true');
  const run = (script: string, timeoutMs: number) => machine.host.run(machine.id, script, { timeoutMs });
  expect(await run('echo out; echo err >&2; exit 7', 10_000)).toEqual({
    outcome: 'exited',
    exitCode: 7,
    output: 'out\nerr\n',
  });
  expect(await run('#!/usr/bin/env perl\nprint "perl\\n";', 10_000)).toMatchObject({ output: 'perl\n' });
  const before = await machine.processes();
  expect(await run('echo begun; sleep 600 & sleep 600', 300)).toEqual({
    outcome: 'timedOut',
    output: 'begun\n',
  });
  expect(await machine.processes()).toEqual(before);
  // What stays in the background does not keep the answer.
  expect(await run('sleep 600 & echo done', 10_000)).toMatchObject({ outcome: 'exited', output: 'done\n' });
  expect(await run('head -c 200000 /dev/zero | tr "\\0" x', 10_000)).toMatchObject({
    output: 'x'.repeat(64 * 1024),
  });
  await run('systemctl stop aliyun', 10_000);
  expect(await run('true', 10_000)).toEqual({ outcome: 'agentSilent' });
  await machine.shutdown();
  expect(await run('true', 10_000)).toEqual({ outcome: 'agentSilent' });
  await machine.bootFully();
  expect(await machine.sh('echo it is back')).toBe('it is back');
});

test('an agent that is disabled stays so', async () => {
  await machine.bootFully('#!/bin/sh\nsystemctl disable --now aliyun\n');
  await machine.shutdown();
  await machine.bootFully();
  expect(await machine.host.run(machine.id, 'true', { timeoutMs: 1_000 })).toEqual({
    outcome: 'agentSilent',
  });
});

test('shutdown stops the units in order, kills what ignores it after the grace, and leaves no process', async () => {
  const stubborn = 'trap "" TERM; while :; do sleep 600; done';
  const logged = (name: string) =>
    shellUnit(`trap "echo ${name} >> $WDRIP_ROOT/var/stops; exit" TERM; while :; do sleep 0.01; done`);
  const units = {
    first: logged('first'),
    second: `[Unit]\nAfter=first.service\n${logged('second')}`,
    stubborn: shellUnit(stubborn),
  };
  await machine.bootFully(withUnits(units, 'first', 'second', 'stubborn'));
  // One that has left its session and its parent.
  await machine.sh('setsid sh -c "setsid sleep 600 &" >/dev/null 2>&1 &');
  expect((await machine.processes()).length).toBeGreaterThan(5);
  const began = clock.now();
  await machine.shutdown(1_000);
  expect(clock.now() - began).toBeGreaterThanOrEqual(990);
  expect(await machine.processes()).toEqual([]);
  expect(await machine.read('var/stops')).toBe('second\nfirst\n');
  // Down already: no error.
  await machine.shutdown();
});

test('force cuts a graceful stop short', async () => {
  await machine.bootFully(
    withUnits({ stubborn: shellUnit('trap "" TERM; while :; do sleep 600; done') }, 'stubborn'),
  );
  const graceful = machine.shutdown(600_000);
  await until('the stop to begin', async () =>
    (await machine.read('var/log/init.log')).includes('aliyun.service: stopped'),
  );
  await machine.host.shutdown(machine.id, { force: true, graceMs: 0 });
  await graceful;
  expect(await machine.processes()).toEqual([]);
});

test('an init that ends by itself is told of once nothing of it is left; one that was asked to end is not told of', async () => {
  const exits: string[] = [];
  machine.host.onExit((id) => exits.push(id));
  await machine.bootFully(withUnits({ web: shellUnit('setsid sleep 600 & sleep 600') }, 'web'));
  await machine.shutdown();
  expect(exits).toEqual([]);
  await machine.bootFully();
  await machine.sh('true');
  // The answer goes down with the agent, or comes just before.
  await machine.host.run(machine.id, 'systemctl poweroff', { timeoutMs: 10_000 });
  await until('the exit', async () => exits.length === 1);
  expect(await machine.processes()).toEqual([]);
  await machine.bootFully();
  const pid = Number((await machine.read('../init.pid')).trim());
  signal(pid, 'SIGKILL');
  await until('the exit', async () => exits.length === 2);
  expect(await machine.processes()).toEqual([]);
  expect(exits).toEqual([machine.id, machine.id]);
  await machine.bootFully();
});

test('what can not boot says why and leaves no process', async () => {
  await mkdir(dirname(machine.disk), { recursive: true });
  await mkdir(machine.disk);
  await writeFile(join(machine.disk, 'etc'), 'a file where a folder belongs');
  await expect(machine.boot()).rejects.toThrow(/i-bp1example can't boot: .*etc.*: not a directory/);
  expect(await machine.processes()).toEqual([]);
  await machine.host.wipe(machine.id);
  await machine.bootFully();
  await expect(machine.boot()).rejects.toThrow('while it runs');
  await expect(machine.host.wipe(machine.id)).rejects.toThrow('while it runs');
  await expect(machine.host.destroy(machine.id)).rejects.toThrow('while it runs');
  await machine.shutdown();
  await machine.host.destroy(machine.id);
  expect(await machine.read('../init.log')).toBe('');
});

test('programs that are missing are an error, and no hanging boot', async () => {
  const lost = await makeMachine({ tools: '/nowhere', path: (name) => `/nowhere/${name}` });
  await expect(lost.boot()).rejects.toThrow('ENOENT');
  await lost.close();
});

test('a folder too deep for sockets works like any other', async () => {
  const deep = await makeMachine(programs, `${'a-folder-with-a-long-name/'.repeat(6)}sandbox`);
  await deep.bootFully(withUnits({ web: shellUnit('sleep 600') }, 'web'));
  expect(await deep.sh('systemctl is-active web')).toBe('active');
  await deep.close();
});

test('instances of one host do not meet', async () => {
  await machine.bootFully(withUnits({ web: shellUnit('sleep 600') }, 'web'));
  await machine.host.boot(exampleInstance('i-bp1other', ''));
  await machine.shutdown();
  expect(await machine.processes()).not.toEqual([]);
  await machine.host.close();
  expect(await machine.processes()).toEqual([]);
  expect(await cleanLeftovers(machine.dir, clock)).toBe(0);
});
