import { type Catalog, type CataloguedBackup, isVerified } from '../catalog.ts';

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
  /** Leave out those that no rehearsal has passed. */
  readonly verifiedOnly?: boolean | undefined;
  /** Only backups that were begun by then, epoch ms: for going back behind a mistake. */
  readonly until?: number | undefined;
}

/**
 * The newest verified first, then the older verified ones, then those that no rehearsal has passed. One that failed its rehearsal comes
 * last of all. A backup of a newer etcd or Kubernetes than runs now is left out: they don't read what a newer one wrote (safety 57). What
 * runs now is what the newest backup says that ran then: the cluster may have gone back to an older version since others were taken.
 */
export function restoreCandidates(catalog: Catalog, options: CandidateOptions = {}): Candidates {
  const passedOver: PassedOver[] = [];
  const usable = catalog.backups.filter((backup) => {
    const why = whyNot(backup, catalog.backups[0], options);
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
  newest: CataloguedBackup | undefined,
  { verifiedOnly = false, until = Number.POSITIVE_INFINITY }: CandidateOptions,
): string | undefined {
  if (manifest.takenAt > until)
    return `it is of ${new Date(manifest.takenAt).toISOString()}, after the time that was asked for`;
  if (verifiedOnly && !isVerified({ verification }))
    return verification?.failed
      ? `its rehearsal failed: ${verification.failed}`
      : 'no rehearsal has passed it';
  if (newest === undefined) return undefined;
  const present = newest.manifest;
  for (const [program, now, then] of [
    ['etcd', present.etcd.version, manifest.etcd.version],
    ['Kubernetes', present.versions.kubernetes, manifest.versions.kubernetes],
  ] as const)
    if (isNewer(minor(then), minor(now)))
      return `it is of ${program} ${then}, and ${now} does not read what a newer one wrote: install ${then} first`;
  return undefined;
}

type Minor = readonly [number, number];

/** The two numbers that say what is stored how. */
function minor(version: string): Minor | null {
  const [, major, minorPart] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return major === undefined ? null : [Number(major), Number(minorPart)];
}

/** A version that nobody knows is not newer, and nothing is newer than it. */
function isNewer(a: Minor | null, b: Minor | null): boolean {
  if (a === null || b === null) return false;
  return a[0] !== b[0] ? a[0] > b[0] : a[1] > b[1];
}
