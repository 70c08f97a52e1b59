import { z } from 'zod';

/** A data key as it may be stored: only the account's key opens it. */
export const wrappedKeySchema = z
  .strictObject({
    /** Which key of the account it was wrapped with: for people, and to refuse the wrong one in plain words. */
    with: z.string().min(1).max(512),
    /** Opaque but to that key. */
    wrapped: z.string().min(1).max(8192),
  })
  .readonly();
export type WrappedKey = z.infer<typeof wrappedKeySchema>;

/** A new data key, in both forms. */
export interface DataKey {
  /** 32 bytes. Lives in memory only, as long as one backup or one writer of the change log. */
  readonly plain: Buffer;
  readonly wrapped: WrappedKey;
}

/**
 * The account's key, which never leaves its place: a file on the supervisor's machine, or a key management service. Whoever loses it
 * loses every backup.
 *
 * Codes: `WrongKey` (rejected: it was wrapped with another key, or for something else), `KeyServiceFailed` (retryable or rejected: the
 * service's own words in the message).
 */
export interface AccountKey {
  /** As in `WrappedKey.with`. */
  readonly name: string;
  /** A new data key that can only be unwrapped with the same `purpose` (the cluster and what it is for). */
  generate(purpose: string, signal?: AbortSignal): Promise<DataKey>;
  unwrap(key: WrappedKey, purpose: string, signal?: AbortSignal): Promise<Buffer>;
}
