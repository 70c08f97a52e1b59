import type { SandboxInstance } from '../../src/sandbox/admin-client.ts';
import type { SandboxState } from '../../src/sandbox/state.ts';

/** A sandbox that is up, as its daemon would say it. */
export const exampleState: SandboxState = {
  version: 1,
  pid: 1,
  phase: 'up',
  cluster: 'demo',
  region: 'cn-hangzhou',
  network: 3,
  bucket: 'wdrip-demo',
  cloudEndpoint: '127.0.0.1:18080',
  objectsEndpoint: 'http://localhost:18081',
  backups: [
    { region: 'cn-hangzhou', bucket: 'wdrip-demo-backup-cn-hangzhou', endpoint: 'http://localhost:18081' },
    { region: 'cn-beijing', bucket: 'wdrip-demo-backup-cn-beijing', endpoint: 'http://localhost:18083' },
  ],
  metadataEndpoint: 'http://127.0.0.1:18082/',
  adminToken: 'admin',
  accessKeyId: 'LTAI-example',
  accessKeySecret: 'example',
  tools: '/nowhere/tools',
  kubeconfig: '/nowhere/kubeconfig',
};

/** An instance that runs. */
export function exampleInstance(id: string, ip: string, slot: string): SandboxInstance {
  return {
    id,
    ip,
    zone: 'cn-hangzhou-h',
    status: 'Running',
    tags: { 'wdrip.io/slot': slot },
    locks: [],
    booted: true,
    bootCount: 1,
    diskId: 'd-1',
  };
}
