import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { placeholders } from '../../src/bootstrap/node-files.ts';
import { exampleControlPlane, exampleToken, exampleWorker } from './example.ts';

function contentOf(
  files: readonly { readonly path: string; readonly content: string }[],
  path: string,
): string {
  const file = files.find((each) => each.path === path);
  if (!file) throw new Error(`no file ${path} among ${files.map((each) => each.path).join(', ')}`);
  return file.content;
}

test('the files of a control-plane node are the golden ones', () => {
  expect(exampleControlPlane().map(({ path, mode }) => `${mode.toString(8)} ${path}`)).toMatchSnapshot();
  for (const { path, content } of exampleControlPlane()) {
    if (path.endsWith('.service') || path.endsWith('.yaml')) expect(content).toMatchSnapshot(path);
  }
});

test('the files of a worker are the golden ones', () => {
  for (const { path, mode, content } of exampleWorker()) {
    expect(content).toMatchSnapshot(`${mode.toString(8)} ${path}`);
  }
});

test('whatever holds a key or a token is for its owner only', () => {
  for (const { path, mode, content } of [...exampleControlPlane(), ...exampleWorker()]) {
    const decoded = content.replace(/[A-Za-z0-9+/=]{20,}/g, (text) => Buffer.from(text, 'base64').toString());
    const secret = /PRIVATE KEY|abcdef\.0123/.test(decoded);
    expect({ path, mode }).toEqual({ path, mode: secret ? 0o600 : 0o644 });
  }
});

test('a worker gets no key of an authority, only a token', () => {
  const files = exampleWorker();
  expect(files.some(({ content }) => content.includes('PRIVATE KEY'))).toBe(false);
  expect(contentOf(files, 'etc/kubernetes/bootstrap-kubelet.conf')).toContain(exampleToken);
});

test('nothing listens on all addresses: every server is bound to the node', () => {
  for (const name of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler']) {
    expect(contentOf(exampleControlPlane(), `etc/systemd/system/${name}.service`)).toContain(
      `--bind-address=${placeholders.ip}`,
    );
  }
  expect(contentOf(exampleControlPlane(), 'etc/systemd/system/etcd.service')).not.toContain('0.0.0.0');
});

test('safety 35: the node, its provider id and its instance are one by name', () => {
  const files = exampleWorker();
  expect(contentOf(files, 'etc/systemd/system/kubelet.service')).toContain(
    '--hostname-override=@WDRIP_IP@.@WDRIP_INSTANCE@',
  );
  const config: unknown = parse(contentOf(files, 'var/lib/kubelet/config.yaml'));
  expect(config).toMatchObject({ providerID: 'cn-hangzhou.@WDRIP_INSTANCE@' });
});

test('several heartbeats fit into the grace period, and the lease is never longer than its default', () => {
  const lease = (files: ReturnType<typeof exampleWorker>): unknown =>
    parse(contentOf(files, 'var/lib/kubelet/config.yaml'));
  expect(lease(exampleWorker())).toMatchObject({ nodeLeaseDurationSeconds: 10 });
  expect(lease(exampleControlPlane({ nodeGraceSeconds: 300 }))).toMatchObject({
    nodeLeaseDurationSeconds: 40,
  });
});
