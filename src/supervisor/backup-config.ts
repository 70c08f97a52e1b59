import { z } from 'zod';
import type { BackupPolicy } from '../../machines/backup.ts';
import { retentionSchema } from '../backup/retention.ts';
import { durationMs } from './policy-config.ts';

const backupPolicy = z.strictObject({
  takeMs: durationMs.exactOptional(),
  verifyMs: durationMs.exactOptional(),
  pruneMs: durationMs.exactOptional(),
  retryMs: durationMs.exactOptional(),
}) satisfies z.ZodType<Partial<BackupPolicy>>;

const settings = z.strictObject({
  /** A cron expression, in UTC. */
  schedule: z.string().default('*/10 * * * *'),
  /**
   * File with the account's key, its owner's alone (0600); made if there is none. Keep a copy elsewhere: without it no backup can be
   * opened.
   */
  keyFile: z.string().optional(),
  /** Or the id of a key of the key management service, which never leaves it. */
  kmsKeyId: z.string().min(1).optional(),
  /** One bucket a region, of this account. Two at least survive the loss of a region. */
  regions: z
    .array(
      z.strictObject({
        region: z.string(),
        bucket: z.string(),
        endpoint: z.string().optional(),
        sldEnable: z.boolean().default(false),
      }),
    )
    .min(1),
  retention: retentionSchema.prefault({}),
  /** What changes between two backups is shipped every second. */
  changeLog: z.boolean().default(true),
  /** etcd's own programs, to rehearse restores with. Names are looked up in PATH. */
  programs: z
    .strictObject({ etcd: z.string().default('etcd'), etcdutl: z.string().default('etcdutl') })
    .prefault({}),
  policy: backupPolicy.default({}),
});

/** A cluster's backups: how often, where to, and how long they are kept. The credentials are those of `objects` and `cloud`. */
export const backupConfig = settings.refine(
  ({ keyFile, kmsKeyId }) => (keyFile === undefined) !== (kmsKeyId === undefined),
  'name either `keyFile` or `kmsKeyId`: with what backups are encrypted',
);

export type BackupConfig = Readonly<z.infer<typeof backupConfig>>;
