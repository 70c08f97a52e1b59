import type { QuorumEffects, RestoreSource, SourceChoice } from '../../../machines/etcd-quorum.ts';
import type { Cloud, Instance } from '../../cloud/port.ts';
import type { Endpoint, Etcd } from '../../etcd/port.ts';
import type { Log } from '../../log.ts';
import type { EffectContext } from '../../runtime/types.ts';

/** A master's body: an instance of ours that carries a control-plane slot, and where its etcd is reached. */
export interface Master {
  readonly slot: string;
  readonly instance: Instance;
  /** Its private address; null while it has none. */
  readonly ip: string | null;
}

/**
 * What lies in a master's data directory, as it was looked at on the instance itself. `writesFail`: why its disk takes no writes; empty if
 * it does.
 */
export type DataFound =
  | {
      readonly kind: 'present';
      /** etcd has found it corrupt, and would serve nobody from it. */
      readonly corrupt: boolean;
      readonly writesFail: string;
      readonly memberId: string;
      readonly clusterId: string;
      readonly raftTerm: number;
      readonly raftIndex: number;
    }
  /** Looked at, and it is not there, or can't be read: proof. */
  | { readonly kind: 'missing' | 'broken'; readonly why: string; readonly writesFail: string }
  /** It could not be looked at: that proves nothing. */
  | { readonly kind: 'unknown'; readonly why: string };

/** A ticket that a master's RAM role may read, and the hash in hex of the sealed snapshot that it is for. */
export interface SharedObject {
  readonly region: string;
  readonly bucket: string;
  /** A URL, or empty for the region's own. */
  readonly endpoint: string;
  readonly key: string;
  readonly sha256: string;
}

/**
 * What is done on a master through Cloud Assistant (src/bootstrap/etcd-commands.ts). Each can be asked again with the same attempt, and
 * takes effect once. Throws `Failure`: `CommandFailed` with what the command said, `AgentSilent` if nobody took it (both retryable).
 */
export interface MasterHost {
  /** Restarts etcd, and sees to it that it and the API server start again with the instance. */
  restartEtcd(instanceId: string, context: EffectContext): Promise<void>;
  /** Never throws but for the signal: a look that could not be made is `unknown`. */
  lookAtData(instanceId: string, context: EffectContext): Promise<DataFound>;
  /** Waits until its first boot has started everything, so that what is stopped after that stays so. */
  untilSetUp(instanceId: string, context: EffectContext): Promise<void>;
  /**
   * Stops etcd, keeps a copy of its data, empties it, and lets etcd wait until one of `seeds` (addresses of members) knows it as a
   * learner.
   */
  joinExisting(instanceId: string, seeds: readonly string[], context: EffectContext): Promise<void>;
  /** API server, controllers, scheduler and etcd, also after a reboot: `startControlPlane` undoes it. */
  stopControlPlane(instanceId: string, context: EffectContext): Promise<void>;
  startControlPlane(instanceId: string, context: EffectContext): Promise<void>;
  /** etcd alone, now and at each boot. One that runs goes on. */
  startMember(instanceId: string, context: EffectContext): Promise<void>;
  keepCopy(instanceId: string, context: EffectContext): Promise<void>;
  /** This master's data goes on as a cluster of one. etcd runs when it returns. */
  forceNewCluster(instanceId: string, context: EffectContext): Promise<void>;
  /**
   * A cluster of one out of a snapshot, with its revisions raised and everything before compacted. etcd runs when it returns. Throws
   * `BackupDamaged` (rejected), besides, if the master finds that the snapshot is not what was stored.
   */
  restoreSnapshot(
    instanceId: string,
    snapshot: { readonly object: SharedObject; readonly bumpRevision: number },
    context: EffectContext,
  ): Promise<void>;
}

/** What the quorum's effects act on and ask. Everything in it is a port, or a question to the supervisor. */
export interface QuorumWorld {
  readonly cluster: string;
  readonly etcd: Etcd;
  readonly cloud: Cloud;
  readonly host: MasterHost;
  readonly log: Log;
  /** All masters that the cloud knows now: asked, not remembered. */
  masters(signal: AbortSignal): Promise<readonly Master[]>;
  /** Has a backup made before data goes, and waits for it, within a bound: without one the repair goes on all the same. */
  backupFirst(reason: string, context: EffectContext): Promise<void>;
  /** Waits for admission. Rejects when the signal is aborted. */
  requestMemberPermit(
    input: QuorumEffects['requestMemberPermit']['input'],
    context: EffectContext,
  ): Promise<string>;
  /**
   * The newest verified backup that can still be read, and those that were passed over; null if there is none. Without `readThrough` it is
   * only looked whether its snapshot is there and as long as it was written: the master that fetches it finds the rest.
   */
  bestBackup(
    readThrough: boolean,
    signal: AbortSignal,
  ): Promise<{
    readonly best: Extract<RestoreSource, { kind: 'backup' }> | null;
    readonly passedOver: readonly { readonly key: string; readonly why: string }[];
  }>;
  /** Runs a recovery to its end, durably: asked again with the same id, it goes on with the same one. Throws `Failure` if it failed. */
  recover(
    id: string,
    source: RestoreSource,
    context: EffectContext,
  ): Promise<{ readonly revision: number; readonly lost: string | null }>;
  /** What is still wrong after a restore, for people; null if nothing is. */
  verify(signal: AbortSignal): Promise<string | null>;
  /** Masters on whose instance a rung of their own ladder is at work now. */
  workedOn(): readonly string[];
  /** When a master's Node was last heard of as Ready, in epoch ms, if its own ladder has nothing to repair either; null otherwise. */
  wellAt(slot: string): number | null;
  /** Says on the Node of a master that it is being rebooted, where people and other repair systems see it (safety 34). */
  announceReboot(slot: string, because: string, context: EffectContext): Promise<void>;
  /** Says it in an Event on the cluster, and in the log. */
  tell(trouble: string, because: string): Promise<void>;
}

export type { SourceChoice };

/** Where a member's etcd answers clients, and its peers. */
export function endpointOf(ip: string): Endpoint {
  return `https://${ip}:2379`;
}
export function peerUrlOf(ip: string): string {
  return `https://${ip}:2380`;
}
