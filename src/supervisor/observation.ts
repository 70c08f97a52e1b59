import type { InstanceState, NodeContext, NodeEvent } from '../../machines/node.ts';
import { type Instance, nodeNameOf } from '../cloud/port.ts';
import { type KubernetesView, kubernetesNames, type NodeFacts } from '../kubernetes/port.ts';

/** What is known of one slot now, from both sides. */
export interface Observation {
  readonly node: NodeFacts | null;
  readonly ready: boolean;
  readonly objectMissing: boolean;
  /** In Kubernetes' words, or ours: why it is not Ready. */
  readonly reason: string;
  /** When we saw the node's heartbeat last change; 0 if never. Epoch ms. */
  readonly heartbeatAt: number;
  readonly instance: InstanceState;
  readonly cloudRepairing: boolean;
  /** Another instance, that carries the slot's tag, has taken the place of one that is gone. */
  readonly successor: Instance | null;
  /** Set on the Node by a person: wdrip leaves it alone. */
  readonly pausedByAnnotation: boolean;
}

/** What the cloud said last. `gone` holds only ids whose absence the cloud itself has stated, one by one (safety 3). */
export interface CloudView {
  readonly instances: ReadonlyMap<string, Instance>;
  readonly gone: ReadonlySet<string>;
  readonly repairing: ReadonlySet<string>;
  /** When the newest whole list was asked for, in epoch ms; 0 before the first. */
  readonly askedAt: number;
}

export const nothingSeenOfCloud: CloudView = {
  instances: new Map(),
  gone: new Set(),
  repairing: new Set(),
  askedAt: 0,
};

/** ECS's words for an instance, in the machine's. */
export function instanceState(instance: Instance): InstanceState {
  if (instance.locks.some((lock) => lock === 'security' || lock === 'financial')) return 'locked';
  if (instance.status === 'Running') return 'running';
  if (instance.status === 'Stopped') return 'stopped';
  return 'moving';
}

/** Finds Node objects by instance id and by name; made once a view. */
export interface NodeIndex {
  find(context: Pick<NodeContext, 'instanceId' | 'nodeName'>): NodeFacts | null;
}

export function indexNodes(view: KubernetesView): NodeIndex {
  const byInstance = new Map<string, NodeFacts>();
  for (const node of view.nodes.values()) if (node.instanceId !== null) byInstance.set(node.instanceId, node);
  return {
    find({ instanceId, nodeName }) {
      const node = instanceId === null ? undefined : byInstance.get(instanceId);
      if (node) return node;
      // A name alone is trusted only if nothing says that the object belongs to another instance (safety 35).
      const named = nodeName === null ? undefined : view.nodes.get(nodeName);
      return named && (named.instanceId === null || named.instanceId === instanceId) ? named : null;
    },
  };
}

export interface ObserveOptions {
  readonly now: number;
  /** When sight was last gained: silence is counted from there, not from before (safety 11). */
  readonly sightedAt: number;
  readonly leaseSilentMs: number;
}

/** Puts together what both sides say of a slot. Pure. */
export function observe(
  context: NodeContext,
  index: NodeIndex,
  heartbeats: ReadonlyMap<string, number>,
  cloud: CloudView,
  bySlot: ReadonlyMap<string, readonly Instance[]>,
  options: ObserveOptions,
): Observation {
  const node = index.find(context);
  const heartbeatAt = node ? (heartbeats.get(node.name) ?? 0) : 0;
  const silentMs = options.now - Math.max(heartbeatAt, options.sightedAt);
  const silent = node?.ready === 'True' && silentMs >= options.leaseSilentMs;
  const ready = node?.ready === 'True' && !silent;
  const found = context.instanceId === null ? undefined : cloud.instances.get(context.instanceId);
  const isGone = context.instanceId === null ? cloud.askedAt > 0 : cloud.gone.has(context.instanceId);
  const others = (bySlot.get(context.slot) ?? []).filter((each) => each.id !== context.instanceId);
  return {
    node,
    ready,
    objectMissing: node === null,
    reason: node === null ? 'NodeObjectMissing' : silent ? 'LeaseSilent' : node.reason,
    heartbeatAt,
    instance: found ? instanceState(found) : isGone ? 'gone' : 'unknown',
    cloudRepairing: context.instanceId !== null && cloud.repairing.has(context.instanceId),
    successor: isGone
      ? (others.find((each) => each.status !== 'Stopped' && each.privateIp !== null) ?? null)
      : null,
    pausedByAnnotation: node?.annotations[kubernetesNames.paused] === 'true',
  };
}

/**
 * What the actor must hear of: where its memory and the observation differ. Level-triggered, so that an event that was lost, refused or
 * overtaken is made up for by the next look. Pure. `value` is the actor's state value, as far as it matters.
 */
export function differences(
  context: NodeContext,
  value: 'unknown' | 'joining' | 'retired' | 'other',
  seen: Observation,
  cloud: CloudView,
  now: number,
): readonly NodeEvent[] {
  if (value === 'retired') return [];
  if (seen.successor !== null && context.nodeName !== nodeNameOf(seen.successor))
    return [
      {
        type: 'SLOT_FILLED',
        at: now,
        nodeName: nodeNameOf(seen.successor),
        instanceId: seen.successor.id,
        zone: seen.successor.zone,
      },
    ];
  const events: NodeEvent[] = [];
  const cloudChanged = seen.instance !== context.instance || seen.cloudRepairing !== context.cloudRepairing;
  if (cloudChanged && seen.instance !== 'unknown' && cloud.askedAt >= context.actedAt)
    events.push({
      type: 'INSTANCE_CHANGED',
      at: cloud.askedAt,
      instance: seen.instance,
      cloudRepairing: seen.cloudRepairing,
    });
  if (seen.ready) {
    // Ready counts only with a heartbeat from after the last rung's work: what was Ready before it is no longer known to be.
    if (
      (!context.ready || value === 'unknown') &&
      seen.heartbeatAt >= context.actedAt &&
      seen.heartbeatAt > 0
    )
      events.push({ type: 'NODE_READY', at: seen.heartbeatAt });
  } else if (value === 'unknown' && seen.objectMissing && seen.instance === 'unknown') {
    // Neither side has said anything of it yet: wait for one that does.
    return events;
  } else if (
    value === 'unknown' &&
    seen.objectMissing &&
    seen.instance !== 'gone' &&
    seen.instance !== 'stopped'
  ) {
    events.push({ type: 'NODE_JOINING', at: now });
  } else if (context.ready || value === 'unknown' || context.objectMissing !== seen.objectMissing) {
    events.push({ type: 'NODE_NOT_READY', at: now, reason: seen.reason, objectMissing: seen.objectMissing });
  }
  return events;
}
