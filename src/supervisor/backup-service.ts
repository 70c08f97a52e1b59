import { join } from 'node:path';
import type { BackupFacts } from '../../machines/backup.ts';
import { type CataloguedBackup, readCatalog } from '../backup/catalog.ts';
import type { ShippingFigures } from '../backup/change-log/ship.ts';
import { checkBackup } from '../backup/check.ts';
import { withDeadline } from '../backup/deadline.ts';
import { backupFigures, type ClusterBackupFigures } from '../backup/figures.ts';
import type { AccountKey } from '../backup/keys/account-key.ts';
import { createOssStore } from '../backup/objects/oss.ts';
import type { ObjectStore } from '../backup/objects/port.ts';
import { areInstalled, localPrograms } from '../backup/programs.ts';
import { pruneRegion } from '../backup/prune.ts';
import { problemText } from '../backup/regions.ts';
import { rehearse } from '../backup/rehearse.ts';
import { chooseBackup } from '../backup/restore/choose.ts';
import { lossText, replayChangeLog } from '../backup/restore/replay.ts';
import { issueTicket, removeTickets } from '../backup/restore/ticket.ts';
import { nextRun } from '../backup/schedule.ts';
import { takeBackup } from '../backup/take.ts';
import { bundlePrefix } from '../bootstrap/bundle.ts';
import type { BackupWorld } from '../effects/backup/world.ts';
import type { QuorumWorld } from '../effects/quorum/world.ts';
import type { BackupSource, RecoveryWorld } from '../effects/recovery/world.ts';
import type { Endpoint, Etcd } from '../etcd/port.ts';
import { Failure } from '../failure.ts';
import type { Log } from '../log.ts';
import { version } from '../root.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { BackupConfig } from './backup-config.ts';
import { createChangeLogShipping } from './change-log-shipping.ts';
import { gatherMind } from './cluster-mind.ts';
import type { SupervisorConfig } from './config.ts';
import { historyOfBackup } from './recoveries.ts';

export interface BackupServiceParts {
  readonly config: SupervisorConfig & { readonly backup: BackupConfig };
  readonly etcd: Etcd;
  /** The account's: what every data key is wrapped with. */
  readonly key: AccountKey;
  /** A client of the etcd that a rehearsal starts on this machine's loopback, in the clear. */
  readonly scratchEtcd: () => Etcd & { close(): void };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Where the members answer now. */
  readonly endpoints: () => readonly Endpoint[];
  /** Whose revisions are written now: the etcd cluster's id, or what a recovery made of it. Null while no quorum is seen. */
  readonly history: () => string | null;
  /** Data is being brought back now. */
  readonly recovering: () => boolean;
  /** Version of the API server. Rejects while none answers. */
  readonly kubernetesVersion: () => Promise<string>;
  /** A backup is wanted now: the change log needs a new beginning. */
  readonly wanted: (reason: string) => void;
}

/** What a verification on demand came to. */
export interface CheckedBackup {
  readonly id: string;
  /** Regions whose copy is whole. */
  readonly whole: readonly string[];
  /** What is wrong with others, in words. */
  readonly problems: readonly string[];
}

/** How long a backup waits to hear what the API server is, in ms. */
const versionMs = 2_000;

/** What people are shown of the backups. */
export interface BackupsOnShow {
  /**
   * The verification on demand: reads every copy through to its end, and rehearses the restore. `id` null: of the newest. Throws
   * `NoBackup`, `RehearsalFailed`.
   */
  check(id: string | null, signal: AbortSignal): Promise<CheckedBackup>;
  /** What there is, how old, how far it reaches. Asks the regions. */
  figures(signal: AbortSignal): Promise<ClusterBackupFigures>;
  /** How far the change log has come, of which nobody is asked. Null: none is shipped now. */
  shipped(): ShippingFigures | null;
}

