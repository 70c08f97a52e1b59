import { type NodeFile, nodePaths, onNode, placeholders } from './node-files.ts';
import { flags, unitFile } from './units.ts';

/** The port that etcd serves clients on, and the one for its peers. */
export const etcdPorts = { client: 2379, peer: 2380 } as const;

/** etcd, one member, named after its instance. It listens on the node's own address only, with certificates on both ports. */
export function etcdUnit(cluster: string): NodeFile {
  const client = `https://${placeholders.ip}:${etcdPorts.client}`;
  const peer = `https://${placeholders.ip}:${etcdPorts.peer}`;
  const pki = onNode(`${nodePaths.pki}/etcd`);
  return unitFile({
    name: 'etcd',
    description: 'Key-value store of the Kubernetes control plane',
    command: [
      'etcd',
      ...flags({
        name: placeholders.instance,
        'data-dir': onNode(nodePaths.etcdData),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peer,
        'initial-advertise-peer-urls': peer,
        'initial-cluster': `${placeholders.instance}=${peer}`,
        'initial-cluster-state': 'new',
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
