import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { packBundle, publishBundle } from '../../src/bootstrap/bundle.ts';
import { controlPlaneUnits } from '../../src/bootstrap/control-plane.ts';
import { plainFile } from '../../src/bootstrap/node-files.ts';
import { workerUnits } from '../../src/bootstrap/worker.ts';
import { exampleControlPlane, exampleWorker } from './example.ts';
import { unpack } from './unpack.ts';

test('the same files give the same bundle, whose name is its hash', async () => {
  const first = await packBundle('demo', 'worker', exampleWorker(), workerUnits);
  const again = await packBundle('demo', 'worker', [...exampleWorker()].reverse(), workerUnits);
  expect(again.content.equals(first.content)).toBe(true);
  expect(first.sha256).toBe(createHash('sha256').update(first.content).digest('hex'));
  expect(first.key).toBe(`clusters/demo/bootstrap/worker/${first.sha256}`);
  const other = await packBundle('demo', 'worker', [...exampleWorker(), plainFile('x', 'y')], workerUnits);
  expect(other.key).not.toBe(first.key);
});

test('a bundle holds its files with their permissions, and the script that finishes the node', async () => {
  const bundle = await packBundle('demo', 'control-plane', exampleControlPlane(), controlPlaneUnits);
  const files = await unpack(bundle.content);
  for (const { path, mode, content } of exampleControlPlane()) {
    expect(files.get(path)).toEqual({ mode, content });
  }
  const install = files.get('opt/wdrip/install.sh');
  expect(install?.mode).toBe(0o755);
  expect(install?.content).toMatchSnapshot();
});

test('the bundle of a worker has no private key in it', async () => {
  const bundle = await packBundle('demo', 'worker', exampleWorker(), workerUnits);
  for (const { content } of (await unpack(bundle.content)).values()) {
    expect(content).not.toContain('PRIVATE KEY');
    const decoded = content.replace(/[A-Za-z0-9+/=]{20,}/g, (text) => Buffer.from(text, 'base64').toString());
    expect(decoded).not.toContain('PRIVATE KEY');
  }
});

test('two files of one path, and a bundle beyond all measure, are mistakes', async () => {
  const same = [plainFile('etc/a', '1'), plainFile('etc/a', '2')];
  await expect(packBundle('demo', 'worker', same, [])).rejects.toThrow('has the file etc/a twice');
  const noise = Array.from({ length: 400_000 }, (_, i) =>
    createHash('md5').update(`${i}`).digest('base64'),
  ).join('');
  await expect(packBundle('demo', 'worker', [plainFile('big', noise)], [])).rejects.toThrow(/bytes, over/);
});

test('publishing stores the bytes under their name', async () => {
  const stored = new Map<string, Buffer>();
  const bundle = await packBundle('demo', 'worker', exampleWorker(), workerUnits);
  const reference = await publishBundle(
    { put: async (key, content) => void stored.set(key, content) },
    bundle,
  );
  expect(reference).toEqual({ key: bundle.key, sha256: bundle.sha256 });
  expect(stored.get(bundle.key)).toBe(bundle.content);
});
