import { expect, test } from '@jest/globals';
import { controlPlaneUserData } from '../../src/bootstrap/control-plane-user-data.ts';
import { bootstrapTokenSecret, newBootstrapToken } from '../../src/bootstrap/manifests.ts';
import { MAX_USER_DATA_BYTES, userData } from '../../src/bootstrap/user-data.ts';
import { prepareWorkerUserData } from '../../src/bootstrap/worker-user-data.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { exampleMaterial, exampleToken } from './example.ts';
import { unpack } from './unpack.ts';

const settings = {
  cluster: 'demo',
  role: 'worker',
  region: 'cn-hangzhou',
  bucket: 'wdrip-demo',
  endpoint: 'http://127.0.0.1:18081',
  key: `clusters/demo/bootstrap/worker/${'ab'.repeat(32)}`,
  sha256: 'ab'.repeat(32),
} as const;

test('user data is a short script that fetches a bundle, and the golden one', () => {
  const script = userData(settings);
  expect(script.startsWith('#!/bin/sh\n')).toBe(true);
  expect(Buffer.byteLength(script)).toBeLessThan(4 * 1024);
  expect(script).toMatchSnapshot();
});

test('a master is told whom to ask whether it may join etcd', () => {
  const script = controlPlaneUserData(exampleMaterial, ['10.0.0.1', '10.0.0.2']);
  expect(script).toMatchSnapshot();
  expect(() => controlPlaneUserData(exampleMaterial, ["10.0.0.1'; reboot"])).toThrow(
    'cannot stand in user data',
  );
});

test('what could break out of the quotes is refused, and so is what is too long', () => {
  expect(() => userData({ ...settings, bucket: "x'; reboot; '" })).toThrow('cannot stand in user data');
  expect(() => userData({ ...settings, cluster: 'two\nlines' })).toThrow('cannot stand in user data');
  expect(() => userData({ ...settings, key: 'k'.repeat(MAX_USER_DATA_BYTES) })).toThrow(/bytes, over 16384/);
});

test("a worker's user data holds no secret: its token is only in the bundle behind it", async () => {
  const stored = new Map<string, Buffer>();
  const asked: unknown[] = [];
  const script = await prepareWorkerUserData({
    material: exampleMaterial,
    pool: 'workers',
    kubernetes: {
      createBootstrapToken: async (options) => {
        asked.push(options);
        return exampleToken;
      },
    },
    objects: { put: async (key, content) => void stored.set(key, content) },
  });
  expect(asked).toEqual([
    { ttlMs: 30 * 60 * 1000, description: 'wdrip: a node of the pool workers of demo joins with it' },
  ]);
  const [[key, content] = ['', Buffer.alloc(0)]] = stored;
  expect(script).toContain(key);
  const kubeconfig = (await unpack(content)).get('etc/kubernetes/bootstrap-kubelet.conf')?.content ?? '';
  expect(kubeconfig).toContain(exampleToken);
  for (const part of exampleToken.split('.')) expect(script).not.toContain(part);
  expect(script).not.toMatch(/PRIVATE KEY|certificate-authority|secret:/i);
});

test('every worker that is prepared gets a bundle of its own, since its token is its own', async () => {
  const keys: string[] = [];
  const random = seededRandom(7);
  const prepare = () =>
    prepareWorkerUserData({
      material: exampleMaterial,
      pool: 'workers',
      kubernetes: { createBootstrapToken: async () => newBootstrapToken(random) },
      objects: { put: async (key) => void keys.push(key) },
    });
  expect(await prepare()).not.toBe(await prepare());
  expect(new Set(keys).size).toBe(2);
});

test('bootstrap tokens have the form that Kubernetes wants, and end', () => {
  const token = newBootstrapToken(seededRandom(1));
  expect(token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  const [id, secret] = token.split('.');
  expect(bootstrapTokenSecret(token, Date.UTC(2026, 10, 24, 13), 'why')).toMatchObject({
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: { 'token-id': id, 'token-secret': secret, expiration: '2026-11-24T13:00:00.000Z' },
  });
});
