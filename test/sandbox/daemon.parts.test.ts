import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, realpath, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { waitUntil } from '../../src/bootstrap/wait-until.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { startDaemonProcess } from '../../src/sandbox/daemon-process.ts';
import { sandboxPaths } from '../../src/sandbox/dir.ts';
import { takeDown } from '../../src/sandbox/down.ts';
import { isSandboxLocked } from '../../src/sandbox/lock.ts';
import { readSandboxState } from '../../src/sandbox/state.ts';
import { openSandbox } from '../../src/sandbox/up.ts';

// Each test starts some daemons, which load all of wdrip: seconds each on a busy machine.
jest.setTimeout(120_000);

const clock = systemClock();
const source = fileURLToPath(new URL('../../src/sandbox/daemon-process.ts', import.meta.url));
// No instance is booted here, so no program is needed.
const settings = ['--cluster', 'demo', '--timings', 'fast', '--tools', '/nowhere'];

let folder = '';
let starters: ChildProcess[] = [];
beforeEach(async () => {
  folder = join(await realpath(await mkdtemp(join(tmpdir(), 'wdrip-daemon-'))), 'sandbox');
});
afterEach(async () => {
  for (const starter of starters) starter.kill('SIGKILL');
  starters = [];
  await takeDown(folder, { keep: false, clock });
  await rm(join(folder, '..'), { recursive: true });
});

const unlocked = () =>
  waitUntil<void>({
    what: 'the daemon to end',
    advice: '',
    clock,
    timeoutMs: 30_000,
    intervalMs: 50,
    look: async () => ((await isSandboxLocked(folder)) ? { seen: 'it runs' } : { done: undefined }),
  });

/** A process that starts a daemon and then does as it is told: `release` on its standard input, and nothing else. */
async function startFromOutside(): Promise<ChildProcess> {
  const script = `
    const { startDaemonProcess } = await import(${JSON.stringify(source)});
    const { sandboxPaths } = await import(${JSON.stringify(source.replace('daemon-process', 'dir'))});
    const { systemClock } = await import(${JSON.stringify(source.replace('sandbox/daemon-process', 'runtime/clock'))});
    const options = { arguments: ${JSON.stringify(settings)}, clock: systemClock() };
    const daemon = await startDaemonProcess(sandboxPaths(${JSON.stringify(folder)}), options);
    console.log('open');
    process.stdin.once('data', async () => { await daemon.release(); console.log('released'); process.exit(0); });
  `;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  const starter = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  starters.push(starter);
  await once(starter.stdout, 'data');
  return starter;
}

test('a daemon opens its cloud, keeps its keys to itself, and leaves nothing when it is taken down', async () => {
  const paths = sandboxPaths(folder);
  await startDaemonProcess(paths, { arguments: settings, clock });
  expect(await isSandboxLocked(folder)).toBe(true);
  for (const file of [paths.state, paths.cloud, paths.log]) {
    expect((await stat(file)).mode & 0o077).toBe(0);
  }
  const sandbox = await openSandbox(folder);
  expect(sandbox.state).toMatchObject({ phase: 'creating', cluster: 'demo', bucket: 'wdrip-demo' });
  expect(await sandbox.admin.instances()).toEqual([]);
  expect(await sandbox.cloud.listInstances('demo')).toMatchObject({ instances: [] });
  expect((await sandbox.admin.calls()).map(({ action }) => action)).toEqual(['DescribeInstances']);
  const log = await readFile(paths.log, 'utf8');
  for (const secret of [sandbox.state.accessKeySecret, sandbox.state.adminToken])
    expect(log).not.toContain(secret);

  const down = await takeDown(folder, { keep: false, clock });
  expect(down).toEqual({ daemon: true, leftovers: 0, removed: true });
  expect(await readdir(join(folder, '..'))).toEqual([]);
});

test('there is one daemon for a folder: the second one says who is there', async () => {
  const paths = sandboxPaths(folder);
  await startDaemonProcess(paths, { arguments: settings, clock });
  const { pid } = (await readSandboxState(paths)) ?? {};
  await expect(startDaemonProcess(paths, { arguments: settings, clock })).rejects.toMatchObject({
    code: 'SandboxNotStarted',
    message: expect.stringContaining('another process runs the sandbox in'),
  });
  expect((await readSandboxState(paths))?.pid).toBe(pid);
  expect(await isSandboxLocked(folder)).toBe(true);
});

test('whoever brings it up is killed half way: the daemon ends too', async () => {
  const starter = await startFromOutside();
  expect(await isSandboxLocked(folder)).toBe(true);
  starter.kill('SIGKILL');
  await unlocked();
});

test('once the cluster is up, the daemon lives without whoever brought it up', async () => {
  const starter = await startFromOutside();
  starter.stdin?.write('release\n');
  await once(starter, 'exit');
  expect((await readSandboxState(sandboxPaths(folder)))?.phase).toBe('up');
  expect(await isSandboxLocked(folder)).toBe(true);
  const sandbox = await openSandbox(folder);
  expect(await sandbox.admin.instances()).toEqual([]);
});

test('after a daemon that was killed the next one can start', async () => {
  const paths = sandboxPaths(folder);
  await startDaemonProcess(paths, { arguments: settings, clock });
  const { pid } = (await readSandboxState(paths)) ?? {};
  if (pid === undefined) throw new Error('no state');
  process.kill(pid, 'SIGKILL');
  await unlocked();
  await expect(openSandbox(folder)).rejects.toMatchObject({ code: 'SandboxCrashed' });
  await startDaemonProcess(paths, { arguments: settings, clock });
  expect(await isSandboxLocked(folder)).toBe(true);
});
