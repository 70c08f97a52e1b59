import type { Kubernetes } from '../../src/kubernetes/port.ts';

/** A pod as a contract case wants it. Bound to its node, and running unless said otherwise. */
export interface StagedPod {
  readonly name: string;
  readonly node: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly daemon?: boolean;
  readonly mirror?: boolean;
  readonly completed?: boolean;
  /** Name of the PersistentVolumeClaim that it mounts. */
  readonly claim?: string;
}

/**
 * What a contract case plays on: the port under test, and the rest of the cluster (kubelets, controllers, people), who act on it behind
 * the port's back. One stage may be used by many cases: each names its own nodes. All pods are in the namespace `default`.
 */
export interface Stage {
  readonly kubernetes: Kubernetes;
  addNode(
    name: string,
    options?: { readonly providerId?: string; readonly labels?: Record<string, string> },
  ): Promise<void>;
  /** The kubelet (or, for Unknown, the controller) reports the condition Ready. */
  setReady(node: string, ready: 'True' | 'False' | 'Unknown'): Promise<void>;
  /** The kubelet renews its lease, making it if there is none. */
  renewLease(node: string): Promise<void>;
  removeNode(name: string): Promise<void>;
  /** What is in the API, or null. */
  node(name: string): Promise<{
    readonly uid: string;
    readonly unschedulable: boolean;
    readonly annotations: Readonly<Record<string, string>>;
  } | null>;
  /** A person's `kubectl cordon` and `kubectl uncordon`. */
  personCordons(node: string): Promise<void>;
  personUncordons(node: string): Promise<void>;
  addPod(pod: StagedPod): Promise<void>;
  /** The node's pods, by name, and whether each is marked for deletion. */
  pods(node: string): Promise<ReadonlyMap<string, { readonly deleting: boolean }>>;
  /** The kubelet confirms the deletion of all pods of the node that are marked for it. */
  confirmDeletions(node: string): Promise<void>;
  /** A disruption budget over pods with these labels that allows `allowed` disruptions now. Made, or changed. */
  setBudget(name: string, labels: Readonly<Record<string, string>>, allowed: number): Promise<void>;
  addVolumeAttachment(name: string, node: string): Promise<void>;
  volumeAttachments(node: string): Promise<readonly string[]>;
  /** What `kubectl describe node` would show of wdrip's events. */
  events(node: string): Promise<
    readonly {
      readonly reason: string;
      readonly type: string;
      readonly message: string;
      readonly count: number;
    }[]
  >;
  /** The bootstrap token's data, by its id. */
  bootstrapToken(id: string): Promise<Readonly<Record<string, string>> | null>;
}
