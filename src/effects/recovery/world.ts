import type { RestoreSource } from '../../../machines/quorum-contract.ts';
import type { Cloud } from '../../cloud/port.ts';
import type { Etcd } from '../../etcd/port.ts';
import type { Kubernetes } from '../../kubernetes/port.ts';
import type { Log } from '../../log.ts';
import type { EffectContext } from '../../runtime/types.ts';
import type { Master, MasterHost, SharedObject } from '../quorum/world.ts';

export type BackupSource = Extract<RestoreSource, { kind: 'backup' }>;

/** A snapshot that a master can fetch and open, for as long as the restore needs it. */
export interface SharedSnapshot {
  readonly object: SharedObject;
  /** Of etcd, that it reaches to. */
  readonly revision: number;
  /** Takes it away again. */
  withdraw(): Promise<void>;
}

/** What a recovery's steps act on and ask. */
export interface RecoveryWorld {
  readonly cluster: string;
  readonly etcd: Etcd;
  readonly cloud: Cloud;
  readonly kubernetes: Kubernetes;
  readonly host: MasterHost;
  readonly log: Log;
  masters(signal: AbortSignal): Promise<readonly Master[]>;
  /** Slots of the masters that the cluster is to have. */
  readonly slots: readonly string[];
  /** The highest revision that a recovery is known to have come to; 0 if none. */
  restoredUpTo(): number;
  /** Makes a body for a master's slot that waits for data, and returns it when it runs. Asked again with the same attempt: the same one. */
  createMaster(slot: string, context: EffectContext): Promise<Master>;
  /** Deletes a master's body, and returns when the cloud has none of that id any more. */
  removeMaster(instanceId: string, context: EffectContext): Promise<void>;
  /** The instance that the slot was last seen with; null if that is not known. */
  bodyOf(slot: string): string | null;
  /** Lets a master fetch and open the backup's snapshot. Throws `Failure` if it can't be. */
  shareSnapshot(source: BackupSource, context: EffectContext): Promise<SharedSnapshot>;
  /** Does the changes since the snapshot again on the restored etcd. */
  replay(
    source: BackupSource,
    endpoint: string,
    context: EffectContext,
  ): Promise<{ readonly revision: number; readonly lost: string }>;
  /** Instances that Node objects are of, by the Node's name, as the API server says now; null: the Node does not say. */
  nodes(signal: AbortSignal): Promise<ReadonlyMap<string, string | null>>;
}
