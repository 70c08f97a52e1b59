import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { stringify } from 'yaml';
import { launchChromium } from '../simulator/embedded/chromium.ts';
import { type RunningCommand, startWdrip, wdrip } from './command.ts';

/** Each command loads its libraries anew: a second or two, and more on a busy machine. */
jest.setTimeout(60_000);

/** A port on which nobody listens: the lowest one, which takes a root to open. */
const nobody = '127.0.0.1:1';
const secret = 'the-secret-that-nobody-may-read';

let dir = '';
let running: RunningCommand[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wdrip-cli-'));
  running = [];
});

afterEach(async () => {
  for (const each of running) each.process.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  await rm(dir, { recursive: true, force: true });
});

/** A whole and valid configuration, of a cluster and a cloud that can't be reached. */
async function configure(over: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const kubeconfig = join(dir, 'kubeconfig');
  const cluster = { name: 'c', cluster: { server: `https://${nobody}`, 'insecure-skip-tls-verify': true } };
  const context = { name: 'x', context: { cluster: 'c', user: 'u' } };
  const user = { name: 'u', user: { token: secret } };
  await writeFile(
    kubeconfig,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [cluster],
      contexts: [context],
      users: [user],
      'current-context': 'x',
    }),
  );
  const material = join(dir, 'material.json');
  await writeFile(
    material,
    JSON.stringify({
      version: 1,
      cluster: 'demo',
      region: 'cn-test',
      caCertificate: 'PEM',
      server: `https://${nobody}`,
      objects: { region: 'cn-test', bucket: 'the-bucket', endpoint: `http://${nobody}` },
      clusterDns: '10.96.0.10',
      clusterDomain: 'cluster.local',
      nodeGraceSeconds: 40,
      controlPlaneBundle: { key: 'k', sha256: '0'.repeat(64) },
    }),
  );
  const keys = { accessKeyId: 'id', accessKeySecret: secret };
  const config = {
    cluster: 'demo',
    kubeconfig,
    material,
    store: join(dir, 'store'),
    cloud: { endpoint: nobody, protocol: 'http', region: 'cn-test', ...keys },
    objects: {
      endpoint: `http://${nobody}`,
      region: 'cn-test',
      bucket: 'the-bucket',
      sldEnable: true,
      ...keys,
    },
    pools: [
      {
        id: 'workers',
        replicas: 2,
        zones: ['a'],
        instanceType: 't',
        imageId: 'm',
        securityGroupId: 's',
        vSwitchId: 'v',
        ramRole: 'r',
        systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
      },
    ],
    ...over,
  };
  const path = join(dir, 'supervise.yml');
  await writeFile(path, stringify(config));
  return path;
}

function supervise(config: string): RunningCommand {
  const command = startWdrip(['supervise', '--config', config, '--log-format', 'json']);
  running.push(command);
  return command;
}

