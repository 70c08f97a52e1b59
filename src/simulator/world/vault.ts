import type { BackupFacts } from '../../../machines/backup.ts';
import { retain, retentionSchema } from '../../backup/retention.ts';
import type { Alarm } from '../../etcd/port.ts';
import { Failure } from '../../failure.ts';
import type { Log } from './etcd/log.ts';

/** A backup as it lies in the regions: a cluster's history up to an index, of which nothing changes any more. */
export interface VaultBackup {
  readonly id: string;
  /** In epoch ms, by the clock of whoever took it. */
  readonly takenAt: number;
  /** Whose revisions these are. */
  readonly history: string;
  readonly revision: number;
  readonly index: number;
  /** Of etcd, when the snapshot was taken: they are in its bytes. */
  readonly alarms: readonly Alarm[];
  readonly log: Log;
  verified: boolean;
  /** When a rehearsal passed last, in epoch ms. */
  verifiedAt?: number;
  /** Regions whose copy is whole; those that were damaged are taken out. */
  readonly whole: Set<string>;
}

/** A change log that is shipped: everything of a history after a backup, up to `revision`. */
export interface ShippedLog {
  readonly history: string;
  /** It begins after this revision. */
  readonly from: number;
  readonly log: Log;
  revision: number;
  index: number;
}

/** More than one history's logs of a long run: older ones belong to no backup that is kept. */
const mostLogs = 20;
const policy = retentionSchema.parse({});

/** What lies in object storage: it outlives the supervisor, and every master. */
export class Vault {
  readonly regions: readonly string[];
  readonly gone = new Set<string>();
  /** Newest first. */
  backups: readonly VaultBackup[] = [];
  logs: readonly ShippedLog[] = [];
  readonly #onRemoved: (removed: readonly VaultBackup[], left: readonly VaultBackup[]) => void;
  #count = 0;

  constructor(
    regions: readonly string[],
    onRemoved: (removed: readonly VaultBackup[], left: readonly VaultBackup[]) => void = () => {},
  ) {
    this.regions = regions;
    this.#onRemoved = onRemoved;
  }

  /** Throws `NoRegion` while none is there. */
  put(backup: Omit<VaultBackup, 'id' | 'verified' | 'whole'>): BackupFacts {
    const whole = this.regions.filter((region) => !this.gone.has(region));
    if (whole.length === 0) throw away();
    this.#count += 1;
    const id = `backup-${String(this.#count).padStart(5, '0')}`;
    this.backups = [{ ...backup, id, verified: false, whole: new Set(whole) }, ...this.backups];
    const { takenAt, revision, index } = backup;
    return { key: id, revision, takenAt, bytes: index, regions: whole };
  }

  /** Throws `NoBackup` if no region that is there has it. */
  find(id: string): VaultBackup {
    const found = this.backups.find((each) => each.id === id && this.shown().length > 0);
    if (found === undefined)
      throw new Failure({
        kind: 'retryable',
        code: 'NoBackup',
        message: `no region shows the backup ${id} now`,
      });
    return found;
  }

  /** Regions that are there and have it whole. */
  readableIn({ whole }: VaultBackup): readonly string[] {
    return this.shown().filter((region) => whole.has(region));
  }

  /** Throws `NoRegion` while none is there. */
  verify(id: string): boolean {
    if (this.shown().length === 0) throw away();
    const backup = this.find(id);
    if (this.readableIn(backup).length === 0) return false;
    backup.verified = true;
    return true;
  }

  prune(now: number): void {
    const { remove } = retain(this.backups, policy, now);
    if (remove.length === 0 || this.shown().length === 0) return;
    const removed = this.backups.filter(({ id }) => remove.includes(id));
    this.backups = this.backups.filter(({ id }) => !remove.includes(id));
    this.#onRemoved(removed, this.backups);
  }

  /**
   * The newest verified one, and those before it; that copies are damaged is only seen if they are read through. Throws `NoRegion` while
   * none is there.
   */
  best(readThrough: boolean): {
    readonly best: VaultBackup | null;
    readonly passedOver: readonly { readonly key: string; readonly why: string }[];
  } {
    if (this.shown().length === 0) throw away();
    const passedOver: { key: string; why: string }[] = [];
    for (const backup of this.backups) {
      if (!backup.verified) passedOver.push({ key: backup.id, why: 'no rehearsal has passed it' });
      else if (readThrough && this.readableIn(backup).length === 0)
        passedOver.push({ key: backup.id, why: 'it is damaged' });
      else return { best: backup, passedOver };
    }
    return { best: null, passedOver };
  }

  /** Goes on with the log of this history that reaches to `revision` or before, or begins one there. */
  ship(history: string, log: Log, from: number, index: number): ShippedLog {
    const known = this.logs.find(
      (each) => each.history === history && each.log === log && each.revision >= from,
    );
    if (known !== undefined) return known;
    const begun: ShippedLog = { history, log, from, revision: from, index };
    this.logs = [begun, ...this.logs].slice(0, mostLogs);
    return begun;
  }

  /** What was shipped after this revision of a history without a gap; null: nothing was. */
  shipped(history: string, revision: number): ShippedLog | null {
    const fitting = this.logs.filter(
      (each) => each.history === history && each.from <= revision && each.revision >= revision,
    );
    return fitting.reduce<ShippedLog | null>(
      (best, each) => (best === null || each.revision > best.revision ? each : best),
      null,
    );
  }

  /** Regions that are there. */
  shown(): readonly string[] {
    return this.regions.filter((region) => !this.gone.has(region));
  }
}

function away(): Failure {
  return new Failure({
    kind: 'retryable',
    code: 'NoRegion',
    message: 'no region of the object storage answers',
  });
}
