import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { stringify } from 'yaml';
import { until } from '../kubernetes/until.ts';
import { type RunningCommand, startWdrip, wdrip } from './command.ts';

/** Each command loads its libraries anew: a second or two, and more on a busy machine. */
jest.setTimeout(120_000);
const readyWithinMs = 60_000;

let home = '';
let running: RunningCommand[] = [];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'wdrip-start-'));
  running = [];
});
afterEach(async () => {
  for (const each of running) each.process.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  await rm(home, { recursive: true, force: true });
});

const ask = (...args: readonly string[]) => wdrip(args, { HOME: home });

/** Starts the embedded cluster; resolves with its link. */
async function start(...args: readonly string[]): Promise<{ command: RunningCommand; link: string }> {
  const command = startWdrip(['start', ...args], { HOME: home });
  running.push(command);
  let stdout = '';
  command.process.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const link = await until(
    'it prints its link',
    () => /http:\/\/127\.0\.0\.1:\d+\/#token=[0-9a-f]{48}/.exec(stdout)?.[0],
    readyWithinMs,
  );
  return { command, link };
}

/** As a sandbox leaves it, with a supervisor on it: this process stands for that. */
async function pretendSandbox(): Promise<void> {
  const dir = join(home, '.wdrip', 'sandbox');
  const store = join(dir, 'store');
  await mkdir(store, { recursive: true });
  const keys = { accessKeyId: 'id', accessKeySecret: 'secret' };
  const pool = {
    id: 'workers',
    replicas: 2,
    zones: ['a'],
    instanceType: 't',
    imageId: 'm',
    securityGroupId: 's',
    vSwitchId: 'v',
    ramRole: 'r',
    systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
  };
  const config = {
    cluster: 'sandbox',
    kubeconfig: join(dir, 'kubeconfig'),
    material: join(dir, 'material.json'),
    store,
    cloud: { region: 'cn-test', ...keys },
    objects: { region: 'cn-test', bucket: 'the-bucket', ...keys },
    pools: [pool],
  };
  await writeFile(join(dir, 'supervise.yml'), stringify(config));
  const address = { url: 'http://127.0.0.1:1', token: 'x', pid: process.pid };
  await writeFile(join(store, 'supervisor.json'), JSON.stringify(address));
}

describe('wdrip start', () => {
  test('shows a simulated cluster: commands find it without flags, and Ctrl-C ends all of it', async () => {
    const { command, link } = await start('--speed', '10');
    const html = await fetch(link);
    expect(html.headers.get('content-type')).toMatch(/text\/html/);

    const got = await ask('get', '-r', 'nodes');
    expect(got).toMatchObject({ status: 0, stderr: '' });
    expect(got.stdout.trim().split('\n')).toHaveLength(1 + 15);
    expect(got.stdout).not.toMatch(/ -\d/);
    expect((await ask('get', '-r', 'quorum')).stdout).toMatch(/voters: {2}3 of 3 healthy/);
    expect((await ask('get', '-r', 'backup')).stdout).toMatch(/^newest verified: /m);
    expect((await ask('explain', 'workers-3')).stdout).toMatch(/is healthy since .*\n {2}why: {7}Ready/);
    expect((await ask('page')).stdout).toBe(`${link}\n`);
    expect((await ask('pause', '--node', 'workers-3')).status).toBe(0);
    const other = await ask('get', '-n', 'prod');
    expect(other).toMatchObject({ status: 1, stderr: expect.stringMatching(/demo runs here, and not prod/) });

    const port = new URL(link).port;
    const taken = await ask('start', '--port', port);
    expect(taken).toMatchObject({ status: 1, stderr: expect.stringContaining(`port ${port}`) });

    command.process.kill('SIGINT');
    expect((await command.ended).status).toBe(0);
    await expect(readFile(join(home, '.wdrip', 'embedded', 'supervisor.json'))).rejects.toThrow(/ENOENT/);
    const none = await ask('get');
    expect(none).toMatchObject({ status: 2, stderr: expect.stringContaining('wdrip start') });
  });

  test('with a sandbox beside it, a command must say which it means; one that is named is asked', async () => {
    await start();
    await pretendSandbox();
    const unclear = await ask('pause');
    expect(unclear.status).toBe(1);
    expect(unclear.stderr).toMatch(/two clusters run here: say which with --name demo .* --name sandbox/);
    expect((await ask('get', '-n', 'demo')).status).toBe(0);
    const sandbox = await ask('get', '-n', 'sandbox');
    expect(sandbox).toMatchObject({ status: 1, stderr: expect.stringMatching(/for cluster sandbox/) });
    await rm(join(home, '.wdrip', 'sandbox', 'store', 'supervisor.json'));
    const only = await ask('get');
    expect(only).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/asking the simulated cluster demo/),
    });
  });

  test.each([
    [['--speed', '7'], /must be one of 1, 10, 60/],
    [['--port', '70000'], /whole number from 1 to 65535/],
    [['--workers', '3'], /--workers is only for --sandbox/],
    [['--sandbox', '--speed', '60'], /--speed is not for --sandbox/],
  ])('%j is refused', async (args, why) => {
    const { status, stderr } = await ask('start', ...args);
    expect(status).toBe(2);
    expect(stderr).toMatch(why);
  });
});
