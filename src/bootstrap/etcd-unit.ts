import { type NodeFile, nodePaths, onNode, placeholders } from './node-files.ts';
import { flags, unitFile } from './units.ts';

/** The port that etcd serves clients on, and the one for its peers. */
export const etcdPorts = { client: 2379, peer: 2380 } as const;

/** Where the member at this address serves clients. */
export function etcdClientUrl(address: string): string {
  return `https://${address}:${etcdPorts.client}`;
}

/** Where the member at this address serves its peers: what it is added with. */
export function etcdPeerUrl(address: string): string {
  return `https://${address}:${etcdPorts.peer}`;
}

/**
 * etcd, one member, named after its instance. It listens on the node's own address only, with certificates on both ports. How it begins
 * is decided by `wdrip-node etcd` at each start, from what lies on the disk: with data it goes on; without, it waits until it was added as
 * a learner, and then joins; only with the file `etcdFound` it begins a new cluster, and that file goes away with its use.
 */
export function etcdUnit(cluster: string): NodeFile {
  const client = etcdClientUrl(placeholders.ip);
  const peer = etcdPeerUrl(placeholders.ip);
  const pki = onNode(`${nodePaths.pki}/etcd`);
  return unitFile({
    name: 'etcd',
    description: 'Key-value store of the Kubernetes control plane',
    command: [
      'wdrip-node',
      'etcd',
      ...flags({
        name: placeholders.instance,
        'data-dir': onNode(nodePaths.etcdData),
        'peer-url': peer,
        seeds: onNode(nodePaths.etcdSeeds),
        found: onNode(nodePaths.etcdFound),
        force: onNode(nodePaths.etcdForce),
        cert: `${pki}/etcd.crt`,
        key: `${pki}/etcd.key`,
        ca: `${pki}/ca.crt`,
      }),
      '--',
      ...flags({
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-cluster-token': cluster,
        'cert-file': `${pki}/etcd.crt`,
        'key-file': `${pki}/etcd.key`,
        'trusted-ca-file': `${pki}/ca.crt`,
        'client-cert-auth': true,
        'peer-cert-file': `${pki}/etcd.crt`,
        'peer-key-file': `${pki}/etcd.key`,
        'peer-trusted-ca-file': `${pki}/ca.crt`,
        'peer-client-cert-auth': true,
      }),
    ],
    restartSeconds: 1,
  });
}
