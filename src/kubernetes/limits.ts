/** Every number that the adapter waits or counts by. Times are in ms. */
export interface KubernetesLimits {
  /** Without proof for this long that the API and the etcd behind it live, nothing is known: a lease's period and a half. */
  readonly staleMs: number;
  /** Between two probes: several must fit into `staleMs`, so that one lost answer is no blindness. */
  readonly probeMs: number;
  /** For one answer to a probe. */
  readonly probeTimeoutMs: number;
  /** For one whole answer to any other call. The API server itself gives up on etcd after about this long. */
  readonly callMs: number;
  /**
   * A watch on which no byte came for this long is opened anew where it left off, which costs one cheap request and finds a
   * connection that hangs. Two lease periods: with any live kubelet the leases' watch is never quiet for that long.
   */
  readonly quietMs: number;
  /** The API server is asked to end a watch after this long, so that connections spread over its replicas again. */
  readonly watchMs: number;
  /** Objects a page of a list: what kubectl asks for. */
  readonly pageSize: number;
  /** First and longest wait before a failed watch, list or call is tried again; jittered between half and all of it. */
  readonly backoffMs: number;
  readonly backoffMostMs: number;
  /** Between two looks at the pods of a node that is being drained. */
  readonly drainPollMs: number;
  /** Before an eviction that a budget refused is asked for again, unless the API names a time. */
  readonly evictionRetryMs: number;
  /** At least this long between two `changed` calls: what changes together is told together. */
  readonly nodesPaceMs: number;
}

export const defaultKubernetesLimits: KubernetesLimits = Object.freeze({
  staleMs: 15_000,
  probeMs: 3_000,
  probeTimeoutMs: 5_000,
  callMs: 10_000,
  quietMs: 20_000,
  watchMs: 300_000,
  pageSize: 500,
  backoffMs: 250,
  backoffMostMs: 10_000,
  drainPollMs: 500,
  evictionRetryMs: 2_000,
  nodesPaceMs: 100,
});
