/** Every program that an instance may run, and that the sandbox needs. */
export const SMALL_PROGRAMS = ['instance-init', 'systemctl', 'instance-agent', 'wdrip-node'] as const;
/** Kubernetes' and etcd's own, which may also come from a folder of the user's or from PATH. */
export const CLUSTER_PROGRAMS = [
  'etcd',
  'etcdctl',
  'etcdutl',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
] as const;
/** Kubernetes' code with nothing of a machine's below it: never taken from elsewhere, since a real one would touch the host. */
export const HOLLOW_PROGRAMS = ['kubelet', 'containerd'] as const;

/** The name of a program. */
export type ProgramName =
  | (typeof SMALL_PROGRAMS)[number]
  | (typeof CLUSTER_PROGRAMS)[number]
  | (typeof HOLLOW_PROGRAMS)[number];

/** Where the programs are. */
export interface ProgramsDir {
  /** One folder that holds every program under its name: on every instance's PATH. */
  readonly tools: string;
  /** The absolute path of one. */
  path(name: ProgramName): string;
}
