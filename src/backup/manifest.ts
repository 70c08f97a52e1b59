import { z } from 'zod';
import { damaged } from './format/frame.ts';
import { type AccountKey, wrappedKeySchema } from './keys/account-key.ts';
import { backupIdPattern } from './names.ts';
import { checkSignature, readSigned, type SignedRecord, signRecord } from './signed.ts';

/** The version of everything that is stored. A reader refuses a newer one. */
export const FORMAT = 1;
/** A manifest has some 3 KiB. */
export const MAX_MANIFEST_BYTES = 64 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative().safe();

const streamSchema = z
  .strictObject({ plainBytes: count, plainSha256: sha256, storedBytes: count, storedSha256: sha256 })
  .readonly();

const keysHashSchema = z
  .strictObject({ hash: count, hashRevision: count, compactRevision: z.number().int() })
  .readonly();

export const manifestSchema = z
  .strictObject({
    format: z.literal(FORMAT),
    id: z.string().regex(backupIdPattern),
    cluster: z.string().min(1),
    /** When it was begun, epoch ms by the taker's clock. */
    takenAt: count,
    /** How long it took until it lay in the first region, in ms. */
    tookMs: count,
    etcd: z
      .strictObject({
        clusterId: z.string().min(1),
        /** Whose revisions these are: the change log that goes on from here has the same one. */
        history: z.string().min(1),
        /** The member it was taken from. */
        memberId: z.string().min(1),
        /** Of etcd, as the member says. */
        version: z.string().min(1),
        /** It holds everything up to this revision, and perhaps some more: what was written while it began. */
        revision: count,
        /** At that time: for the revision bump of a restore, and to tell which of two is the newer. */
        raftTerm: count,
        raftIndex: count,
        /**
         * The hash of all keys at `revision`, once for each compaction that was current meanwhile: a restored etcd must have one of them.
         */
        hashes: z.array(keysHashSchema).min(1).readonly(),
      })
      .readonly(),
    versions: z.strictObject({ wdrip: z.string(), kubernetes: z.string() }).readonly(),
    /** The data key. */
    key: wrappedKeySchema,
    streams: z.strictObject({ snapshot: streamSchema, mind: streamSchema }).readonly(),
  })
  .readonly();
export type Manifest = z.infer<typeof manifestSchema>;

/** A manifest as it was read: whole, but not yet proven to be ours. */
export interface ReadManifest {
  readonly manifest: Manifest;
  readonly record: SignedRecord;
}

/** The purpose with which a backup's data key is wrapped. */
export function purposeOf(cluster: string, id: string): string {
  return `wdrip backup 1/${cluster}/${id}`;
}

export function writeManifest(manifest: Manifest, dataKey: Buffer): Buffer {
  return Buffer.from(signRecord(manifest, dataKey));
}

/** Throws `BackupDamaged` for anything that is no manifest of this cluster under its own name. */
export function readManifest(text: string, cluster: string, id: string): ReadManifest {
  const what = `manifest of backup ${id}`;
  const record = readSigned(text, what);
  const parsed = manifestSchema.safeParse(record.body);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path, message }) => `${path.map(String).join('.')}: ${message}`,
    );
    throw damaged(what, `it has not the form of version ${FORMAT} (${issues.slice(0, 3).join('; ')})`);
  }
  if (parsed.data.cluster !== cluster || parsed.data.id !== id)
    throw damaged(what, `it is that of backup ${parsed.data.id} of ${parsed.data.cluster}`);
  return { manifest: parsed.data, record };
}

/** The data key of a backup, and with it the proof that the manifest is ours. Throws the account key's failures, and `BackupDamaged`. */
export async function openManifest(
  { manifest, record }: ReadManifest,
  key: AccountKey,
  signal?: AbortSignal,
): Promise<Buffer> {
  const dataKey = await key.unwrap(manifest.key, purposeOf(manifest.cluster, manifest.id), signal);
  checkSignature(record, dataKey, `manifest of backup ${manifest.id}`);
  return dataKey;
}
