import type { BackupContext } from '../../machines/backup.ts';
import type { LoadBalancers } from '../cloud/load-balancers.ts';
import type { Cloud } from '../cloud/port.ts';
import { persist } from '../effects/node/instance.ts';
import { createInstance, removeInstance, untilAddressed } from '../effects/node/replace-instance.ts';
import { lookNow } from '../effects/quorum/membership.ts';
import type { MasterHost, QuorumWorld } from '../effects/quorum/world.ts';
import type { RecoveryWorld } from '../effects/recovery/world.ts';
import type { MasterBodies, World } from '../effects/world.ts';
import type { Etcd } from '../etcd/port.ts';
import { Failure } from '../failure.ts';
import { type Kubernetes, kubernetesNames } from '../kubernetes/port.ts';
import type { Log } from '../log.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { EffectContext, Runtime } from '../runtime/types.ts';
import type { BackupService } from './backup-service.ts';
import { controlPlanePool } from './control-plane.ts';
import { actorIds } from './fleet.ts';
import { listMasters, masterBodies } from './master-bodies.ts';
import { recover, restoredUpTo } from './recoveries.ts';
import type { Supervisor } from './supervisor.ts';

/** A repair that removes data waits so long for a backup, in ms: one of a small cluster takes seconds, and the quorum has the data. */
const backupFirstMs = 30_000;
/** From one look at something that is waited for to the next, in ms. */
const lookMs = 500;

/** What the worlds of masters, quorum and recoveries are made of: ports, and questions to the supervisor. */
export interface ControlPlaneWorldsParts {
  readonly cloud: Cloud;
  readonly kubernetes: Kubernetes;
  readonly clock: Clock;
  readonly log: Log;
  /** Asked only while an effect runs. */
  readonly supervisor: () => Supervisor;
  readonly runtime: () => Runtime;
  readonly world: () => World;
  readonly config: { readonly cluster: string };
  readonly controlPlane: { readonly zones: readonly string[]; readonly loadBalancerId: string };
  readonly etcd: Etcd;
  readonly loadBalancers: LoadBalancers;
  readonly host: MasterHost;
  /** Null: there are none to restore from. */
  readonly backup: Pick<BackupService, 'bestBackup' | 'shareSnapshot' | 'replay'> | null;
  /** Of a master whose etcd waits for data. */
  readonly userData: () => string;
}

/** What the effects of masters, the quorum and recoveries act on. */
export interface ControlPlaneWorlds {
  readonly bodies: MasterBodies;
  readonly quorum: QuorumWorld;
  readonly recovery: RecoveryWorld;
}

export function controlPlaneWorlds(parts: ControlPlaneWorldsParts): ControlPlaneWorlds {
  const { config, controlPlane, cloud, kubernetes, clock, log, etcd, host, loadBalancers, backup } = parts;
  const { cluster } = config;
  const { loadBalancerId } = controlPlane;
  const masters = () => listMasters(cloud, cluster);
  const controller = () => {
    const { controlPlane: found } = parts.supervisor();
    if (found === null) throw new Error('a supervisor with a way into etcd has a control plane');
    return found;
  };
  const backupFirst = (reason: string, context: EffectContext) =>
    backup === null ? Promise.resolve() : backupBefore(parts, reason, context);
  const bodies = masterBodies({ cluster, cloud, etcd, loadBalancers, loadBalancerId, log, backupFirst });

  const quorum: QuorumWorld = {
    cluster,
    etcd,
    cloud,
    host,
    log,
    masters,
    backupFirst,
    requestMemberPermit: (input, context) => controller().requestPermit(input, context),
    bestBackup: (readThrough, signal) =>
      backup === null
        ? Promise.resolve({ best: null, passedOver: [] })
        : backup.bestBackup(readThrough, signal),
    recover: (id, source, context) => recover(parts.runtime(), id, { cluster, source }, context),
    verify: (signal) => differences(quorum, signal, clock),
    workedOn: () => parts.supervisor().mastersWorkedOn(),
    wellAt: (slot) => parts.supervisor().wellAt(slot),
    async announceReboot(slot, because, { attempt, signal }) {
      const node = parts.supervisor().fleet.get(slot)?.context.nodeName ?? null;
      if (node === null) return;
      const message = `wdrip reboots the instance: ${because}`;
      await kubernetes.annotate(node, { [kubernetesNames.repair]: 'rebooting' }, signal);
      await kubernetes.event({
        node,
        type: 'Warning',
        reason: 'RebootingInstance',
        message,
        key: `${attempt}/reboot`,
      });
    },
    async tell(trouble, because) {
      log.error(troubles[trouble] ?? trouble, { because });
    },
  };
  const recovery: RecoveryWorld = {
    cluster,
    etcd,
    cloud,
    kubernetes,
    host,
    log,
    masters,
    restoredUpTo: () => restoredUpTo(parts.runtime()),
    get slots() {
      return controller().slots();
    },
    async createMaster(slot, context) {
      const index = controller().slots().indexOf(slot);
      const zone = controlPlane.zones[Math.max(0, index) % controlPlane.zones.length] ?? '';
      const { id } = await createInstance(
        parts.world(),
        { pool: controlPlanePool, slot, zone },
        context,
        async () => parts.userData(),
      );
      const instance = await untilAddressed(parts.world(), id, context);
      await loadBalancers.addBackends(loadBalancerId, [id], context);
      return { slot, instance, ip: instance.privateIp };
    },
    async removeMaster(instanceId, context) {
      await persist(clock, context.signal, () =>
        loadBalancers.removeBackends(loadBalancerId, [instanceId], context),
      );
      await removeInstance(parts.world(), instanceId, context);
    },
    bodyOf: (slot) => parts.supervisor().fleet.get(slot)?.context.instanceId ?? null,
    shareSnapshot: (source, context) => needed(backup).shareSnapshot(source, context),
    replay: (source, endpoint, context) => needed(backup).replay(source, endpoint, context),
    async nodes(signal) {
      await parts.supervisor().whenSighted(signal);
      return new Map(
        parts
          .supervisor()
          .nodes()
          .map(({ name, instanceId }) => [name, instanceId]),
      );
    },
  };
  return { bodies, quorum, recovery };
}

