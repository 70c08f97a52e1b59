import { z } from 'zod';

const hour = 3_600_000;
const day = 24 * hour;

/** How many backups are kept. */
export const retentionSchema = z
  .strictObject({
    /** The newest verified ones. */
    newest: z.number().int().min(1).max(1000).default(4),
    /** The newest verified one of each of so many hours that have one. */
    hourly: z.number().int().min(0).max(1000).default(24),
    /** The same of days (UTC). */
    daily: z.number().int().min(0).max(1000).default(7),
    /** The newest of those that no rehearsal has passed yet. They take no verified one's place (safety 50). */
    unverified: z.number().int().min(1).max(1000).default(8),
    /** In ms. Nothing younger is removed: it may be on its way to being verified, or in use. */
    minimumAgeMs: z
      .number()
      .int()
      .min(0)
      .default(30 * 60_000),
    /** In ms. How far back the change log is kept: between two backups that are older only the backups themselves can be restored. */
    changeLogMs: z
      .number()
      .int()
      .min(hour)
      .default(6 * hour),
  })
  .readonly();
export type RetentionPolicy = z.infer<typeof retentionSchema>;
export const defaultRetention: RetentionPolicy = retentionSchema.parse({});

/** What retention knows of a backup. */
export interface RetainedBackup {
  readonly id: string;
  readonly takenAt: number;
  readonly verified: boolean;
}

/** What stays, with the reason, and what goes. */
export interface RetentionDecision {
  readonly keep: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/**
 * Decides about one region's backups, given the newest first. The newest verified one always stays, the newest of all stays, and as long as
 * none is verified the unverified ones are kept as verified ones would be.
 */
export function retain(
  newestFirst: readonly RetainedBackup[],
  policy: RetentionPolicy,
  now: number,
): RetentionDecision {
  const keep = new Map<string, string>();
  const mark = (backup: RetainedBackup | undefined, why: string) => {
    if (backup && !keep.has(backup.id)) keep.set(backup.id, why);
  };
  const verified = newestFirst.filter((backup) => backup.verified);
  const unverified = newestFirst.filter((backup) => !backup.verified);
  mark(verified[0], 'the newest verified one');
  mark(newestFirst[0], 'the newest one');
  for (const backup of newestFirst)
    if (now - backup.takenAt < policy.minimumAgeMs) mark(backup, 'too young to be removed');
  const counted = verified.length > 0 ? verified : unverified;
  for (const backup of counted.slice(0, policy.newest)) mark(backup, `one of the newest ${policy.newest}`);
  for (const [span, count, name] of [
    [hour, policy.hourly, 'hour'],
    [day, policy.daily, 'day'],
  ] as const)
    for (const backup of newestOfEach(counted, span, count)) mark(backup, `the newest one of its ${name}`);
  for (const backup of unverified.slice(0, policy.unverified)) mark(backup, 'not verified yet');
  return { keep, remove: newestFirst.filter(({ id }) => !keep.has(id)).map(({ id }) => id) };
}

/** The newest backup in each of the newest `count` spans of time that have one. */
function newestOfEach(
  newestFirst: readonly RetainedBackup[],
  span: number,
  count: number,
): readonly RetainedBackup[] {
  const spans = new Map<number, RetainedBackup>();
  for (const backup of newestFirst) {
    const at = Math.floor(backup.takenAt / span);
    if (!spans.has(at)) spans.set(at, backup);
  }
  return [...spans]
    .sort(([a], [b]) => b - a)
    .slice(0, count)
    .map(([, backup]) => backup);
}
