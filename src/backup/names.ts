/**
 * Where everything of a cluster's backups lies in a bucket. The listing of these names is the index: no object is ever read, changed and
 * written back, so that no two writers can spoil it. Names begin with the time, and so sort by it.
 *
 *     wdrip/backup/CLUSTER/data/ID/{snapshot,mind}         sealed streams, written first
 *     wdrip/backup/CLUSTER/manifests/ID.json               written last: without it there is no backup
 *     wdrip/backup/CLUSTER/verifications/ID/TIME-{passed,failed}.json
 *     wdrip/backup/CLUSTER/log/HISTORY/FIRST-LAST-PREVIOUS-OWN   a segment of the change log
 */
export interface BackupNames {
  readonly manifests: string;
  readonly data: string;
  readonly verifications: string;
  readonly log: string;
  manifest(id: string): string;
  stream(id: string, stream: StreamName): string;
  verification(id: string, at: number, passed: boolean): string;
}

/** What a backup consists of. `mind`: all that is not in etcd (mind.ts). */
export const streamNames = ['snapshot', 'mind'] as const;
export type StreamName = (typeof streamNames)[number];

export function namesOf(cluster: string): BackupNames {
  const root = `wdrip/backup/${cluster}/`;
  return {
    manifests: `${root}manifests/`,
    data: `${root}data/`,
    verifications: `${root}verifications/`,
    log: `${root}log/`,
    manifest: (id) => `${root}manifests/${id}.json`,
    stream: (id, stream) => `${root}data/${id}/${stream}`,
    verification: (id, at, passed) =>
      `${root}verifications/${id}/${compactTime(at)}-${passed ? 'passed' : 'failed'}.json`,
  };
}

/** Digits of a revision in a name: more than JavaScript's integers have. */
const REVISION_DIGITS = 16;
/** Tells two backups of the same second apart. */
export const ID_RANDOM_BYTES = 4;

/** A backup's id: when it was begun, the revision that it holds at least, and chance. */
export function backupId(at: number, revision: number, chance: string): string {
  return `${compactTime(at)}-${paddedRevision(revision)}-${chance}`;
}

/** Exactly what `backupId` gives. */
export const backupIdPattern = /^\d{8}T\d{6}Z-\d{16}-[0-9a-f]{8}$/;

/** A revision such that names sort by it. */
export function paddedRevision(revision: number): string {
  return String(revision).padStart(REVISION_DIGITS, '0');
}

/** `20261124T173548Z`. */
export function compactTime(at: number): string {
  return new Date(at)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:]/g, '');
}

/** A region as the cloud's API and signatures have it: object storage also calls it `oss-REGION`. */
export function plainRegion(region: string): string {
  return region.replace(/^oss-/, '');
}
