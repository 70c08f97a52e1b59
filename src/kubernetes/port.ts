/**
 * What wdrip needs of the Kubernetes API, in its own words. All methods throw `Failure` (src/failure.ts). Times are epoch ms of the
 * injected clock: a remote timestamp is never compared with it (safety 61).
 */

/** A Node object, as far as a repair decides on it. */
export interface NodeFacts {
  readonly name: string;
  readonly uid: string;
  /** From `spec.providerID` (`<region>.<instance id>`), or else from the node's name (`<private ip>.<instance id>`); else null. */
  readonly instanceId: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Status of the condition `Ready`; `Absent` if the kubelet has not reported it yet. */
  readonly ready: 'True' | 'False' | 'Unknown' | 'Absent';
  /** Reason of the condition `Ready`, such as `NodeStatusUnknown`. */
  readonly reason: string;
  readonly unschedulable: boolean;
  /** True if `unschedulable` was set by wdrip: only then does wdrip lift it. */
  readonly cordonedByWdrip: boolean;
}

/**
 * What has been seen so far. It lives: read later it says what is known later, and never less than was told. So nothing is copied for a
 * change, whatever the size of the cluster. `nodes` is never a partial list: it is replaced only by a complete one, and then follows the
 * watch. A `NodeFacts` itself does not change.
 */
export interface KubernetesView {
  readonly nodes: ReadonlyMap<string, NodeFacts>;
  /**
   * When we saw the node's lease in kube-node-lease (or, without one, its status) last change, by our clock; undefined if never. It is
   * asked for when somebody wants to know: of a healthy cluster heartbeats are all that ever happens.
   */
  heartbeatAt(node: string): number | undefined;
}

/** Names of the nodes that came, went or changed; `all`: whatever was known before may be wrong. */
export type TouchedNodes = ReadonlySet<string> | 'all';

export interface KubernetesWatcher {
  /**
   * Nodes changed since the last call. Called at most once per turn of the event loop, however many changes arrived, and at most ten times
   * a second. Heartbeats are not told. A view other than the last one comes with `all`.
   */
  changed(view: KubernetesView, touched: TouchedNodes): void;
  /**
   * Sight was lost: the API can't be reached, or the watch has proved nothing for `staleMs`; or it returned. The first call after
   * `watch` is `sighted` or `blind`. `changed` is called (with a fresh complete list) before `sighted`. `blind` is told again when
   * its reason becomes another one.
   */
  sight(state: 'sighted' | 'blind', why: string): void;
}

export interface DrainProgress {
  /** Pods that the drain wants away: neither DaemonSet nor mirror pods. */
  readonly total: number;
  readonly evicted: number;
  /** Refused by a disruption budget so far, as `namespace/name`. */
  readonly blocked: readonly string[];
  /** Still there (being deleted, or blocked). */
  readonly left: number;
}

export interface Kubernetes {
  /** Watches Nodes and their leases until `stop` is called. Resumes, re-lists on 410, backs off, never gives up. */
  watch(watcher: KubernetesWatcher): { stop(): Promise<void> };

  /**
   * Marks the node unschedulable and as cordoned by wdrip, by `attempt` (or else the time). One that is already unschedulable is left as
   * it is, unmarked: a person's. Throws `notFound`. Once the signal is aborted nothing is sent any more; what is on its way may still land.
   */
  cordon(node: string, attempt?: string, signal?: AbortSignal): Promise<void>;
  /** Lifts a cordon only if wdrip set it. A node that does not exist is no error. */
  uncordon(node: string, signal?: AbortSignal): Promise<void>;
  /** Sets (or with null removes) annotations on the Node. A node that does not exist is no error. */
  annotate(
    node: string,
    annotations: Readonly<Record<string, string | null>>,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * Evicts the node's pods through the eviction API, so that disruption budgets hold (429 is retried), until all are gone or
   * `deadlineMs` from now. From a node that is `unreachable` nothing can confirm a deletion: there a pod counts as away once it is
   * marked for deletion, and pods with volumes (PersistentVolumeClaims) are left alone (safety 27, 29). Never throws for a budget.
   */
  drain(
    node: string,
    options: { readonly deadlineMs: number; readonly unreachable: boolean; readonly signal: AbortSignal },
  ): Promise<DrainProgress>;
  /**
   * Deletes the node's remaining pods and its VolumeAttachments without waiting for anybody: only after the cloud has said that
   * the instance is Stopped or gone (safety 28, 29). Returns how many pods that were. The signal as for `cordon`: whoever asks again later must
   * not meet an instance that has been started since.
   */
  releasePods(node: string, signal?: AbortSignal): Promise<number>;
  /** Deletes the Node object. One that does not exist is no error. The signal as for `cordon`. */
  deleteNode(node: string, signal?: AbortSignal): Promise<void>;
  /** Writes an Event on the Node (in the namespace `default`, as kubelets do). Events of the same `key` are counted up, not repeated. */
  event(entry: {
    readonly node: string;
    readonly type: 'Normal' | 'Warning';
    /** CamelCase, such as `RestartingKubelet`. */
    readonly reason: string;
    readonly message: string;
    readonly key: string;
  }): Promise<void>;
  /** Makes a bootstrap token (`abcdef.0123456789abcdef`) that lives `ttlMs`, for one node to join with. */
  createBootstrapToken(options: { readonly ttlMs: number; readonly description: string }): Promise<string>;
  /** Version of the API server that answers, such as `v1.36.3`. */
  version(): Promise<string>;
}

/** Labels and annotations that wdrip reads and writes. Users see them: they don't change. */
export const kubernetesNames = {
  /** Label of a node: the id of its pool. */
  pool: 'np.wdrip.io/id',
  /** Annotation: set on a cordon that wdrip made, to the attempt that made it. */
  cordoned: 'wdrip.io/cordoned',
  /** Annotation: the rung that is at work, so that other repair systems can see it. */
  repair: 'wdrip.io/repair',
  /** Annotation that a person may set to `true`: wdrip leaves this node alone. */
  paused: 'wdrip.io/paused',
} as const;
