import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { signal } from '../../../src/sandbox/host/processes.ts';
import type { ProgramsDir } from '../../../src/sandbox/host/programs-dir.ts';
import { type Machine, makeMachine, shellUnit, smallPrograms, until, withUnits } from './machine.ts';

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

const mainPid = async (unit: string) =>
  Number(/Main PID: (\d+)/.exec(await machine.sh(`systemctl status ${unit} || true`))?.[1]);
const state = (unit: string) => machine.sh(`systemctl is-active ${unit} || true`);
const lives = async (pid: number) => (await machine.processes()).includes(pid);

test('restart gives a new process, and brings back a stopped unit that it wants', async () => {
  const kubelet = `[Unit]\nWants=containerd.service\nAfter=containerd.service\n${shellUnit('sleep 600')}`;
  await machine.bootFully(withUnits({ kubelet, containerd: shellUnit('sleep 600') }, 'kubelet'));
  const before = { kubelet: await mainPid('kubelet'), containerd: await mainPid('containerd') };
  await machine.sh('systemctl restart kubelet');
  expect(await mainPid('kubelet')).not.toBe(before.kubelet);
  expect(await mainPid('containerd')).toBe(before.containerd);
  await machine.sh('systemctl stop containerd');
  expect(await state('containerd')).toBe('inactive');
  expect(await state('kubelet')).toBe('active');
  await machine.sh('systemctl restart kubelet');
  expect(await state('containerd')).toBe('active');
});

test('what requires a unit stops and restarts with it, and fails with it', async () => {
  const app = `[Unit]\nRequires=base.service\nAfter=base.service\n${shellUnit('sleep 600')}`;
  await machine.bootFully(withUnits({ app, base: shellUnit('sleep 600') }, 'app'));
  const before = await mainPid('app');
  await machine.sh('systemctl restart base');
  expect(await state('app')).toBe('active');
  expect(await mainPid('app')).not.toBe(before);
  await machine.sh('systemctl stop base');
  expect(await state('app')).toBe('inactive');
  await machine.sh(
    'mkdir "$WDRIP_ROOT/etc/systemd/system/base.service.d"; printf "[Service]\\nExecStartPre=/bin/false\\n" > "$WDRIP_ROOT/etc/systemd/system/base.service.d/x.conf"; systemctl daemon-reload',
  );
  await expect(machine.sh('systemctl start app')).rejects.toThrow('dependency failed: base.service');
  expect(await state('app')).toBe('inactive');
});

test('a unit waits for the end of a oneshot that it comes after, and the environment reaches both', async () => {
  const once = `[Unit]\nBefore=web.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nEnvironment=WORD=hello\nExecStart=/bin/sh -c 'sleep 0.3; echo "$WORD" > $WDRIP_ROOT/var/once'\n`;
  const web = `[Unit]\nWants=once.service\n${shellUnit('cat $WDRIP_ROOT/var/once > $WDRIP_ROOT/var/seen; echo $TWO >> $WDRIP_ROOT/var/seen; sleep 600', 'EnvironmentFile=/etc/default/web\nEnvironmentFile=-/etc/default/none')}`;
  await machine.bootFully(
    `${withUnits({ once, web })}mkdir -p "$WDRIP_ROOT/etc/default"; echo TWO=2 > "$WDRIP_ROOT/etc/default/web"; systemctl start web\n`,
  );
  await until('the unit to write', async () => (await machine.read('var/seen')) === 'hello\n2\n');
  expect(await state('once')).toBe('active');
});

test('a service that dies is restarted as its policy says', async () => {
  await machine.bootFully(
    withUnits(
      {
        always: shellUnit('sleep 600', 'Restart=always\nRestartSec=0.05'),
        failing: shellUnit('sleep 600', 'Restart=on-failure\nRestartSec=0.05'),
        never: shellUnit('sleep 600'),
      },
      'always',
      'failing',
      'never',
    ),
  );
  const pids = {
    always: await mainPid('always'),
    failing: await mainPid('failing'),
    never: await mainPid('never'),
  };
  signal(pids.never, 'SIGKILL');
  signal(pids.failing, 'SIGTERM');
  signal(pids.always, 'SIGTERM');
  // A clean end: on-failure leaves it, always does not.
  await until(
    'the restart',
    async () => (await state('always')) === 'active' && (await mainPid('always')) !== pids.always,
  );
  await until('the clean end', async () => (await state('failing')) === 'inactive');
  expect(await state('never')).toBe('failed');
  await machine.sh('systemctl start failing');
  const again = await mainPid('failing');
  signal(again, 'SIGKILL');
  await until(
    'the restart',
    async () => (await state('failing')) === 'active' && (await mainPid('failing')) !== again,
  );
  expect(await machine.sh('systemctl status failing')).toContain('Restarts: 1');
});

test('a service that fails too often is given up, until somebody resets it', async () => {
  const crash = shellUnit(
    'test -e $WDRIP_ROOT/var/well && exec sleep 600; exit 1',
    'Restart=always\nRestartSec=0.01',
  );
  await machine.bootFully(withUnits({ crash }, 'crash'));
  await until('it to be given up', async () => (await state('crash')) === 'failed');
  expect(await machine.read('var/log/init.log')).toContain(
    'crash.service: start request repeated too quickly',
  );
  await writeFile(join(machine.disk, 'var/well'), '');
  await expect(machine.sh('systemctl restart crash')).rejects.toThrow('attempted too often');
  await machine.sh('systemctl reset-failed crash && systemctl restart crash');
  expect(await state('crash')).toBe('active');
});

