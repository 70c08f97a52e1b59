import { type Catalog, isVerified } from './catalog.ts';
import type { ShippingFigures } from './change-log/ship.ts';

/** One backup, as people see it. Times in epoch ms, sizes in bytes. */
export interface BackupFigures {
  readonly id: string;
  readonly takenAt: number;
  readonly ageMs: number;
  /** What etcd gave, and what is stored in each region. */
  readonly snapshotBytes: number;
  readonly storedBytes: number;
  readonly revision: number;
  readonly regions: readonly string[];
  /** When a rehearsal passed; null: none did yet, or the last one failed. */
  readonly verifiedAt: number | null;
  /** Why the last rehearsal failed. */
  readonly failed: string | null;
}

/** A cluster's backups at a glance. */
export interface ClusterBackupFigures {
  /** The newest first. */
  readonly backups: readonly BackupFigures[];
  /** How old the newest verified one is, in ms; null: there is none, which is an alarm. */
  readonly newestVerifiedAgeMs: number | null;
  /** Regions that did not answer. */
  readonly unreached: readonly string[];
  /**
   * How much would be lost now, in ms, if all masters were: the change log's lag, or without one the age of the newest backup. Null:
   * everything.
   */
  readonly lossMs: number | null;
  readonly changeLog: ShippingFigures | null;
  /** Damaged and foreign objects. */
  readonly problems: number;
}

export function backupFigures(
  catalog: Catalog,
  changeLog: ShippingFigures | null,
  now: number,
): ClusterBackupFigures {
  const backups = catalog.backups.map((backup): BackupFigures => {
    const { manifest, verification } = backup;
    const { snapshot, mind } = manifest.streams;
    return {
      id: manifest.id,
      takenAt: manifest.takenAt,
      ageMs: Math.max(0, now - manifest.takenAt),
      snapshotBytes: snapshot.plainBytes,
      storedBytes: snapshot.storedBytes + mind.storedBytes,
      revision: manifest.etcd.revision,
      regions: backup.regions,
      verifiedAt: isVerified(backup) ? (verification?.at ?? null) : null,
      failed: verification?.failed ?? null,
    };
  });
  const newestVerified = backups.find(({ verifiedAt }) => verifiedAt !== null);
  return {
    backups,
    newestVerifiedAgeMs: newestVerified?.ageMs ?? null,
    unreached: catalog.regions.filter(({ reached }) => !reached).map(({ region }) => region),
    lossMs: backups.length === 0 ? null : (changeLog?.lagMs ?? backups[0]?.ageMs ?? null),
    changeLog,
    problems: catalog.problems.length,
  };
}
