import type { Actor } from './actor.ts';
import type { ActorRecord } from './record.ts';
import type { StoreWrite, Transition } from './types.ts';

/** Where an actor's record lies in the store. */
export const recordKey = (id: string): string => `actor/${id}`;
export const setAsideKey = (id: string): string => `set-aside/${id}`;

/** What goes into one commit, and what is let go once that is durable. */
export interface Batch {
  /** The last record of each actor in it; null: the actor is removed. */
  readonly records: Map<Actor, ActorRecord | null>;
  readonly transitions: Transition[];
  /** Called when the batch is durable, after the effects and deadlines are released. */
  readonly whenDurable: (() => void)[];
}

export function newBatch(): Batch {
  return { records: new Map(), transitions: [], whenDurable: [] };
}

export function writesOf(batch: Batch): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (const [actor, record] of batch.records) {
    const key = recordKey(actor.id);
    writes.push(record ? { key, value: record } : { key, remove: true });
  }
  return writes;
}
