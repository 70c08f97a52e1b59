import { z } from 'zod';
import { damaged } from './format/frame.ts';
import { FORMAT } from './manifest.ts';
import { readSigned, signRecord } from './signed.ts';

/** Such a record has some 500 bytes. */
export const MAX_VERIFICATION_BYTES = 16 * 1024;

const count = z.number().int().nonnegative().safe();

const verificationSchema = z
  .strictObject({
    format: z.literal(FORMAT),
    id: z.string(),
    /** When the rehearsal ended, epoch ms. */
    at: count,
    tookMs: count,
    /** From which region's copy. */
    region: z.string(),
    /** Null if it passed; else what was wrong. */
    failed: z.string().nullable(),
    /** What the restored etcd said: the exact revision that the snapshot reaches to. Null if it did not get that far. */
    restored: z
      .strictObject({
        revision: count,
        hash: count,
        hashRevision: count,
        compactRevision: z.number().int(),
        keys: count,
      })
      .readonly()
      .nullable(),
  })
  .readonly();
/** What a rehearsal found: the backup was restored into a scratch etcd, and that had the hash of all keys that the cluster had. */
export type Verification = z.infer<typeof verificationSchema>;

export function writeVerification(verification: Verification, dataKey: Buffer): Buffer {
  return Buffer.from(signRecord(verification, dataKey));
}

/**
 * Throws `BackupDamaged`. Its signature is not checked: the key service would be asked for each; a restore checks what it restores
 * anyway.
 */
export function readVerification(text: string, id: string): Verification {
  const what = `verification of backup ${id}`;
  const parsed = verificationSchema.safeParse(readSigned(text, what).body);
  if (!parsed.success || parsed.data.id !== id) throw damaged(what, 'it has not the form that is written');
  return parsed.data;
}
