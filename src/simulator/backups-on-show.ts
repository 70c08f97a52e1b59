import type { ShippingFigures } from '../backup/change-log/ship.ts';
import type { BackupFigures } from '../backup/figures.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { BackupsOnShow } from '../supervisor/backup-service.ts';
import type { Vault, VaultBackup } from './world/vault.ts';

/** What people are shown of the simulated backups. Sizes are made up: a backup has as many bytes as its history has entries. */
export function backupsOnShow(parts: {
  readonly vault: Vault;
  readonly clock: Clock;
  readonly shipped: () => ShippingFigures | null;
}): BackupsOnShow {
  const { vault, clock, shipped } = parts;
  const figure = (backup: VaultBackup): BackupFigures => ({
    id: backup.id,
    takenAt: backup.takenAt,
    ageMs: Math.max(0, clock.now() - backup.takenAt),
    snapshotBytes: backup.index,
    storedBytes: backup.index,
    revision: backup.revision,
    regions: [...vault.readableIn(backup)],
    verifiedAt: backup.verified ? (backup.verifiedAt ?? backup.takenAt) : null,
    failed: null,
  });
  return {
    shipped,
    async figures() {
      const unreached = vault.regions.filter((region) => vault.gone.has(region));
      const backups = unreached.length === vault.regions.length ? [] : vault.backups.map(figure);
      const changeLog = shipped();
      return {
        backups,
        newestVerifiedAgeMs: backups.find(({ verifiedAt }) => verifiedAt !== null)?.ageMs ?? null,
        unreached,
        lossMs: backups.length === 0 ? null : (changeLog?.lagMs ?? backups[0]?.ageMs ?? null),
        changeLog,
        problems: vault.backups.reduce(
          (sum, { whole }) => sum + vault.regions.filter((region) => !whole.has(region)).length,
          0,
        ),
      };
    },
    async check(id) {
      const backup = vault.find(id ?? vault.backups[0]?.id ?? '');
      const whole = vault.readableIn(backup);
      if (whole.length === 0)
        throw new Failure({
          kind: 'rejected',
          code: 'RehearsalFailed',
          message: `the backup ${backup.id} is damaged`,
        });
      const damaged = vault.regions.filter((region) => !whole.includes(region));
      return { id: backup.id, whole, problems: damaged.map((region) => `no whole copy in ${region}`) };
    },
  };
}
