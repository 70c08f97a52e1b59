import type { NodeContext } from '../../machines/node.ts';
import type { ActorRecord, Json } from '../runtime/record.ts';

/** Ids of actors. Users see them in logs. */
export const actorIds = {
  supervisor: 'supervisor',
  quorum: 'quorum',
  backup: 'backup',
  recovery: (attempt: string) => `recovery/${attempt}`,
  node: (slot: string) => `node/${slot}`,
  storm: (scope: string) => `storm/${scope}`,
} as const;

/** A node's actor as the supervisor reads it. */
export interface NodeActor {
  readonly record: ActorRecord;
  readonly context: NodeContext;
  /** Path of the state, such as `repairing.rebooting.draining`. */
  readonly state: string;
}

/** `{ repairing: { rebooting: 'draining' } }` as `repairing.rebooting.draining`. Parallel regions are joined by a comma. */
export function statePath(value: Json): string {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return '';
  const known = paths.get(value);
  if (known !== undefined) return known;
  const path = Object.entries(value)
    .map(([key, inner]) => (statePath(inner) === '' ? key : `${key}.${statePath(inner)}`))
    .join(',');
  paths.set(value, path);
  return path;
}

/** The runtime has one object for each state value, which nobody changes. */
const paths = new WeakMap<object, string>();

/** The record of a node's actor, in its own types: the runtime has checked its machine and version, so its context is what it says. */
export function nodeActor(record: ActorRecord): NodeActor {
  return {
    record,
    context: record.snapshot.context as unknown as NodeContext,
    state: statePath(record.snapshot.value),
  };
}

/**
 * Nodes of a pool or zone, and how many of them are NotReady. One that is still joining, not observed yet or not made yet has not failed.
 */
export interface ScopeCount {
  readonly notReady: number;
  readonly total: number;
}

/** The scopes that a node belongs to: its pool and its zone. */
export function scopesOf(context: { readonly pool: string; readonly zone: string }): readonly string[] {
  return [`pool/${context.pool}`, `zone/${context.zone}`];
}

/** True if something is going on. */
function isBusy({ state }: NodeActor): boolean {
  return state !== 'healthy' && state !== 'retired';
}

/**
 * Busy, but only waiting: for a time to pass, for a permit, for a node to be Ready, or for a person. What the cloud says meanwhile is no
 * hurry: whatever is done next asks it anew.
 */
const patient =
  /^(settling|throttled|held|blind|(repairing\.\w+|retiring)\.admitting|repairing\.\w+\.awaitingReady)$/;

function isUrgent(actor: NodeActor): boolean {
  return isBusy(actor) && !patient.test(actor.state);
}

/** An effect that changes the instance runs now: it ends by itself, or by its deadline, whatever can be seen meanwhile. */
export function isAtWork(actor: NodeActor | undefined): boolean {
  return actor !== undefined && /^(repairing\.\w+\.acting|retiring\.removing)$/.test(actor.state);
}

/**
 * All node actors by slot, as of their newest durable records, and what is asked of all of them together. That is kept up to date record by
 * record: a fleet of ten thousand is never counted through for the one node that has changed.
 */
export class Fleet {
  readonly #bySlot = new Map<string, NodeActor>();
  readonly #byNode = new Map<string, string>();
  readonly #byInstance = new Map<string, string>();
  readonly #busy = new Map<string, NodeActor>();
  readonly #urgent = new Map<string, NodeActor>();
  readonly #permits = new Map<string, NodeActor>();
  readonly #scopes = new Map<string, { notReady: number; total: number }>();
  /** Null once they have changed. */
  #instanceIds: readonly string[] | null = null;

