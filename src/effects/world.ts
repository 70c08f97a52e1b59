import type { Rung } from '../../machines/node.ts';
import type { Cloud, Instance, InstanceSpec } from '../cloud/port.ts';
import type { Kubernetes, NodeFacts } from '../kubernetes/port.ts';
import type { Log } from '../log.ts';
import type { EffectContext } from '../runtime/types.ts';

/**
 * What a master's body needs besides: its member of etcd goes before its data does, and joins again with the new body (design.md section
 * 4).
 */
export interface MasterBodies {
  /** Takes the instance's member out of etcd, and the instance from behind the balancer. Throws `QuorumAtRisk` if the quorum needs it. */
  leave(instanceId: string, context: EffectContext): Promise<void>;
  /** Throws `QuorumAtRisk` (retryable) while the quorum can't do without the instance's member for the time of a boot. */
  assertSpare(instance: Instance, context: EffectContext): Promise<void>;
  /** Lets the member join as a learner, which the quorum's actor promotes, and puts the instance behind the balancer. */
  join(instance: Instance, context: EffectContext): Promise<void>;
}

/** What the effects act on and ask. Everything in it is a port or a question to the supervisor: no vendor, no global. */
export interface World {
  readonly cluster: string;
  readonly cloud: Cloud;
  readonly kubernetes: Kubernetes;
  readonly log: Log;
  /** Resolves as soon as the cluster is seen: after a restart an effect may run before that. Rejects with the signal's reason. */
  whenSighted(signal: AbortSignal): Promise<void>;
  /** The newest observation of a Node object, or null. Means something only while the cluster is seen. */
  nodeFacts(name: string): NodeFacts | null;
  /**
   * Throws `rejected`, `NodeReady`, if the newest observation of the slot's node says Ready. Asked before each try of a call that takes a
   * running node from its users: the cloud may have been too busy for it for minutes.
   */
  assertNotReady(slot: string): void;
  /** What the pool wants of an instance, per zone in the order of preference; the given zone first (safety 32). */
  instanceSpecs(request: {
    readonly pool: string;
    readonly slot: string;
    readonly zone: string;
  }): readonly Omit<InstanceSpec, 'userData'>[];
  /** Fresh user data for the slot, with fresh material to join with behind it. Holds no secret. */
  prepareUserData(pool: string): Promise<string>;
  /** Null: this supervisor has no way into etcd, and no master gets a permit to lose its data. */
  readonly masters: MasterBodies | null;
  /** Waits for admission. Rejects when the signal is aborted. */
  requestPermit(
    request: {
      readonly slot: string;
      readonly pool: string;
      readonly role: 'worker' | 'controlPlane';
      readonly rung: Rung | 'retiring';
    },
    context: EffectContext,
  ): Promise<string>;
}
