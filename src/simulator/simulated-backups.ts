import type { ShippingFigures } from '../backup/change-log/ship.ts';
import { applyChanges } from '../backup/restore/replay.ts';
import { nextRun } from '../backup/schedule.ts';
import type { BackupWorld } from '../effects/backup/world.ts';
import { persist } from '../effects/node/instance.ts';
import type { QuorumWorld } from '../effects/quorum/world.ts';
import type { RecoveryWorld } from '../effects/recovery/world.ts';
import type { Endpoint } from '../etcd/port.ts';
import { Failure, type FailureData, toFailure } from '../failure.ts';
import type { Log } from '../log.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { BackupsOnShow } from '../supervisor/backup-service.ts';
import { historyOfBackup } from '../supervisor/recoveries.ts';
import { backupsOnShow } from './backups-on-show.ts';
import type { EtcdProcess } from './world/etcd/process.ts';
import type { SimulatedEtcd } from './world/etcd.ts';
import type { ShippedLog, Vault, VaultBackup } from './world/vault.ts';

/** How long it takes to take a backup of a small cluster, to rehearse its restore, and to bring it to a master, in ms. */
const takeMs = 2_000;
const rehearseMs = 4_000;
const shareMs = 2_000;
/** The change log is shipped so often, in ms. */
export const shipEveryMs = 1_000;
/** Revisions that are brought back at once: what a few seconds have shipped. */
const pieceRevisions = 100;

/** What the quorum's, the recovery's and the backup's effects ask of backups. */
export interface SimulatedBackups extends BackupWorld, BackupsOnShow {
  readonly bestBackup: QuorumWorld['bestBackup'];
  readonly shareSnapshot: RecoveryWorld['shareSnapshot'];
  readonly replay: RecoveryWorld['replay'];
  start(): void;
}

/**
 * Backups with the semantics of src/backup, and none of its streams: compression and files end in real time, of which a virtual clock
 * knows nothing. Retention and schedule are the real ones. See docs/decisions/simulator.md.
 */
