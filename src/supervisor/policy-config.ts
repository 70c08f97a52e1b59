import { z } from 'zod';
import type { NodePolicyChanges } from '../../machines/policy.ts';
import type { QuorumPolicy } from '../../machines/quorum-contract.ts';

export const durationMs = z.number().int().positive();

/** What a pool may change of machines/policy.ts. */
export const nodePolicy = z.strictObject({
  suspectMs: durationMs.exactOptional(),
  joinMs: durationMs.exactOptional(),
  kubeletWaitMs: durationMs.exactOptional(),
  drainMs: durationMs.exactOptional(),
  rebootWaitMs: durationMs.exactOptional(),
  rebootTries: z.number().int().min(1).max(5).exactOptional(),
  resetWaitMs: durationMs.exactOptional(),
  replaceWaitMs: durationMs.exactOptional(),
  actionMs: durationMs.exactOptional(),
  cloudWaitMs: durationMs.exactOptional(),
  throttleMs: durationMs.exactOptional(),
  settleMs: durationMs.exactOptional(),
  recoverRetryMs: durationMs.exactOptional(),
}) satisfies z.ZodType<NodePolicyChanges>;

/** What may be changed of the quorum's numbers (machines/quorum-contract.ts). */
export const quorumPolicy = z.strictObject({
  patienceMs: durationMs.exactOptional(),
  lookAgainMs: durationMs.exactOptional(),
  checkMs: durationMs.exactOptional(),
  checks: z.number().int().min(1).max(60).exactOptional(),
  memberWaitMs: durationMs.exactOptional(),
  changeMs: durationMs.exactOptional(),
  reviveMs: durationMs.exactOptional(),
  lookMs: durationMs.exactOptional(),
  restoreMs: durationMs.exactOptional(),
  throttleMs: durationMs.exactOptional(),
}) satisfies z.ZodType<Partial<QuorumPolicy>>;
