import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { placement } from '../../src/bootstrap/cluster-spec.ts';
import { catalogOf } from '../../src/sandbox/cloud/catalog.ts';
import { sandboxClusterSpec, superviseConfiguration } from '../../src/sandbox/cluster.ts';
import { sandboxPaths } from '../../src/sandbox/dir.ts';
import { writePrivately } from '../../src/sandbox/private-file.ts';
import { loadConfig } from '../../src/supervisor/config.ts';
import { exampleState } from './example.ts';

const settings = { masters: 3, workers: 4, nodeGraceSeconds: 10, policy: { suspectMs: 2_000 } };

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wdrip-cluster-'));
});
afterEach(() => rm(folder, { recursive: true }));

test("the supervisor takes the sandbox's configuration, which is for its owner only", async () => {
  const paths = sandboxPaths(folder);
  await writePrivately(paths.supervise, superviseConfiguration(paths, exampleState, settings, 'lb-1'));
  expect((await stat(paths.supervise)).mode & 0o777).toBe(0o600);
  const config = await loadConfig(paths.supervise);
  expect(config).toMatchObject({
    cluster: 'demo',
    kubeconfig: join(folder, 'kubeconfig'),
    material: join(folder, 'material.json'),
    store: join(folder, 'store'),
    cloud: { endpoint: '127.0.0.1:18080', protocol: 'http', region: 'cn-hangzhou' },
    objects: { endpoint: 'http://localhost:18081', bucket: 'wdrip-demo', sldEnable: true },
  });
  expect(config.etcd).toEqual({
    caFile: join(folder, 'etcd-ca.crt'),
    certFile: join(folder, 'etcd-client.crt'),
    keyFile: join(folder, 'etcd-client.key'),
  });
  expect(config.controlPlane).toMatchObject({
    replicas: 3,
    ramRole: 'wdrip-demo-control-plane',
    loadBalancerId: 'lb-1',
  });
  expect(config.pools).toMatchObject([
    { id: 'workers', replicas: 4, ramRole: 'wdrip-demo-worker', policy: { suspectMs: 2_000 } },
  ]);
});

test('what the cluster asks for is in the catalogue of the cloud, in every zone', () => {
  const spec = sandboxClusterSpec(exampleState, settings);
  expect(spec.controlPlane.replicas).toBe(3);
  const catalog = catalogOf('cn-hangzhou', ['cn-hangzhou-h', 'cn-hangzhou-i', 'cn-hangzhou-j']);
  for (const group of [spec.controlPlane, ...spec.pools]) {
    expect(catalog.imageIds).toContain(group.imageId);
    expect(catalog.instanceTypes.map(({ id }) => id)).toContain(group.instanceType);
    expect(catalog.securityGroupIds).toContain(group.securityGroupId);
    for (const index of group.zones.keys()) {
      const { zone, vSwitchId } = placement(group, index);
      expect(catalog.vSwitches).toContainEqual({ id: vSwitchId, zone });
    }
  }
  expect(catalog.vSwitches.map(({ id }) => id)).toContain(spec.controlPlane.loadBalancer.vSwitchId);
  expect(spec.pools.map(({ id, replicas }) => ({ id, replicas }))).toEqual([{ id: 'workers', replicas: 4 }]);
});
