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
  /** It has changed since sight was gained: what was only found then may be old (safety 16). */
  readonly heardInSight: boolean;
  readonly instance: InstanceState;
  /** When the cloud was asked for what it says of the instance, in epoch ms. */
  readonly instanceAskedAt: number;
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
  /** Instances that were asked for by themselves after that list: when, in epoch ms. */
  readonly askedAlone: ReadonlyMap<string, number>;
}

export const nothingSeenOfCloud: CloudView = {
  instances: new Map(),
  gone: new Set(),
  repairing: new Set(),
  askedAt: 0,
  askedAlone: new Map(),
};

/** ECS's words for an instance, in the machine's. */
export function instanceState(instance: Instance): InstanceState {
  if (instance.locks.some((lock) => lock === 'security' || lock === 'financial')) return 'locked';
  if (instance.status === 'Running') return 'running';
  if (instance.status === 'Stopped') return 'stopped';
  return 'moving';
}

/** Finds Node objects by instance id and by name, and follows a view's changes name by name. */
export class NodeIndex {
  #view: KubernetesView;
  /** By instance id: the names of the Node objects that say that they are its. More than one is a rare defect of somebody's. */
  readonly #byInstance = new Map<string, Set<string>>();
  /** By node name: the instance that it was filed under. */
  readonly #instanceOf = new Map<string, string>();

  constructor(view: KubernetesView) {
    this.#view = view;
    for (const name of view.nodes.keys()) this.#file(name);
  }

  /** Takes over what has changed. Returns the instances that the touched Node objects belong to now, or belonged to before. */
  update(view: KubernetesView, touched: ReadonlySet<string>): ReadonlySet<string> {
    this.#view = view;
    const instances = new Set<string>();
    for (const name of touched) {
      const before = this.#instanceOf.get(name);
      this.#file(name);
      const after = this.#instanceOf.get(name);
      if (before !== undefined) instances.add(before);
      if (after !== undefined) instances.add(after);
    }
    return instances;
  }

  find({ instanceId, nodeName }: Pick<NodeContext, 'instanceId' | 'nodeName'>): NodeFacts | null {
    const named = nodeName === null ? undefined : this.#view.nodes.get(nodeName);
    if (named !== undefined && named.instanceId === instanceId) return named;
    const names = instanceId === null ? undefined : this.#byInstance.get(instanceId);
    const name = names === undefined ? undefined : [...names].sort().at(-1);
    const node = name === undefined ? undefined : this.#view.nodes.get(name);
    if (node !== undefined && node.instanceId === instanceId) return node;
    // A name alone is trusted only if nothing says that the object belongs to another instance (safety 35).
    return named !== undefined && named.instanceId === null ? named : null;
  }

  /** See `KubernetesView.heartbeatAt`; 0 if it was never seen. */
  heartbeatAt(name: string): number {
    return this.#view.heartbeatAt(name) ?? 0;
  }

  #file(name: string): void {
    const before = this.#instanceOf.get(name);
    const after = this.#view.nodes.get(name)?.instanceId ?? undefined;
    if (before === after) return;
    if (before !== undefined) {
      const names = this.#byInstance.get(before);
      names?.delete(name);
      if (names?.size === 0) this.#byInstance.delete(before);
      this.#instanceOf.delete(name);
    }
    if (after === undefined) return;
    this.#instanceOf.set(name, after);
    const names = this.#byInstance.get(after);
    if (names === undefined) this.#byInstance.set(after, new Set([name]));
    else names.add(name);
  }
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
  cloud: CloudView,
  bySlot: ReadonlyMap<string, readonly Instance[]>,
  options: ObserveOptions,
): Observation {
  const node = index.find(context);
  const heartbeatAt = node ? index.heartbeatAt(node.name) : 0;
  const silentMs = options.now - Math.max(heartbeatAt, options.sightedAt);
  const silent = node?.ready === 'True' && silentMs >= options.leaseSilentMs;
  const ready = node?.ready === 'True' && !silent;
  const id = context.instanceId;
  const found = id === null ? undefined : cloud.instances.get(id);
  const isGone = id === null ? cloud.askedAt > 0 : cloud.gone.has(id);
  return {
    node,
    ready,
    objectMissing: node === null,
    reason: node === null ? 'NodeObjectMissing' : silent ? 'LeaseSilent' : node.reason,
    heartbeatAt,
    heardInSight: heartbeatAt > options.sightedAt,
    instance: found ? instanceState(found) : isGone ? 'gone' : 'unknown',
    instanceAskedAt: (id === null ? undefined : cloud.askedAlone.get(id)) ?? cloud.askedAt,
    cloudRepairing: id !== null && cloud.repairing.has(id),
    successor: isGone ? successorOf(context, bySlot) : null,
    pausedByAnnotation: node?.annotations[kubernetesNames.paused] === 'true',
  };
}

function successorOf(
  { slot, instanceId }: NodeContext,
  bySlot: ReadonlyMap<string, readonly Instance[]>,
): Instance | null {
  const others = (bySlot.get(slot) ?? []).filter(({ id }) => id !== instanceId);
  const withAddress = others.filter(({ privateIp }) => privateIp !== null);
  // One that is stopped fills the slot too: without it the next replacement would make a second one (safety 5).
  return withAddress.find(({ status }) => status !== 'Stopped') ?? withAddress[0] ?? null;
}

/**
 * What the actor must hear of: where its memory and the observation differ. Level-triggered, so that an event that was lost, refused or
 * overtaken is made up for by the next look. Pure. `value` is the actor's state value, as far as it matters.
 */
export function differences(
  context: NodeContext,
  value: 'unknown' | 'joining' | 'retired' | 'other',
  seen: Observation,
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
  if (cloudChanged && seen.instance !== 'unknown' && seen.instanceAskedAt >= context.actedAt)
    events.push({
      type: 'INSTANCE_CHANGED',
      at: seen.instanceAskedAt,
      instance: seen.instance,
      cloudRepairing: seen.cloudRepairing,
    });
  if (seen.ready) {
    // Ready counts only with a heartbeat from after the last rung's work: what was Ready before it is no longer known to be.
    if (
      (!context.ready || value === 'unknown') &&
      (context.actedAt === 0 || seen.heardInSight) &&
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
