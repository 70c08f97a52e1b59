import type { Failure } from '../failure.ts';
import type { ActorRecord, Json } from './record.ts';
import type { RegisteredMachine } from './step.ts';
import type { ActorEvent } from './types.ts';

/** What waits in an actor's mailbox. Only `event`s come from outside; the others are the runtime's own and are never refused. */
export type Mail =
  | { readonly kind: 'event'; readonly event: ActorEvent }
  | { readonly kind: 'due'; readonly id: string; readonly due: number }
  | { readonly kind: 'end'; readonly attempt: string; readonly event: ActorEvent }
  | {
      readonly kind: 'checkpoint';
      readonly attempt: string;
      readonly progress: Json;
      /** Told when the progress is durable, or why it can't be. */
      readonly done: (failure?: Failure) => void;
    };

/** An effect that runs in this process. */
export interface RunningEffect {
  /** Null until the effect asks for its signal. */
  controller: AbortController | null;
  /** Why nobody listens to it any more; null while somebody does. */
  over: (() => Failure) | null;
  /** It has come to its end, which is perhaps not durable yet. */
  hasEnded: boolean;
}

/** An actor in memory. A quiet one is its record and little else: there are 100,000 of them. */
export interface Actor {
  readonly id: string;
  readonly machine: RegisteredMachine;
  /** The newest record, perhaps not durable yet: the next transition starts from it. */
  record: ActorRecord;
  /** The newest durable record; null until the first commit. */
  durable: ActorRecord | null;
  /** Null while nothing waits. */
  mailbox: Mail[] | null;
  /** The effects that run in this process, by attempt; null while none does. */
  running: Map<string, RunningEffect> | null;
  state: 'alive' | 'quarantined' | 'removed';
}

export function newActor(
  machine: RegisteredMachine,
  record: ActorRecord,
  durable: ActorRecord | null,
): Actor {
  return { id: record.id, machine, record, durable, mailbox: null, running: null, state: 'alive' };
}
