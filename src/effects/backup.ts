import type { BackupEffects } from '../../machines/backup.ts';
import { Failure } from '../failure.ts';
import type { Effect } from '../runtime/types.ts';
import { asEffect } from './as-effect.ts';
import type { BackupWorld } from './backup/world.ts';

/** A schedule that fires at once would fire for ever; and a timer can't wait longer than this. In ms. */
const leastMs = 1_000;
const mostMs = 2 ** 31 - 1;

/** Everything that the backup machine invokes, by the names that it uses. */
export function backupEffects(world: BackupWorld): Readonly<Record<keyof BackupEffects, Effect>> {
  return {
    planBackup: asEffect<BackupEffects['planBackup']>(async ({ schedule }, { clock }) => {
      const now = clock.now();
      return { at: now, waitMs: Math.min(mostMs, Math.max(leastMs, world.nextRun(schedule, now) - now)) };
    }),
    // Asked again after a crash it takes another: the half of the first is nobody's, and is swept.
    takeBackup: asEffect<BackupEffects['takeBackup']>(async ({ reason }, { clock, signal }) => {
      const backup = await world.take(reason, signal);
      return { at: clock.now(), backup };
    }),
    verifyBackup: asEffect<BackupEffects['verifyBackup']>(async ({ backup }, { clock, signal }) => {
      if (backup === null)
        throw new Failure({ kind: 'rejected', code: 'NoBackup', message: 'there is no backup to verify' });
      await world.verify(backup.key, signal);
      return { at: clock.now() };
    }),
    pruneBackups: asEffect<BackupEffects['pruneBackups']>(async (_, { clock, signal }) => {
      await world.prune(signal);
      return { at: clock.now() };
    }),
    reportBackupTrouble: asEffect<BackupEffects['reportBackupTrouble']>(
      async ({ failures, because }, { clock }) => {
        await world.tell(failures, because);
        return { at: clock.now() };
      },
    ),
  };
}
