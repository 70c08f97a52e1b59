import type { ClusterMaterial } from '../../src/bootstrap/cluster-material.ts';
import { type ControlPlaneSettings, controlPlaneFiles } from '../../src/bootstrap/control-plane.ts';
import type { NodeFile } from '../../src/bootstrap/node-files.ts';
import { workerFiles } from '../../src/bootstrap/worker.ts';

/** A token that looks like one. */
export const exampleToken = 'abcdef.0123456789abcdef';

/** Stands for PEM text, so that golden files stay readable and the same. */
function pair(name: string) {
  return { certificate: `certificate of ${name}\n`, key: `PRIVATE KEY of ${name}\n` };
}

const settings: ControlPlaneSettings = {
  cluster: 'demo',
  region: 'cn-hangzhou',
  podCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  nodeGraceSeconds: 40,
  endpointReconciler: 'lease',
};

/** The files of a control-plane node whose keys and certificates are placeholders. */
export function exampleControlPlane(changes: Partial<ControlPlaneSettings> = {}): readonly NodeFile[] {
  return controlPlaneFiles(
    { ...settings, ...changes },
    {
      ca: pair('ca'),
      frontProxyCa: pair('front-proxy-ca'),
      etcdCa: pair('etcd-ca'),
      serviceAccount: { publicKey: 'public key of sa\n', privateKey: 'PRIVATE KEY of sa\n' },
    },
    {
      apiserverKubeletClient: pair('apiserver-kubelet-client'),
      apiserverEtcdClient: pair('apiserver-etcd-client'),
      frontProxyClient: pair('front-proxy-client'),
      controllerManager: pair('controller-manager'),
      scheduler: pair('scheduler'),
      kubeletBootstrap: pair('kubelet-bootstrap'),
    },
  );
}

/** The files of a worker. */
export function exampleWorker(): readonly NodeFile[] {
  return workerFiles({
    cluster: 'demo',
    region: 'cn-hangzhou',
    server: 'https://10.0.0.4:6443',
    caCertificate: 'certificate of ca\n',
    token: exampleToken,
    pool: 'workers',
    clusterDns: '10.96.0.10',
    clusterDomain: 'cluster.local',
    nodeGraceSeconds: 10,
  });
}

/** What is known of the example cluster. */
export const exampleMaterial: ClusterMaterial = {
  version: 1,
  cluster: 'demo',
  region: 'cn-hangzhou',
  caCertificate: 'certificate of ca\n',
  server: 'https://10.0.0.4:6443',
  objects: { region: 'cn-hangzhou', bucket: 'wdrip-demo', endpoint: '' },
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  nodeGraceSeconds: 40,
  controlPlaneBundle: {
    key: `clusters/demo/bootstrap/control-plane/${'0'.repeat(64)}`,
    sha256: '0'.repeat(64),
  },
};
