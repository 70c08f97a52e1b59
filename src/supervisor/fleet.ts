import type { NodeContext } from '../../machines/node.ts';
import type { ActorRecord, Json } from '../runtime/record.ts';

/** Ids of actors. Users see them in logs. */
export const actorIds = {
  supervisor: 'supervisor',
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
  return Object.entries(value)
    .map(([key, inner]) => (statePath(inner) === '' ? key : `${key}.${statePath(inner)}`))
    .join(',');
}

/** The record of a node's actor, in its own types: the runtime has checked its machine and version, so its context is what it says. */
export function nodeActor(record: ActorRecord): NodeActor {
  return {
    record,
    context: record.snapshot.context as unknown as NodeContext,
    state: statePath(record.snapshot.value),
  };
}

/** All node actors by slot, as of their newest durable records. */
export class Fleet {
  readonly #bySlot = new Map<string, NodeActor>();

  update(record: ActorRecord): NodeActor {
    const actor = nodeActor(record);
    this.#bySlot.set(actor.context.slot, actor);
    return actor;
  }

  get(slot: string): NodeActor | undefined {
    return this.#bySlot.get(slot);
  }

  all(): readonly NodeActor[] {
    return [...this.#bySlot.values()];
  }

  /** By slot, node name or instance id: whatever a person types. */
  find(name: string): NodeActor | undefined {
    return (
      this.#bySlot.get(name) ??
      this.all().find(({ context }) => context.nodeName === name || context.instanceId === name)
    );
  }

  /** True if something is going on that is worth looking at more often. */
  isBusy(): boolean {
    return this.all().some(({ state }) => state !== 'healthy' && state !== 'retired');
  }
}