/** Waits until the command has said something on standard error. */
async function said(command: RunningCommand, text: RegExp): Promise<void> {
  const deadline = AbortSignal.timeout(30_000);
  let over = false;
  void command.ended.then(() => {
    over = true;
  });
  while (!text.test(command.stderr())) {
    if (deadline.aborted || over) throw new Error(`it never said ${text}: ${command.stderr()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('wdrip, given what it cannot use', () => {
  test('a command that does not exist is not understood', async () => {
    const { status, stderr } = await wdrip(['heal-everything']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/unknown command 'heal-everything'/);
  });

  test('a configuration that is not there', async () => {
    const { status, stderr } = await wdrip(['supervise', '--config', join(dir, 'none.yml')]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/none\.yml cannot be used: there is no such file\. Name one with --config/);
  });

  test('a configuration that is not YAML, and one with settings that are wrong or unknown: each is named', async () => {
    const broken = join(dir, 'broken.yml');
    await writeFile(broken, 'cluster: [');
    expect((await wdrip(['supervise', '--config', broken])).stderr).toMatch(
      /broken\.yml cannot be used: it is not YAML/,
    );
    const config = await configure({ speed: 'high', pools: [] });
    const { status, stderr } = await wdrip(['supervise', '--config', config]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/pools: /);
    expect(stderr).toMatch(/"speed"/);
    expect(stderr).not.toContain(secret);
  });

  test('no supervisor to ask', async () => {
    const config = await configure();
    for (const command of [['get'], ['explain', 'workers-0'], ['pause'], ['resume', '--pool', 'workers']]) {
      const { status, stderr } = await wdrip([...command, '--config', config]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/no supervisor runs for cluster demo .*Start one with `wdrip supervise`/);
    }
  });

  test('a kubeconfig that cannot be used, and a material that is damaged', async () => {
    const config = await configure();
    await writeFile(join(dir, 'kubeconfig'), 'clusters: 3');
    const bad = await wdrip(['supervise', '--config', config]);
    expect(bad.status).toBe(1);
    expect(bad.stderr).toMatch(/^wdrip: .*kubeconfig/);
    await configure();
    await writeFile(join(dir, 'material.json'), '{"version": 1');
    const damaged = await wdrip(['supervise', '--config', config]);
    expect(damaged.status).toBe(1);
    expect(damaged.stderr).toMatch(/material\.json cannot be used: it is not JSON/);
  });
});

test("another cluster's name is refused, so that no pause hits the wrong one", async () => {
  const config = await configure();
  for (const command of ['get', 'pause', 'supervise']) {
    const { status, stderr } = await wdrip([command, '--config', config, '-n', 'prod']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/is of cluster demo, and not of prod/);
  }
});

describe('wdrip supervise, where nothing can be reached', () => {
  test('waits, says so, keeps its secrets, refuses a second one on its store, and ends when asked', async () => {
    const config = await configure();
    const first = supervise(config);
    await said(first, /sight of the cluster is lost/);
    await said(first, /the cloud could not be asked/);

    const got = await wdrip(['get', '-r', 'nodes', '--config', config]);
    expect(got.status).toBe(0);
    expect(got.stdout).toMatch(/^BLIND: .*127\.0\.0\.1:1/);
    const unknown = await wdrip(['explain', 'nobody', '--config', config]);
    expect(unknown).toMatchObject({ status: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/there is no node, instance or slot nobody/);

    const second = await wdrip(['supervise', '--config', config]);
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/store/);

    first.process.kill('SIGTERM');
    const { status, stderr } = await first.ended;
    expect(status).toBe(0);
    expect(stderr).not.toContain(secret);
    expect((await wdrip(['get', '--config', config])).stderr).toMatch(/no supervisor runs/);
  });

  test('a pause outlives a SIGKILL', async () => {
    const config = await configure();
    const first = supervise(config);
    await said(first, /supervising/);
    expect((await wdrip(['pause', '--config', config])).stdout).toMatch(/the whole cluster are paused/);
    first.process.kill('SIGKILL');
    await first.ended;
    const second = supervise(config);
    await said(second, /supervising/);
    expect((await wdrip(['get', '--config', config])).stdout).toMatch(/PAUSED/);
    expect((await wdrip(['resume', '--config', config])).status).toBe(0);
    expect((await wdrip(['get', '--config', config])).stdout).not.toMatch(/PAUSED/);
  });
});

test('its page in a browser: the link of `wdrip page`, out of sight, no buttons that break things, pause and resume, and its end', async () => {
  const config = await configure();
  const first = supervise(config);
  await said(first, /sight of the cluster is lost/);
  const link = (await wdrip(['page', '--config', config])).stdout.trim();
  expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#token=[0-9a-f]{48}$/);
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(30_000);
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(link);
    await page.getByText(/^Out of sight: .*127\.0\.0\.1:1/).waitFor();
    await page.getByText('supervisor at work').waitFor();
    await page.getByText('No node is known yet.').waitFor();
    expect(await page.getByText('Break something').isVisible()).toBe(false);
    expect(await page.getByText('etcd and its backups').isVisible()).toBe(false);
    expect(await page.getByRole('button', { name: '60×' }).count()).toBe(0);

    await page.getByRole('button', { name: 'Pause repairs', exact: true }).click();
    await page.getByText('Repairs of the whole cluster are paused.').waitFor();
    expect((await wdrip(['get', '--config', config])).stdout).toMatch(/PAUSED/);
    expect((await wdrip(['resume', '--config', config])).status).toBe(0);
    await page.getByRole('button', { name: 'Pause repairs', exact: true }).waitFor();

    first.process.kill('SIGTERM');
    expect((await first.ended).status).toBe(0);
    await page.getByText('The connection to wdrip is lost').waitFor();
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});
