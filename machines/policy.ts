/**
 * Every number that the node machine waits by. All are settings of a node pool; these are their defaults, and the reason of each
 * stands beside it. Times are in ms.
 */
export interface NodePolicy {
  /** How long a node must stay NotReady before anything is done: two heartbeat periods of the kubelet (2 × 10 s). */
  readonly suspectMs: number;
  /** How long a new instance may take to join before it counts as broken. A fresh body takes minutes, not seconds (safety 9). */
  readonly joinMs: number;
  /** From a kubelet restart to Ready: registering again takes seconds. */
  readonly kubeletWaitMs: number;
  /** The most that a drain may take, whatever disruption budgets say (safety 27). */
  readonly drainMs: number;
  /** From a reboot or a start to Ready. */
  readonly rebootWaitMs: number;
  /** How often the instance is rebooted in one climb; from the second time on by force, since a soft reboot can hang (safety 31). */
  readonly rebootTries: number;
  /** From a new system disk to Ready: the node initialises from nothing. */
  readonly resetWaitMs: number;
  /** From a new instance to Ready. */
  readonly replaceWaitMs: number;
  /** The most that a rung's own work (stop, new disk, start) may take; after it the next rung is tried. */
  readonly actionMs: number;
  /** How long the cloud may take over a repair of its own, or an instance over a change of state, before the ladder goes on. */
  readonly cloudWaitMs: number;
  /** Rest after a failed climb. */
  readonly throttleMs: number;
  /** How long Ready must hold before the ladder starts from the bottom again. */
  readonly settleMs: number;
  /** Rest before another try to lift wdrip's cordon and marks, when that failed. */
  readonly recoverRetryMs: number;
}

export const defaultNodePolicy: NodePolicy = Object.freeze({
  suspectMs: 20_000,
  joinMs: 300_000,
  kubeletWaitMs: 60_000,
  drainMs: 120_000,
  rebootWaitMs: 180_000,
  rebootTries: 2,
  resetWaitMs: 300_000,
  replaceWaitMs: 300_000,
  actionMs: 600_000,
  cloudWaitMs: 900_000,
  throttleMs: 600_000,
  settleMs: 30_000,
  recoverRetryMs: 10_000,
});

/** What a pool changes of the defaults. Kept small, since every actor carries it. */
export type NodePolicyChanges = { readonly [K in keyof NodePolicy]?: NodePolicy[K] };

/** A setting as it holds for a node: the pool's own value, or else the default. */
export function policyValue<K extends keyof NodePolicy>(changes: NodePolicyChanges, key: K): NodePolicy[K] {
  return changes[key] ?? defaultNodePolicy[key];
}
