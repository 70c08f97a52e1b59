import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { CataloguedBackup } from '../catalog.ts';
import { streamKey } from '../format/frame.ts';
import type { AccountKey } from '../keys/account-key.ts';
import { openManifest } from '../manifest.ts';
import { type ClusterMind, unpackMind } from '../mind.ts';
import { namesOf, type StreamName } from '../names.ts';
import type { ObjectStore } from '../objects/port.ts';
import { storedContent } from '../read-back.ts';

/** The database of a cluster is its secrets: nobody else reads it. */
const PRIVATE = 0o600;

/** What one backup in one region is read with. */
export interface FetchOptions {
  readonly backup: CataloguedBackup;
  readonly store: ObjectStore;
  readonly key: AccountKey;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings a snapshot into a file: download, decrypt and decompress as one stream, and every check on the way. The file gets its name only
 * when all of it was right: one that is there is whole. Throws `BackupDamaged`, the store's and the key's failures.
 */
export async function fetchSnapshot(options: FetchOptions, file: string): Promise<void> {
  const draft = `${file}.fetching`;
  const content = await openSnapshot(options);
  try {
    await pipeline(
      Readable.from(content, { objectMode: false }),
      createWriteStream(draft, { mode: PRIVATE }),
      {
        signal: options.signal,
      },
    );
    await rename(draft, file);
  } catch (caught) {
    await rm(draft, { force: true });
    throw caught;
  }
}

/**
 * The snapshot as a stream, to hand on: `manifest.streams.snapshot` says its size and SHA-256. It counts only when the iteration has
 * ended without a failure. Throws the key's failures at once, `BackupDamaged` and the store's on the way.
 */
export function openSnapshot(options: FetchOptions): Promise<AsyncIterable<Buffer>> {
  return contentOf(options, 'snapshot');
}

/** The cluster's spec, keys and pools out of a backup. */
export async function fetchMind(options: FetchOptions): Promise<ClusterMind> {
  return unpackMind(await buffer(await contentOf(options, 'mind')));
}

async function contentOf(
  { backup, store, key, signal }: FetchOptions,
  name: StreamName,
): Promise<AsyncIterable<Buffer>> {
  const { cluster, id, streams } = backup.manifest;
  const dataKey = await openManifest(backup, key, signal);
  return storedContent(
    {
      store,
      key: namesOf(cluster).stream(id, name),
      facts: streams[name],
      stream: streamKey(dataKey, `backup ${id} of ${cluster}`, name),
    },
    signal,
  );
}