/** Everything that the supervisor does with backups, over the configured regions. */
export interface BackupService extends BackupWorld, BackupsOnShow {
  readonly bestBackup: QuorumWorld['bestBackup'];
  readonly shareSnapshot: RecoveryWorld['shareSnapshot'];
  readonly replay: RecoveryWorld['replay'];
  start(): void;
  stop(): Promise<void>;
}

/** Opens the key (made if there is none) and the regions' stores. Throws the key's `Failure`. */
export async function createBackupService(parts: BackupServiceParts): Promise<BackupService> {
  const { config, etcd, key, clock, random, log } = parts;
  const { cluster, backup, objects } = config;
  const credentials = async () => ({
    accessKeyId: objects.accessKeyId,
    accessKeySecret: objects.accessKeySecret,
  });
  const open = (settings: (typeof backup.regions)[number]): ObjectStore =>
    createOssStore({
      ...settings,
      credentials,
      clock,
      random,
      log: (note) => log.warn('the object storage is asked again', { ...note }),
    });
  const stores = backup.regions.map(open);
  const shared = open(objects);
  const tickets = `${bundlePrefix(cluster, 'control-plane')}restore-`;
  const wdrip = await version();
  const scratch = join(config.store, 'scratch');
  const shipping = createChangeLogShipping({
    ...parts,
    cluster,
    stores,
    key,
    enabled: backup.changeLog,
    newest: async (history, signal) =>
      (await readCatalog({ cluster, stores, clock, signal })).backups.find(
        ({ manifest }) => manifest.etcd.history === history,
      )?.manifest.etcd.revision ?? null,
  });

  /** Without an API server a backup is as good: the one before says which version it was. */
  let known = 'unknown';
  async function kubernetesVersion(): Promise<string> {
    known = await withDeadline(clock, versionMs, "the API server's version", undefined, () =>
      parts.kubernetesVersion(),
    ).catch(() => known);
    return known;
  }

  async function find(id: string | null, signal: AbortSignal): Promise<CataloguedBackup> {
    const { backups } = await readCatalog({ cluster, stores, clock, signal });
    const found = id === null ? backups[0] : backups.find(({ manifest }) => manifest.id === id);
    if (found !== undefined) return found;
    throw new Failure({
      kind: 'retryable',
      code: 'NoBackup',
      message: id === null ? 'there is no backup yet' : `no region shows the backup ${id} now`,
    });
  }

  async function verify(found: CataloguedBackup, signal: AbortSignal): Promise<void> {
    const scratchEtcd = parts.scratchEtcd();
    try {
      const { verification } = await rehearse({
        backup: found,
        stores,
        key,
        programs: localPrograms(backup.programs, clock),
        etcd: scratchEtcd,
        folder: scratch,
        clock,
        signal,
      });
      if (verification.failed !== null)
        throw new Failure({
          kind: 'rejected',
          code: 'RehearsalFailed',
          message: `the backup ${found.manifest.id} could not be restored in a rehearsal: ${verification.failed}`,
        });
      log.info('the backup was restored in a rehearsal: it counts', {
        backup: found.manifest.id,
        tookMs: verification.tookMs,
      });
    } finally {
      scratchEtcd.close();
    }
  }

  return {
    log,
    nextRun,
    async take(reason, signal): Promise<BackupFacts> {
      const history = await historyOfBackup(parts, clock, signal);
      const taken = await takeBackup({
        cluster,
        etcd,
        endpoints: parts.endpoints(),
        stores,
        key,
        mind: await gatherMind(config, shared),
        versions: { wdrip, kubernetes: await kubernetesVersion() },
        history,
        // What can't be rehearsed here is at least opened once.
        rehearsed: await areInstalled(backup.programs),
        clock,
        random,
        signal,
      });
      const { id, takenAt, etcd: of, streams } = taken.manifest;
      for (const problem of taken.problems)
        log.warn('a region has no copy of the backup', { why: problemText(problem) });
      log.info('a backup was taken', {
        backup: id,
        reason,
        revision: of.revision,
        regions: taken.regions.join(', '),
      });
      shipping.backupTaken();
      return {
        key: id,
        revision: of.revision,
        takenAt,
        bytes: streams.snapshot.storedBytes + streams.mind.storedBytes,
        regions: taken.regions,
      };
    },
    verify: async (id, signal) => verify(await find(id, signal), signal),
    async check(id, signal) {
      const found = await find(id, signal);
      const { whole, problems } = await checkBackup({ backup: found, stores, key, clock, signal });
      await verify(found, signal);
      return { id: found.manifest.id, whole, problems: problems.map(problemText) };
    },
    async prune(signal) {
      // Without a recovery at work nobody needs one.
      if (parts.history() !== null) await removeTickets(shared, tickets, { signal });
      for (const store of stores) {
        const pruned = await pruneRegion(store, { cluster, policy: backup.retention, clock, signal });
        if (pruned.backups.length > 0)
          log.info('old backups were removed', { region: pruned.region, backups: pruned.backups.join(', ') });
        for (const problem of pruned.problems)
          log.warn('not everything could be looked after', { why: problemText(problem) });
      }
    },
    async tell(failures, because) {
      log.error('backups fail; the older ones are all still there', { failures, because });
    },
    async bestBackup(readThrough, signal) {
      const glance = !readThrough;
      const choice = await chooseBackup({ cluster, stores, key, clock, verifiedOnly: true, glance, signal });
      const passedOver = choice.passedOver.map(({ id, region, why }) => ({
        key: region === undefined ? id : `${id} in ${region}`,
        why,
      }));
      if (choice.kind === 'none') return { best: null, passedOver };
      const { manifest } = choice.backup;
      const best = {
        kind: 'backup',
        key: manifest.id,
        region: choice.region,
        revision: manifest.etcd.revision,
        passedOver,
      } as const;
      return { best, passedOver };
    },
    shareSnapshot: (source, context) => share(source, context.attempt, context.signal),
    async replay(source, endpoint, { signal }) {
      const { manifest } = await find(source.key, signal);
      const replayed = await replayChangeLog({
        cluster,
        history: manifest.etcd.history,
        stores,
        key,
        after: manifest.etcd.revision,
        etcd,
        endpoints: [endpoint],
        clock,
        signal,
      });
      const { revision } = await etcd.status(endpoint, { signal });
      return { revision, lost: lossText(replayed, manifest.takenAt) };
    },
    async figures(signal) {
      return backupFigures(
        await readCatalog({ cluster, stores, clock, signal }),
        shipping.figures(),
        clock.now(),
      );
    },
    shipped: () => shipping.figures(),
    start: () => shipping.start(),
    stop: () => shipping.stop(),
  };

  /**
   * Lets masters fetch and open this snapshot, under a name of this attempt: sealed as it lies there. Its key lies where only the masters'
   * role may read, and only for as long as the restore takes.
   */
  async function share(source: BackupSource, attempt: string, signal: AbortSignal) {
    const backupFound = await find(source.key, signal);
    const at = Math.max(
      0,
      stores.findIndex(({ region }) => region === source.region),
    );
    const store = stores[at];
    if (store === undefined) throw new Error('there is at least one region');
    const ticket = await issueTicket({
      backup: backupFound,
      key,
      from: { store, endpoint: backup.regions[at]?.endpoint ?? '' },
      to: { store: shared, endpoint: objects.endpoint ?? '' },
      folder: tickets,
      attempt,
      signal,
    });
    return {
      object: {
        region: objects.region,
        bucket: objects.bucket,
        endpoint: objects.endpoint ?? '',
        key: ticket.key,
        sha256: ticket.sha256,
      },
      revision: backupFound.manifest.etcd.revision,
      withdraw: ticket.withdraw,
    };
  }
}
