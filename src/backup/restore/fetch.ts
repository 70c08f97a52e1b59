import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type CataloguedBackup, isVerified } from '../catalog.ts';
import { streamKey } from '../format/frame.ts';
import type { AccountKey } from '../keys/account-key.ts';
import { openManifest } from '../manifest.ts';
import { type ClusterMind, unpackMind } from '../mind.ts';
import { namesOf, type StreamName } from '../names.ts';
import type { ObjectStore } from '../objects/port.ts';
import { readBack, type StoredStream, storedContent } from '../read-back.ts';

/** The database of a cluster is its secrets: nobody else reads it. */
const PRIVATE = 0o600;
/** Pieces that are being written at the same time, while more are fetched. */
const PARALLEL_WRITES = 4;

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
  const content = storedContent(await storedStream(options, 'snapshot'), options.signal);
  try {
    await write(content, draft, options.signal);
    await rename(draft, file);
  } catch (caught) {
    await rm(draft, { force: true });
    throw caught;
  }
}

async function write(content: AsyncIterable<Buffer>, file: string, signal?: AbortSignal): Promise<void> {
  const handle = await open(file, 'w', PRIVATE);
  const writing: Promise<void>[] = [];
  let at = 0;
  try {
    for await (const piece of content) {
      signal?.throwIfAborted();
      const written = writeAll(handle, piece, at);
      // It is awaited in its turn; until then a failure of it must not count as one that nobody handles.
      written.catch(() => undefined);
      writing.push(written);
      at += piece.length;
      if (writing.length > PARALLEL_WRITES) await writing.shift();
    }
    await Promise.all(writing);
  } finally {
    await Promise.allSettled(writing);
    await handle.close();
  }
}

/** What a disk takes in several goes is written in several. */
async function writeAll(handle: FileHandle, piece: Buffer, at: number): Promise<void> {
  for (let done = 0; done < piece.length; )
    done += (await handle.write(piece, done, piece.length - done, at + done)).bytesWritten;
}

/** Where the sealed snapshot is, what it must be, and what opens it. Throws the key's failures, and `BackupDamaged`. */
export function snapshotStream(options: FetchOptions): Promise<StoredStream> {
  return storedStream(options, 'snapshot');
}

/**
 * Reads the snapshot through to its end: returns if it can be restored from this region. Of a backup whose rehearsal has passed the stored
 * bytes are compared, since the same ones were opened then; any other is opened. Throws as `fetchSnapshot`.
 */
export async function readThrough(options: FetchOptions): Promise<void> {
  const depth = isVerified(options.backup) ? 'bytes' : 'content';
  await readBack(await storedStream(options, 'snapshot'), depth, options.signal);
}

/** The cluster's spec, keys and pools out of a backup. */
export async function fetchMind(options: FetchOptions): Promise<ClusterMind> {
  return unpackMind(await buffer(storedContent(await storedStream(options, 'mind'), options.signal)));
}

async function storedStream(
  { backup, store, key, signal }: FetchOptions,
  name: StreamName,
): Promise<StoredStream> {
  const { cluster, id, streams } = backup.manifest;
  const dataKey = await openManifest(backup, key, signal);
  return {
    store,
    key: namesOf(cluster).stream(id, name),
    facts: streams[name],
    stream: streamKey(dataKey, `backup ${id} of ${cluster}`, name),
  };
}