test('a restart that waits for its time is called off by stop', async () => {
  await machine.bootFully(
    withUnits({ crash: shellUnit('exit 1', 'Restart=always\nRestartSec=600') }, 'crash'),
  );
  await until('the wait', async () => (await state('crash')) === 'activating');
  await machine.sh('systemctl stop crash');
  expect(await state('crash')).toBe('inactive');
});

test('stop interrupts a start that hangs', async () => {
  await machine.bootFully(withUnits({ slow: shellUnit('sleep 600', 'ExecStartPre=/bin/sleep 600') }));
  await machine.sh('systemctl start --no-block slow');
  await until('the start', async () => (await state('slow')) === 'activating');
  await machine.sh('systemctl stop slow');
  expect(await state('slow')).toBe('inactive');
  expect(await machine.sh('ps ax | grep -c "[s]leep 600" || true')).toBe('0');
});

test("stop ends the unit's whole tree, also what left its session and its parent, and nothing else", async () => {
  const web = shellUnit(
    'setsid sh -c "setsid sleep 601 &"; sleep 600',
    'ExecStop=/bin/sh -c "echo $MAINPID > $WDRIP_ROOT/var/stopped"',
  );
  await machine.bootFully(withUnits({ web, other: shellUnit('exec sleep 602') }, 'web', 'other'));
  const find = async (seconds: number) =>
    Number(
      (await machine.sh(`ps ax -o pid=,args= | awk '$2 == "sleep" && $3 == ${seconds} { print $1 }'`)) || 0,
    );
  await until('the orphan', async () => (await find(601)) > 0);
  const orphan = await find(601);
  const other = await mainPid('other');
  const main = await mainPid('web');
  await machine.sh('systemctl stop web');
  expect(await lives(orphan)).toBe(false);
  expect(await lives(main)).toBe(false);
  expect(await lives(other)).toBe(true);
  expect(await machine.read('var/stopped')).toBe(`${main}\n`);
});

test('a stop that is ignored is enforced after TimeoutStopSec', async () => {
  await machine.bootFully(
    withUnits(
      { stubborn: shellUnit('trap "" TERM; while :; do sleep 600; done', 'TimeoutStopSec=200ms') },
      'stubborn',
    ),
  );
  await machine.sh('systemctl stop stubborn');
  expect(await state('stubborn')).toBe('inactive');
  expect(await machine.read('var/log/init.log')).toContain('killing');
});

test("systemctl's exit statuses are systemd's", async () => {
  await machine.bootFully(
    withUnits({ web: shellUnit('sleep 600'), bare: '[Service]\nExecStart=/bin/sleep 600\n' }),
  );
  const status = async (command: string) => {
    const result = await machine.host.run(machine.id, `systemctl ${command}`, { timeoutMs: 10_000 });
    return result.outcome === 'exited' ? result.exitCode : result.outcome;
  };
  const seen: Record<string, unknown> = {};
  for (const command of [
    'is-active web',
    'start web',
    'is-active web',
    'status web',
    'is-enabled web',
    'enable web',
    'is-enabled web',
    'is-enabled bare',
    'disable --now web',
    'is-active web',
    'status web',
    'start nothing',
    'stop nothing',
    'is-active nothing',
    'status nothing',
    'is-enabled nothing',
    'frobnicate web',
    'start',
    'mask aliyun',
    'is-enabled aliyun',
    'start aliyun',
    'unmask aliyun',
    'list-units',
  ]) {
    seen[`${Object.keys(seen).length} ${command}`] = await status(command);
  }
  expect(seen).toEqual({
    '0 is-active web': 3,
    '1 start web': 0,
    '2 is-active web': 0,
    '3 status web': 0,
    '4 is-enabled web': 1,
    '5 enable web': 0,
    '6 is-enabled web': 0,
    '7 is-enabled bare': 0,
    '8 disable --now web': 0,
    '9 is-active web': 3,
    '10 status web': 3,
    '11 start nothing': 5,
    '12 stop nothing': 5,
    '13 is-active nothing': 4,
    '14 status nothing': 4,
    '15 is-enabled nothing': 1,
    '16 frobnicate web': 1,
    '17 start': 1,
    '18 mask aliyun': 0,
    '19 is-enabled aliyun': 1,
    '20 start aliyun': 1,
    '21 unmask aliyun': 0,
    '22 list-units': 0,
  });
});

test('enabled units start at boot, a broken one does not keep the others, and a changed file counts after daemon-reload', async () => {
  const units = {
    web: shellUnit('exec sleep 600'),
    broken: '[Service]\nRestart=always\n',
    lost: shellUnit('true').replace('/bin/sh', '/bin/no-such-program'),
  };
  const links = ['web', 'broken', 'lost', 'absent'].map(
    (name) => `ln -s ../${name}.service "$WDRIP_ROOT/etc/systemd/system/multi-user.target.wants/"\n`,
  );
  await machine.bootFully(`${withUnits(units)}${links.join('')}`);
  expect(await state('web')).toBe('active');
  expect(await state('lost')).toBe('failed');
  await machine.sh('sed -i s/600/700/ "$WDRIP_ROOT/etc/systemd/system/web.service"; systemctl restart web');
  // From fork to exec a process is still its parent, or nothing.
  const runs = async (args: string) =>
    (await machine.sh(`ps -o args= ${await mainPid('web')} || true`)) === args;
  await until('the old command', () => runs('sleep 600'));
  await machine.sh('systemctl daemon-reload; systemctl restart web');
  await until('the new command', () => runs('sleep 700'));
});

test("a unit's output is in its log", async () => {
  await machine.bootFully(withUnits({ web: shellUnit('echo out; echo err >&2; exec sleep 600') }, 'web'));
  await until('the log', async () => (await machine.read('var/log/web.log')) === 'out\nerr\n');
});
