import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { systemClock } from '../../src/runtime/clock.ts';
import { sandboxPaths } from '../../src/sandbox/dir.ts';
import { takeDown } from '../../src/sandbox/down.ts';
import { execOn } from '../../src/sandbox/exec.ts';
import { exampleInstance, exampleState } from './example.ts';

const instance = exampleInstance('i-a', '127.0.2.1', 'workers-0');
let folder = '';
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'wdrip-exec-')));
  await mkdir(join(folder, 'instances/i-a/disk/usr/local/bin'), { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const run = (...command: string[]) => execOn(sandboxPaths(folder), exampleState, instance, command);

test("a command runs on the instance's disk, in its environment and in no other", async () => {
  process.env.WDRIP_TEST_ONLY = 'outside';
  const { exitCode, stdout, stderr } = await run(
    'sh',
    '-c',
    'pwd; echo $WDRIP_ROOT $WDRIP_IP $WDRIP_INSTANCE $WDRIP_METADATA [$WDRIP_TEST_ONLY]; echo oops >&2; exit 7',
  );
  delete process.env.WDRIP_TEST_ONLY;
  const disk = join(folder, 'instances/i-a/disk');
  expect({ exitCode, stdout, stderr }).toEqual({
    exitCode: 7,
    stdout: `${disk}\n${disk} 127.0.2.1 i-a http://127.0.0.1:18082/i-a []\n`,
    stderr: 'oops\n',
  });
});

test("programs are looked for on the instance's own path first", async () => {
  const program = join(folder, 'instances/i-a/disk/usr/local/bin/uname');
  await writeFile(program, '#!/bin/sh\necho "the disk\'s own"\n', { mode: 0o755 });
  expect((await run('uname')).stdout).toBe("the disk's own\n");
});

test('a program that is not there, and one that a signal ends, have the status that shells give', async () => {
  expect((await run('no-such-program')).exitCode).toBe(127);
  expect((await run('sh', '-c', 'kill -TERM $$')).exitCode).toBe(143);
});

test('what runs on an instance ends with the sandbox', async () => {
  const running = run('sh', '-c', 'sleep 600 & sleep 600');
  const clock = systemClock();
  let leftovers = 0;
  while (leftovers === 0) ({ leftovers } = await takeDown(folder, { keep: true, clock }));
  expect((await running).exitCode).toBe(137);
});

test('an instance whose system does not run takes no command, and the error says how to boot it', async () => {
  const on = (status: string) => () =>
    execOn(sandboxPaths(folder), exampleState, { ...instance, booted: false, status }, ['true']);
  expect(on('Stopped')).toThrow(
    'the system of the instance i-a (workers-0) does not run (the cloud says Stopped): boot it with `wdrip sandbox ecs start i-a`',
  );
  expect(on('Running')).toThrow('boot it with `wdrip sandbox ecs reboot --force i-a`');
});
