import type { QuorumPolicy } from '../../../machines/quorum-contract.ts';
import { quickPolicy } from '../settings.ts';

/** The masters' own ladders: as the workers', with the time that an API server and an etcd member need to come up. */
export const quickMasterPolicy = {
  ...quickPolicy,
  rebootWaitMs: 30_000,
  resetWaitMs: 60_000,
  replaceWaitMs: 90_000,
  actionMs: 90_000,
} as const;

/** The quorum's numbers, shortened: the same rules, in a third of the time. */
export const quickQuorumPolicy = {
  patienceMs: 8_000,
  lookAgainMs: 2_000,
  checkMs: 3_000,
  checks: 6,
  memberWaitMs: 15_000,
  changeMs: 90_000,
  reviveMs: 60_000,
  lookMs: 60_000,
  restoreMs: 300_000,
  throttleMs: 15_000,
} as const satisfies QuorumPolicy;

/** Backups by the schedule are too seldom for a run: the scenarios ask for one when they need it. */
export const quickSchedule = '*/5 * * * *';

/** The bounds, in ms: from the confirmed loss to a writable API, and wdrip's own part of it. */
export const mostRestoreMs = 90_000;
export const mostOwnRestoreMs = 5_000;
/** An outage that every client sees while a quorum holds: an election, and the balancer's own two checks. */
export const mostGapMs = 5_000;
