/** An object as the Kubernetes API takes it, of the kinds that a new cluster needs. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'ClusterRoleBinding' | 'Secret';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** A node, as far as whoever waits for it must know. */
export interface NodeReadiness {
  readonly name: string;
  readonly ready: boolean;
  /** Reason and message of the condition `Ready`, in Kubernetes' words; empty before the kubelet's first report. */
  readonly why: string;
}

/** What creating a cluster needs of its API server. Narrower than src/kubernetes, and used once. All methods throw `Failure`. */
export interface ClusterApi {
  /** Resolves if `/readyz` says ok. */
  ready(): Promise<void>;
  /** Server-side apply: made if missing, changed if different. */
  apply(manifests: readonly Manifest[]): Promise<void>;
  nodes(): Promise<readonly NodeReadiness[]>;
  /** Puts labels on a node. `notFound` if there is none of that name. */
  label(node: string, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Closes its connections. */
  close(): void;
}
