import { rename, rm, stat } from 'node:fs/promises';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { EtcdPrograms } from '../programs.ts';

/**
 * The longest that `etcdutl` may take, in ms: etcd's largest database, 8 GiB, copied at 10 MiB/s. A limit that a large restore meets
 * would restore nothing for ever (safety 54).
 */
const LIMIT_MS = 15 * 60_000;

/**
 * What a restored etcd's revisions are raised by, at least: more than any revision that a client can have seen after the snapshot, so
 * that no watch cache sees time go backwards (safety 45). A thousand million, as OpenShift does it: 11 days of 1000 writes a second since
 * the snapshot.
 */
export const REVISION_BUMP = 1_000_000_000;

const statusSchema = z.object({
  hash: z.number(),
  revision: z.number().int().nonnegative(),
  totalKey: z.number().int().nonnegative(),
  totalSize: z.number().int().nonnegative(),
});

/** What a snapshot's file is. */
export interface SnapshotFileStatus {
  /** The exact revision that it reaches to. */
  readonly revision: number;
  /** Keys with all their revisions. */
  readonly keys: number;
  readonly bytes: number;
}

/** Looks into a snapshot's file. Throws `ProgramFailed` if it is none. */
export async function snapshotStatus(
  programs: EtcdPrograms,
  file: string,
  signal?: AbortSignal,
): Promise<SnapshotFileStatus> {
  const output = await programs.etcdutl(['snapshot', 'status', file, '-w', 'json'], LIMIT_MS, signal);
  const parsed = statusSchema.safeParse(parseJson(output));
  if (!parsed.success)
    throw new Failure({
      kind: 'rejected',
      code: 'ProgramFailed',
      message: `etcdutl snapshot status said something that can't be understood: ${output.slice(0, 200)}`,
    });
  const { revision, totalKey, totalSize } = parsed.data;
  return { revision, keys: totalKey, bytes: totalSize };
}

export interface DataDirectoryOptions {
  readonly programs: EtcdPrograms;
  /**
   * What `fetchSnapshot` has just left here, with all bytes held to the SHA-256 in the manifest: `etcdutl` does not hash them once more
   * (docs/decisions/backup.md).
   */
  readonly snapshot: string;
  /** Is made. It must be on the same file system as its parent. */
  readonly dataDir: string;
  /** The one member of the new cluster. */
  readonly name: string;
  readonly peerUrl: string;
  /** Fresh for each restore: an old peer that still runs can't join with another one (safety 55). The cluster's id comes from it. */
  readonly token: string;
  /** 0 for a rehearsal, which compares hashes: they are of the revisions, too. */
  readonly bump: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a data directory out of a snapshot: one member, its revisions raised and everything below them compacted. What an attempt before
 * has left half done is removed; one that is finished stays as it is, since only a finished one gets the directory's name.
 */
export async function restoreDataDirectory(options: DataDirectoryOptions): Promise<void> {
  const { programs, snapshot, dataDir, name, peerUrl, token, bump, signal } = options;
  if (await exists(dataDir)) return;
  const draft = `${dataDir}.restoring`;
  await rm(draft, { recursive: true, force: true });
  const raised = bump === 0 ? [] : ['--bump-revision', String(bump), '--mark-compacted'];
  await programs.etcdutl(
    [
      'snapshot',
      'restore',
      snapshot,
      '--data-dir',
      draft,
      '--name',
      name,
      '--initial-cluster',
      `${name}=${peerUrl}`,
      '--initial-advertise-peer-urls',
      peerUrl,
      '--initial-cluster-token',
      token,
      '--skip-hash-check',
      ...raised,
    ],
    LIMIT_MS,
    signal,
  );
  await rename(draft, dataDir);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
