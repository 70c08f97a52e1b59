import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { packBundle } from '../../src/bootstrap/bundle.ts';
import { controlPlaneUnits, servingCertificates } from '../../src/bootstrap/control-plane.ts';
import { userData } from '../../src/bootstrap/user-data.ts';
import { exampleControlPlane } from './example.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wdrip-first-boot-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs a control-plane node's user data as a first boot would, with a wdrip-node and a systemctl that write down what they are told. */
async function firstBoot(options: {
  readonly fetched?: boolean;
  readonly environment?: Record<string, string>;
}) {
  const bundle = await packBundle(
    'demo',
    'control-plane',
    exampleControlPlane(),
    controlPlaneUnits,
    servingCertificates({
      serviceAddress: '10.96.0.1',
      domain: 'cluster.local',
      alternatives: ['10.0.9.9', 'api.example.com'],
    }),
  );
  const tools = join(folder, 'tools');
  await mkdir(tools);
  await writeFile(join(folder, 'bundle'), bundle.content);
  const told = `echo "$(basename "$0") $*" >> ${folder}/told`;
  const fetch =
    options.fetched === false
      ? 'exit 1'
      : `[ "$1" = fetch ] || exit 0; for out; do :; done; cp ${folder}/bundle "$out"`;
  await writeFile(join(tools, 'wdrip-node'), `#!/bin/sh\n${told}\n${fetch}\n`, { mode: 0o755 });
  await writeFile(join(tools, 'systemctl'), `#!/bin/sh\n${told}\n`, { mode: 0o755 });
  await writeFile(join(tools, 'curl'), `#!/bin/sh\n${told}\nexit 7\n`, { mode: 0o755 });
  const root = join(folder, 'root');
  await mkdir(root);
  const { key, sha256 } = bundle;
  const script = userData({
    cluster: 'demo',
    role: 'control-plane',
    region: 'cn-hangzhou',
    bucket: 'wdrip-demo',
    endpoint: '',
    key,
    sha256,
    seeds: ['https://10.0.0.1:2380'],
  });
  const identity = options.environment ?? { WDRIP_IP: '10.0.0.4', WDRIP_INSTANCE: 'i-abc' };
  const { status, stderr } = spawnSync('sh', ['-s'], {
    input: script,
    encoding: 'utf8',
    env: { PATH: `${tools}:/usr/bin:/bin`, WDRIP_ROOT: root, ...identity },
  });
  const heard = (await readFile(join(folder, 'told'), 'utf8')).trim().split('\n');
  return { root, status, stderr, heard, sha256 };
}

test('a first boot fetches the bundle, puts the node into its files and starts the units in order', async () => {
  const { root, status, heard, sha256 } = await firstBoot({});
  expect(status).toBe(0);
  expect(heard[0]).toContain(`--sha256 ${sha256}`);
  const pki = `${root}/etc/kubernetes/pki`;
  const service = 'kubernetes.default.svc';
  expect(heard.slice(1)).toEqual([
    `wdrip-node issue --ca ${pki}/ca --out ${pki}/apiserver --common-name kube-apiserver` +
      ` --names kubernetes,kubernetes.default,${service},${service}.cluster.local,localhost,api.example.com` +
      ' --addresses 10.0.0.4,127.0.0.1,10.96.0.1,10.0.9.9',
    `wdrip-node issue --ca ${pki}/etcd/ca --out ${pki}/etcd/etcd --common-name i-abc --client` +
      ' --names localhost --addresses 10.0.0.4,127.0.0.1',
    'systemctl daemon-reload',
    ...controlPlaneUnits.map((unit) => `systemctl enable --now ${unit}.service`),
  ]);
  const kubelet = await readFile(join(root, 'etc/systemd/system/kubelet.service'), 'utf8');
  expect(kubelet).toContain('--hostname-override=10.0.0.4.i-abc');
  expect(kubelet).toContain(`--kubeconfig=${root}/etc/kubernetes/kubelet.conf`);
  expect(await readFile(join(root, 'etc/etcd/seeds'), 'utf8')).toBe('https://10.0.0.1:2380\n');
  const left = spawnSync('grep', ['-rl', '@WDRIP_', root, '--exclude=install.sh'], { encoding: 'utf8' });
  expect(left.stdout).toBe('');
  expect(await readdir(join(root, 'var/lib/wdrip'))).toEqual([]);
});

test('keys stay for their owner only, also those whose files were finished', async () => {
  const { root } = await firstBoot({});
  const mode = async (path: string) => (await stat(join(root, path))).mode & 0o777;
  expect(await mode('etc/kubernetes/pki/ca.key')).toBe(0o600);
  expect(await mode('etc/kubernetes/controller-manager.conf')).toBe(0o600);
  expect(await mode('etc/kubernetes/pki/ca.crt')).toBe(0o644);
});

test('a bundle that could not be fetched ends it: no unit is started', async () => {
  const { status, heard } = await firstBoot({ fetched: false });
  expect(status).not.toBe(0);
  expect(heard).toHaveLength(1);
});

test('a node that cannot learn who it is starts nothing, and says so', async () => {
  const { status, stderr, heard } = await firstBoot({ environment: {} });
  expect(status).not.toBe(0);
  expect(stderr).toContain("this instance's address ('') or id ('') is unknown");
  expect(heard.filter((line) => line.startsWith('systemctl'))).toEqual([]);
});
