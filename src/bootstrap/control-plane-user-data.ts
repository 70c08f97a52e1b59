import type { ClusterMaterial } from './cluster-material.ts';
import { etcdPeerUrl } from './etcd-unit.ts';
import { userData } from './user-data.ts';

/**
 * The user data of a control-plane node's birth, for a new instance or for a new system disk. Nothing in it is a secret, nothing has to be
 * made for it, and no API server is needed: it names the control plane's one bundle. The node's etcd then waits until a learner with its
 * address was added to the cluster that `members` belong to, and joins as that. So the order does not matter: the learner can be
 * added before or after the node boots, and a crash between the two leaves a node that waits.
 *
 * `members`: private addresses of control-plane nodes to ask; the node's own is skipped, and such as don't answer. With none of them the
 * node waits for data that is put into its data directory: a restore (etcd-commands.ts).
 */
export function controlPlaneUserData(material: ClusterMaterial, members: readonly string[]): string {
  const { cluster, objects, controlPlaneBundle } = material;
  return userData({
    cluster,
    role: 'control-plane',
    ...objects,
    ...controlPlaneBundle,
    seeds: members.map(etcdPeerUrl),
  });
}
