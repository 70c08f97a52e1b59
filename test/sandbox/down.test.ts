import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/runtime/clock.ts';
import { sandboxEntries, sandboxPaths } from '../../src/sandbox/dir.ts';
import { takeDown } from '../../src/sandbox/down.ts';
import { mustReadSandboxState, readSandboxState, writeSandboxState } from '../../src/sandbox/state.ts';
import { exampleState } from './example.ts';

const clock = systemClock();
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wdrip-down-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('nothing there is nothing to do', async () => {
  const dir = join(folder, 'missing');
  expect(await takeDown(dir, { keep: false, clock })).toEqual({
    daemon: false,
    leftovers: 0,
    removed: false,
  });
});

test('what a crashed sandbox left is removed, whole, with its folder', async () => {
  const dir = join(folder, 'crashed');
  for (const name of sandboxEntries) {
    if (name === 'instances' || name === 'objects' || name === 'store') {
      await mkdir(join(dir, name, 'deep'), { recursive: true });
    } else await writeFile(join(dir, name), '').catch(() => mkdir(dir));
  }
  await writeSandboxState(sandboxPaths(dir), { ...exampleState, pid: 2 ** 22 + 1 });
  expect(await takeDown(dir, { keep: false, clock })).toEqual({ daemon: false, leftovers: 0, removed: true });
  expect(await readdir(folder)).toEqual([]);
});

test('a process that happens to have the pid of a daemon long gone is left alone', async () => {
  const dir = join(folder, 'old');
  await mkdir(dir);
  await writeSandboxState(sandboxPaths(dir), { ...exampleState, pid: process.pid });
  await takeDown(dir, { keep: false, clock });
  expect(await readdir(folder)).toEqual([]);
});

test("other people's files stay, whatever folder was named", async () => {
  await writeFile(join(folder, 'thesis.tex'), 'years of work');
  await writeFile(join(folder, 'kubeconfig'), 'ours');
  await takeDown(folder, { keep: false, clock });
  expect(await readdir(folder)).toEqual(['thesis.tex']);
});

test('with keep every file stays', async () => {
  await writeFile(join(folder, 'daemon.log'), 'why');
  await takeDown(folder, { keep: true, clock });
  expect(await readdir(folder)).toEqual(['daemon.log']);
});

test("a sandbox's state holds keys: for its owner only; a torn one is none", async () => {
  const paths = sandboxPaths(folder);
  await writeSandboxState(paths, exampleState);
  expect((await stat(paths.state)).mode & 0o777).toBe(0o600);
  expect(await readSandboxState(paths)).toEqual(exampleState);
  await expect(mustReadSandboxState(paths)).rejects.toMatchObject({ code: 'SandboxCrashed' });
  await writeFile(paths.state, '{"version": 1, "pid"');
  expect(await readSandboxState(paths)).toBeNull();
  await expect(mustReadSandboxState(paths)).rejects.toMatchObject({
    code: 'NoSandbox',
    message: expect.stringContaining('wdrip sandbox up'),
  });
});
