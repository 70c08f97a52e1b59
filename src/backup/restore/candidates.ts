import { type Catalog, type CataloguedBackup, isVerified } from '../catalog.ts';

/** The programs that would run on a restored etcd. */
export interface PresentVersions {
  readonly etcd: string;
  readonly kubernetes: string;
}

/** A backup that is not tried, and why. */
export interface PassedOver {
  readonly id: string;
  /** Undefined: in none. */
  readonly region: string | undefined;
  readonly why: string;
}

/** What may be restored, the best first. */
export interface Candidates {
  readonly candidates: readonly CataloguedBackup[];
  readonly passedOver: readonly PassedOver[];
}

export interface CandidateOptions {
  /** Undefined: whatever version is in the backup will be installed. */
  readonly present?: PresentVersions | undefined;
  /** Leave out those that no rehearsal has passed. */
  readonly verifiedOnly?: boolean | undefined;
  /** Only backups that were begun by then, epoch ms: for going back behind a mistake. */
  readonly until?: number | undefined;
}

/**
 * The newest verified first, then the older verified ones, then those that no rehearsal has passed. One that failed its rehearsal comes
 * last of all. A backup of a newer etcd or Kubernetes than runs now is left out: they don't read what a newer one wrote (safety 57).
 */
export function restoreCandidates(catalog: Catalog, options: CandidateOptions = {}): Candidates {
  const passedOver: PassedOver[] = [];
  const usable = catalog.backups.filter((backup) => {
    const why = whyNot(backup, options);
    if (why !== undefined) passedOver.push({ id: backup.manifest.id, region: undefined, why });
    return why === undefined;
  });
  const rank = ({ verification }: CataloguedBackup) =>
    verification === undefined ? 1 : isVerified({ verification }) ? 0 : 2;
  // A stable sort: within a rank they stay newest first.
  return { candidates: [...usable].sort((a, b) => rank(a) - rank(b)), passedOver };
}

function whyNot(
  { manifest, verification }: CataloguedBackup,
  { present, verifiedOnly = false, until = Number.POSITIVE_INFINITY }: CandidateOptions,
): string | undefined {
  if (manifest.takenAt > until)
    return `it is of ${new Date(manifest.takenAt).toISOString()}, after the time that was asked for`;
  if (verifiedOnly && !isVerified({ verification }))
    return verification?.failed
      ? `its rehearsal failed: ${verification.failed}`
      : 'no rehearsal has passed it';
  if (!present) return undefined;
  for (const [program, now, then] of [
    ['etcd', present.etcd, manifest.etcd.version],
    ['Kubernetes', present.kubernetes, manifest.versions.kubernetes],
  ] as const)
    if (isNewer(minor(then), minor(now)))
      return `it is of ${program} ${then}, and ${now} does not read what a newer one wrote: install ${then} first`;
  return undefined;
}

/** The two numbers that say what is stored how; a version that can't be read is none. */
function minor(version: string): readonly [number, number] {
  const [, major = '0', minorPart = '0'] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return [Number(major), Number(minorPart)];
}

function isNewer(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] !== b[0] ? a[0] > b[0] : a[1] > b[1];
}
