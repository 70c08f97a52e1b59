import type { AnyStateMachine } from 'xstate';
import type { FailureData } from '../failure.ts';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';
import type { ActorRecord, Json } from './record.ts';

/** An event as a machine takes it. */
export interface ActorEvent {
  readonly type: string;
  readonly [key: string]: Json;
}

/** What an effect is given besides its input. */
export interface EffectContext {
  readonly actor: string;
  readonly attempt: string;
  /** Aborted when the actor has moved on, or the runtime stops. An effect that ends after that is not heard. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** What the last `checkpoint` of this same attempt wrote, or null at its first start. */
  readonly progress: Json;
  /** Resolves when `progress` is durable: call it before whatever must not happen twice. */
  checkpoint(progress: Json): Promise<void>;
}

/** Does one thing in the world. What it resolves with becomes the done event's `output`; what it throws becomes FailureData. */
export type Effect = (input: Json, context: EffectContext) => Promise<Json>;

/** A machine as the runtime knows it. `migrations[n]` turns a record of version n into one of version n + 1; pure. */
export interface MachineEntry {
  readonly machine: AnyStateMachine;
  readonly version: number;
  readonly migrations: Readonly<Record<number, (record: ActorRecord) => ActorRecord>>;
  /** The context with every time in it `byMs` earlier; pure. Left out: the context holds no time. */
  readonly moveBack?: (context: Json, byMs: number) => Json;
}

/** What one durable transition did. Listeners are called after the commit, in commit order. */
export interface Transition {
  readonly actor: string;
  /** When the event was taken, in epoch ms. */
  readonly at: number;
  readonly event: ActorEvent;
  /** Null for an actor's first record. */
  readonly before: ActorRecord | null;
  readonly after: ActorRecord;
}

/** What was found in the store at start. Nothing in it is silent: whoever starts the runtime shows it. */
export interface RestoreReport {
  readonly actors: number;
  readonly deadlines: number;
  readonly effects: number;
  readonly migrated: number;
  /** How far the machine's clock had gone back since the newest record, at least, in ms: all times in the records were moved back by it. */
  readonly clockBackMs: number;
  /** Records that could not be read or migrated: set aside under `set-aside/<id>` in the store, and why. */
  readonly setAside: readonly { readonly actor: string; readonly why: string }[];
}

/**
 * What became of an event. `stalled`: the store takes no writes for now (a full disk), so nothing new is begun; send it again later.
 * `mailboxFull`: this one actor is not keeping up.
 */
export type SendResult = 'accepted' | 'unknownActor' | 'mailboxFull' | 'quarantined' | 'stalled' | 'stopped';

/** Where the runtime says what people must know. Fields hold no secrets. */
export type RuntimeLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, Json>>,
) => void;

/** Bounds of a runtime; each has a default in the file that uses it. */
export interface RuntimeLimits {
  /** Events that may wait in one actor's mailbox. */
  readonly mailbox?: number;
  /** Transitions in one commit. */
  readonly batch?: number;
}

export interface RuntimeOptions {
  /** Opened and closed by the caller; nobody else may write the keys under `actor/` and `set-aside/`. */
  readonly store: Store;
  readonly clock: Clock;
  /** Makes attempt ids unique over the lives of an actor. Default: the system's. */
  readonly random?: Random;
  /** By the name that records and `spawn` use. */
  readonly machines: Readonly<Record<string, MachineEntry>>;
  /** By the `src` of the invokes. */
  readonly effects: Readonly<Record<string, Effect>>;
  readonly limits?: RuntimeLimits;
  readonly log?: RuntimeLog;
  /** Asked at `start` for each actor whose record was set aside: what to start in its place, on the safe side. */
  readonly onSetAside?: (id: string) => { readonly machine: string; readonly input: Json } | undefined;
}

export interface Runtime {
  /** Reads the store, arms the deadlines (an overdue one fires at once), and starts the effects that had no end. Call it once. */
  start(): Promise<RestoreReport>;
  /**
   * Takes no more events, aborts the effects (their attempts stay in the records), and resolves when the last commit is durable. The
   * store stays open. Rejects with a `Failure` if the last commit can't be written.
   */
  stop(): Promise<void>;
  /** Starts an actor with this id, durably, unless there is one. */
  spawn(id: string, machine: string, input: Json): Promise<'spawned' | 'exists'>;
  /** Puts an event into the actor's mailbox; it is processed in order, soon, and never synchronously. */
  send(id: string, event: ActorEvent): SendResult;
  /** The actor's newest durable record. */
  record(id: string): ActorRecord | undefined;
  ids(): readonly string[];
  /** Actors whose machine threw: they keep their last good record and take no events. By id: why. */
  quarantined(): ReadonlyMap<string, string>;
  /** Why the store takes no writes, as long as it takes none. What was accepted is kept, and the commit tried again. */
  stalled(): FailureData | null;
  /** Forgets an actor and its record. Its effects are aborted. */
  remove(id: string): Promise<void>;
  onTransition(listener: (transition: Transition) => void): () => void;
  /** Resolves when every mailbox is empty and every commit durable. Effects may still run. */
  idle(): Promise<void>;
}

/** Where the records live. Keys are plain strings. A batch is durable as a whole or not at all. */
export interface Store {
  /** All or nothing, in order; resolves when durable. A full disk or a lost lock rejects with `Failure`, and nothing is half written. */
  commit(batch: readonly StoreWrite[]): Promise<void>;
  /** All entries under a prefix, in the order of their keys' UTF-8 bytes. A value that fails its checksum is given as `damaged`. */
  entries(prefix: string): AsyncIterable<StoreEntry>;
  get(key: string): Promise<StoreEntry | undefined>;
  close(): Promise<void>;
}

export type StoreWrite =
  | { readonly key: string; readonly value: Json }
  | { readonly key: string; readonly remove: true };
export type StoreEntry =
  | { readonly key: string; readonly value: Json }
  | {
      readonly key: string;
      /** Why the value can't be read. */
      readonly damaged: string;
      /** What stood there, as base64, so that it can be kept for a person. */
      readonly bytes: string;
    };
