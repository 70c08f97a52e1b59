import type { BackupFacts } from '../../../machines/backup.ts';
import type { Log } from '../../log.ts';

/** What the effects of backups act on. */
export interface BackupWorld {
  readonly log: Log;
  /** When the schedule is next due after `now`, both in epoch ms. */
  nextRun(schedule: string, now: number): number;
  take(reason: string, signal: AbortSignal): Promise<BackupFacts>;
  /** Throws `Failure` `RehearsalFailed` (rejected) if it can't be restored. */
  verify(key: string, signal: AbortSignal): Promise<void>;
  prune(signal: AbortSignal): Promise<void>;
  tell(failures: number, because: string): Promise<void>;
}