const troubles: Readonly<Record<string, string>> = {
  failed: 'an etcd member could not be brought back; trying again after a rest',
  undecided: "the quorum is lost, and it is not proven that it can't come back: nothing is overwritten",
  lost: 'the quorum is lost, and could not be brought back; a person must look',
};

function needed<T>(backup: T | null): T {
  if (backup !== null) return backup;
  throw new Failure({
    kind: 'rejected',
    code: 'NotConfigured',
    message: 'there are no backups to restore from: the configuration has no `backup`',
  });
}

export function askForBackup(
  { runtime, clock }: Pick<ControlPlaneWorldsParts, 'runtime' | 'clock'>,
  reason: string,
): void {
  runtime().send(actorIds.backup, { type: 'BACKUP_WANTED', at: clock.now(), reason });
}

async function backupBefore(
  parts: Pick<ControlPlaneWorldsParts, 'runtime' | 'clock' | 'log'>,
  reason: string,
  context: EffectContext,
): Promise<void> {
  const { clock, log } = parts;
  const asked = clock.now();
  askForBackup(parts, reason);
  while (clock.now() - asked < backupFirstMs) {
    await sleep(clock, lookMs, context.signal);
    const record = parts.runtime().record(actorIds.backup);
    // As above.
    const taken = (record?.snapshot.context as unknown as BackupContext | undefined)?.taken;
    if (taken != null && taken.takenAt >= asked) return;
  }
  log.warn('no backup was made in time before data is removed: the quorum has it, and the repair goes on', {
    reason,
  });
}

/** After a restore all members must have the same keys: hashed at one revision, as far as it is not compacted. */
async function differences(world: QuorumWorld, signal: AbortSignal, clock: Clock): Promise<string | null> {
  const { look } = await lookNow(world, { signal });
  if (!look.held) return `etcd has no quorum: ${look.why ?? 'nobody answered'}`;
  const ill = look.members.find(({ healthy, learner }) => !healthy || learner);
  if (ill !== undefined)
    return `the etcd member ${ill.name || ill.id} is ${ill.learner ? 'a learner' : 'not healthy'}`;
  const revision = Math.min(...look.members.map(({ status }) => status?.revision ?? 0));
  const hashes = await Promise.all(
    look.members.map(({ clientUrls }) => world.etcd.hash(clientUrls[0] ?? '', revision, { signal })),
  );
  const [first] = hashes;
  if (hashes.some(({ compactRevision }) => compactRevision !== first?.compactRevision)) {
    await sleep(clock, lookMs, signal);
    return 'the members are compacting: their data could not be compared yet';
  }
  return hashes.every(({ hash }) => hash === first?.hash)
    ? null
    : `the members' data differs at revision ${revision}: ${look.members.map(({ name }, index) => `${name} ${hashes[index]?.hash}`).join(', ')}`;
}
