/** A file of a node's bundle, by its path below the root of the node's disk. */
export interface NodeFile {
  /** Relative, without a leading slash. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: 0o600 | 0o644 | 0o755;
  readonly content: string;
}

/**
 * What a file doesn't know before it lies on its node: the install script puts the node's own values in their place. Text and not
 * variables, since unit files, kubeconfigs and kubelet configuration each expand variables differently, or not at all.
 */
export const placeholders = {
  /** The root of the system disk, without a slash at its end: empty on a real machine. */
  root: '@WDRIP_ROOT@',
  /** The node's private address. */
  ip: '@WDRIP_IP@',
  /** The id of its instance. */
  instance: '@WDRIP_INSTANCE@',
} as const;

/** What a node is called in Kubernetes: `<private ip>.<instance id>`, as Alibaba Cloud's own nodes are. */
export const nodeNameTemplate = `${placeholders.ip}.${placeholders.instance}`;

/** Where the files lie. Those of kubeadm, so that people and their tools find them. */
export const nodePaths = {
  install: 'opt/wdrip/install.sh',
  units: 'etc/systemd/system',
  kubernetes: 'etc/kubernetes',
  pki: 'etc/kubernetes/pki',
  kubeletConfig: 'var/lib/kubelet/config.yaml',
  containerdConfig: 'etc/containerd/config.toml',
  etcdData: 'var/lib/etcd',
  /** Copies of etcd's data that were kept before it was overwritten. */
  etcdKept: 'var/lib/wdrip/etcd-kept',
  /** Peer URLs of members that this one asks whether it may join, one a line. */
  etcdSeeds: 'etc/etcd/seeds',
  /** Its presence lets this node's etcd begin a new cluster, once: `wdrip-node etcd` removes it. */
  etcdFound: 'etc/etcd/found',
  /** Its presence lets this node's etcd go on as a cluster of one with the data that it has, once. */
  etcdForce: 'etc/etcd/force-new-cluster',
} as const;

/** A path below the node's root, as the files on the node name it. */
export function onNode(path: string): string {
  return `${placeholders.root}/${path}`;
}

/** A file that everybody may read. */
export function plainFile(path: string, content: string): NodeFile {
  return { path, mode: 0o644, content };
}

/** A file with a secret in it. */
export function secretFile(path: string, content: string): NodeFile {
  return { path, mode: 0o600, content };
}