  update(record: ActorRecord): NodeActor {
    const actor = nodeActor(record);
    const { slot, nodeName, instanceId, permit } = actor.context;
    const before = this.#bySlot.get(slot);
    this.#bySlot.set(slot, actor);
    rename(this.#byNode, slot, before?.context.nodeName ?? null, nodeName);
    rename(this.#byInstance, slot, before?.context.instanceId ?? null, instanceId);
    if (before?.context.instanceId !== instanceId) this.#instanceIds = null;
    keepIf(isBusy(actor), this.#busy, slot, actor);
    keepIf(isUrgent(actor), this.#urgent, slot, actor);
    keepIf(permit !== null, this.#permits, slot, actor);
    if (before !== undefined) this.#count(before, -1);
    this.#count(actor, 1);
    return actor;
  }

  /** Forgets a slot whose actor was removed. */
  remove(slot: string): void {
    const actor = this.#bySlot.get(slot);
    if (actor === undefined) return;
    this.#bySlot.delete(slot);
    rename(this.#byNode, slot, actor.context.nodeName, null);
    rename(this.#byInstance, slot, actor.context.instanceId, null);
    this.#instanceIds = null;
    this.#busy.delete(slot);
    this.#urgent.delete(slot);
    this.#permits.delete(slot);
    this.#count(actor, -1);
  }

  get(slot: string): NodeActor | undefined {
    return this.#bySlot.get(slot);
  }

  get size(): number {
    return this.#bySlot.size;
  }

  /** A copy. */
  all(): readonly NodeActor[] {
    return [...this.#bySlot.values()];
  }

  /** To walk over all of them without a copy. */
  values(): Iterable<NodeActor> {
    return this.#bySlot.values();
  }

  /** By slot: the actors that are neither healthy nor retired. Lives. */
  busy(): ReadonlyMap<string, NodeActor> {
    return this.#busy;
  }

  /** Those of the busy ones for which the next word of the cloud decides what comes next. Lives. */
  urgent(): ReadonlyMap<string, NodeActor> {
    return this.#urgent;
  }

  /** By slot: the actors whose record holds a permit. Lives. */
  permits(): ReadonlyMap<string, NodeActor> {
    return this.#permits;
  }

  /** By scope, as `pool/<id>` and `zone/<id>`; slots that are retired, or are about to be, don't count. Lives. */
  scopes(): ReadonlyMap<string, ScopeCount> {
    return this.#scopes;
  }

  /** The instances that the actors believe in. The same array until they are others. */
  instanceIds(): readonly string[] {
    this.#instanceIds ??= instancesOf(this.#bySlot.values());
    return this.#instanceIds;
  }

  /** The slot whose actor believes in this node, or in this instance. */
  slotOfNode(name: string): string | undefined {
    return this.#byNode.get(name);
  }

  slotOfInstance(id: string): string | undefined {
    return this.#byInstance.get(id);
  }

  /** By slot, node name or instance id: whatever a person types. */
  find(name: string): NodeActor | undefined {
    return (
      this.#bySlot.get(name) ?? this.#bySlot.get(this.#byNode.get(name) ?? this.#byInstance.get(name) ?? '')
    );
  }

  #count({ context, state }: NodeActor, by: 1 | -1): void {
    if (state === 'retired' || state.startsWith('retiring')) return;
    const isNew = state === 'unknown' || state === 'joining' || context.instanceId === null;
    const failed = !context.ready && !isNew;
    for (const scope of scopesOf(context)) {
      const count = this.#scopes.get(scope) ?? { notReady: 0, total: 0 };
      count.total += by;
      if (failed) count.notReady += by;
      this.#scopes.set(scope, count);
    }
  }
}

/** Those that the actors believe in. */
export function instancesOf(actors: Iterable<NodeActor>): readonly string[] {
  const ids: string[] = [];
  for (const { context } of actors) if (context.instanceId !== null) ids.push(context.instanceId);
  return ids;
}

function rename(index: Map<string, string>, slot: string, before: string | null, after: string | null): void {
  if (before === after) return;
  if (before !== null && index.get(before) === slot) index.delete(before);
  if (after !== null) index.set(after, slot);
}

function keepIf(holds: boolean, among: Map<string, NodeActor>, slot: string, actor: NodeActor): void {
  if (holds) among.set(slot, actor);
  else among.delete(slot);
}
