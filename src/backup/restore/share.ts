import type { ObjectStore } from '../objects/port.ts';
import { compressedSnapshot, type FetchOptions } from './fetch.ts';

/**
 * Puts a backup's snapshot, decrypted and still compressed, under `name` in the store `to`: what a master fetches (`wdrip-node fetch --zstd`).
 * It goes there as it comes, and is there whole or not at all. Returns the SHA-256, in hex, of what it decompresses to, out of the signed
 * manifest: the master compares it, the first to see those bytes. Throws as `fetchSnapshot` does, and the store's failures.
 */
export async function shareSnapshot(from: FetchOptions, to: ObjectStore, name: string): Promise<string> {
  await to.upload(name, await compressedSnapshot(from), { signal: from.signal });
  return from.backup.manifest.streams.snapshot.plainSha256;
}