export function simulatedBackups(parts: {
  readonly vault: Vault;
  readonly shared: Map<string, Uint8Array>;
  readonly etcd: SimulatedEtcd;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly endpoints: () => readonly Endpoint[];
  readonly history: () => string | null;
  /** Data is being brought back now. */
  readonly recovering: () => boolean;
  readonly wanted: (reason: string) => void;
}): SimulatedBackups {
  const { vault, shared, etcd, clock, log } = parts;
  let awaited = false;
  let current: ShippedLog | null = null;
  /** When the change log had everything last, in epoch ms. */
  let shippedAt = clock.now();
  let failure: FailureData | null = null;

  /** A member that is well: it has everything. */
  function member(): EtcdProcess {
    const found = parts
      .endpoints()
      .map((endpoint) => etcd.processes.get(endpoint))
      .find((each) => each?.isActive && each.synced && each.data?.group.writable);
    if (found !== undefined) return found;
    throw new Failure({ kind: 'retryable', code: 'NoHealthyMember', message: 'no member of etcd is well' });
  }

  /** One second's worth of the change log. */
  function ship(): void {
    const history = parts.history();
    if (history === null) return;
    const group = member().data?.group;
    if (group === undefined || group.clusterId !== clusterOf(history)) return;
    if (current?.history !== history || current.log !== group.log) current = begin(history, group.log);
    if (current === null || vault.regions.every((region) => vault.gone.has(region))) return;
    current.revision = group.log.revision;
    current.index = group.log.lastIndex;
    shippedAt = clock.now();
  }

  function shipped(): ShippingFigures | null {
    if (current === null) return null;
    const { revision } = current;
    const regions = vault.regions.map((region) => ({
      region,
      revision,
      waiting: 0,
      leftOut: 0,
      failure: vault.gone.has(region)
        ? ({ kind: 'retryable', code: 'NoRegion', message: 'it is away' } as const)
        : null,
    }));
    return { revision, lagMs: clock.now() - shippedAt, connected: failure === null, failure, regions };
  }

  function begin(history: string, of: VaultBackup['log']): ShippedLog | null {
    const newest = vault.backups.find((each) => each.history === history && each.log === of);
    if (newest !== undefined) return vault.ship(history, of, newest.revision, newest.index);
    if (!awaited) {
      awaited = true;
      parts.wanted('the change log needs a backup to begin after');
    }
    return null;
  }

  return {
    log,
    nextRun,
    ...backupsOnShow({ vault, clock, shipped }),
    async take(_, signal) {
      const history = await historyOfBackup(parts, clock, signal);
      await sleep(clock, takeMs, signal);
      const { data } = member();
      if (history !== parts.history() || data === null || data.group.clusterId !== clusterOf(history))
        throw new Failure({ kind: 'retryable', code: 'NoHealthyMember', message: 'etcd has no quorum' });
      const { log: of } = data.group;
      awaited = false;
      return vault.put({
        takenAt: clock.now(),
        history,
        revision: of.revisionAt(data.index),
        index: data.index,
        log: of,
        alarms: data.group.alarmList,
      });
    },
    async verify(key, signal) {
      await sleep(clock, rehearseMs, signal);
      if (vault.verify(key)) {
        vault.find(key).verifiedAt = clock.now();
        return;
      }
      throw new Failure({
        kind: 'rejected',
        code: 'RehearsalFailed',
        message: `the backup ${key} is damaged`,
      });
    },
    async prune() {
      vault.prune(clock.now());
    },
    async tell() {},
    async bestBackup(readThrough, signal) {
      await sleep(clock, shareMs, signal);
      const { best, passedOver } = vault.best(readThrough);
      if (best === null) return { best, passedOver };
      const [region = ''] = readThrough ? vault.readableIn(best) : vault.shown();
      return {
        best: { kind: 'backup', key: best.id, region, revision: best.revision, passedOver },
        passedOver,
      };
    },
    // As if its ticket were given to a master, which then finds the copy damaged.
    async shareSnapshot({ key, region }, { signal, attempt }) {
      await sleep(clock, shareMs, signal);
      const backup = vault.find(key);
      if (!backup.whole.has(region))
        throw new Failure({
          kind: 'rejected',
          code: 'BackupDamaged',
          message: `the backup ${key} is damaged`,
        });
      const name = `restore-${attempt}.db`;
      shared.set(name, backup.log.serialize(backup.index, backup.alarms));
      return {
        object: { region: 'cn-simulated', bucket: 'shared', endpoint: '', key: name, sha256: '0'.repeat(64) },
        revision: backup.revision,
        withdraw: async () => {
          shared.delete(name);
        },
      };
    },
    async replay({ key }, endpoint, { signal }) {
      const backup = vault.find(key);
      const shipped = vault.shipped(backup.history, backup.revision);
      if (shipped !== null) {
        const revisions = shipped.log.changes(backup.revision + 1, shipped.index);
        for (let from = 0; from < revisions.length; from += pieceRevisions)
          await applyChanges(
            { etcd, endpoints: [endpoint], clock, signal },
            revisions.slice(from, from + pieceRevisions),
          );
      }
      const { revision } = await persist(clock, signal, () => etcd.status(endpoint, { signal }));
      return { revision, lost: shipped === null ? 'what was written after the snapshot' : 'the last second' };
    },
    start() {
      const again = () =>
        clock.after(shipEveryMs, () => {
          if (parts.signal.aborted) return;
          try {
            ship();
            failure = null;
          } catch (caught) {
            if (!(caught instanceof Failure)) throw caught;
            failure = toFailure(caught);
          }
          again();
        });
      again();
    },
  };
}

/** A history is the cluster's id, and after a forced cluster something more. */
function clusterOf(history: string): string {
  return history.split('-')[0] ?? history;
}
