import type { NodePolicy } from '../../machines/policy.ts';

/**
 * The settings that the scenarios run with: the same rules as by default, in shorter times, or a run would take hours. Each stands in
 * the same relation to its neighbours as the default does, but for those that programs here need longer than a scaled-down wait.
 */
export const quickPolicy = {
  // Longer than the node controller's own round of 5 s: nodes that die together are NotReady together only to within that.
  suspectMs: 7_000,
  joinMs: 60_000,
  kubeletWaitMs: 12_000,
  drainMs: 10_000,
  rebootWaitMs: 20_000,
  rebootTries: 2,
  resetWaitMs: 40_000,
  replaceWaitMs: 40_000,
  actionMs: 60_000,
  cloudWaitMs: 60_000,
  throttleMs: 15_000,
  settleMs: 3_000,
  recoverRetryMs: 1_000,
} as const satisfies NodePolicy;

/** The supervisor's own numbers, shortened likewise. */
export const quickSupervisor = {
  cloudPollMs: 2_000,
  cloudPollBusyMs: 500,
  leaseSilentMs: 30_000,
  stormHoldMs: 15_000,
  staleMs: 10_000,
} as const;

/** What `--node-monitor-grace-period` is set to, in s; Kubernetes' own default is 50. */
export const nodeGraceSeconds = 10;

/** How many of the pool's nodes may be away at once. */
export const maxUnavailable = 1;

/** Workers of the cluster that the scenarios share. */
export const workers = 6;

/** The bound for wdrip's own part of a repair, in ms. */
export const mostOwnMs = 2_000;

/** Lines for people that say what is shorter than by default. */
export function settingsHeader(): readonly string[] {
  const line = (values: Readonly<Record<string, number>>) =>
    Object.entries(values)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ');
  return [
    `${workers} workers, one control-plane node, maxUnavailable ${maxUnavailable}, node-monitor-grace-period ${nodeGraceSeconds} s`,
    `policy:     ${line(quickPolicy)}`,
    `supervisor: ${line(quickSupervisor)}`,
  ];
}
