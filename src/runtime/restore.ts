import { z } from 'zod';
import { toFailure } from '../failure.ts';
import { recordKey, setAsideKey } from './batch.ts';
import type { ActorRecord, Json } from './record.ts';
import { inflate, type RegisteredMachine } from './step.ts';
import type { Store, StoreEntry, StoreWrite } from './types.ts';

/** Writes in one commit when records are migrated or set aside: bounds the memory, not the number of records. */
const WRITES_PER_COMMIT = 1_000;

/** What fits a ClientToken. */
const ATTEMPT = /^[\x21-\x7e]{1,64}$/;

const json = z.custom<Json>((value) => value !== undefined);

const effectSchema = z.object({
  id: z.string(),
  src: z.string(),
  input: json,
  attempt: z.string().regex(ATTEMPT),
  progress: json,
});

/** A stored record, as far as it can be judged without its machine. */
export const recordSchema = z.object({
  id: z.string(),
  machine: z.string(),
  version: z.number().int().positive(),
  sequence: z.number().int().nonnegative(),
  snapshot: z.object({
    value: json,
    context: json,
    status: z.enum(['active', 'done']),
    historyValue: json.optional(),
  }),
  since: z.number(),
  deadlines: z.record(z.string(), z.number()),
  effects: z.array(effectSchema),
});

/** What the store held, and what was changed in it on the way. */
export interface Restored {
  readonly actors: readonly { readonly machine: RegisteredMachine; readonly record: ActorRecord }[];
  readonly migrated: number;
  /** See RestoreReport. */
  readonly clockBackMs: number;
  readonly setAside: readonly { readonly actor: string; readonly why: string }[];
}

/**
 * Reads all records. If the newest of them is of a time that has not come yet, the clock was set back: all their times move back with it,
 * so that no wait is longer than it was and nothing that is seen from now on looks older than what was done (safety 61). What is of an
 * older version is migrated; what is damaged, unknown or can't be migrated is moved to `set-aside/<id>` with the reason. All that is
 * durable when this resolves. `at` is now, in epoch ms.
 */
export async function restoreRecords(
  store: Store,
  machines: ReadonlyMap<string, RegisteredMachine>,
  at: number,
): Promise<Restored> {
  let actors: Found[] = [];
  let newest = at;
  const setAside: { actor: string; why: string }[] = [];
  let writes: StoreWrite[] = [];
  let migrated = 0;
  const prefix = recordKey('');
  for await (const entry of store.entries(prefix)) {
    const id = entry.key.slice(prefix.length);
    try {
      const found = readRecord(entry, id, machines);
      actors.push(found);
      newest = Math.max(newest, found.record.since);
      if (!found.isMigrated) continue;
      migrated += 1;
      writes.push({ key: entry.key, value: found.record });
    } catch (caught) {
      const why = toFailure(caught).message;
      setAside.push({ actor: id, why });
      const what = 'damaged' in entry ? { bytes: entry.bytes } : { record: entry.value };
      writes.push({ key: setAsideKey(id), value: { why, at, ...what } }, { key: entry.key, remove: true });
    }
    if (writes.length < WRITES_PER_COMMIT) continue;
    await store.commit(writes);
    writes = [];
  }
  const clockBackMs = newest - at;
  if (clockBackMs > 0) {
    actors = actors.map((found) => movedBack(found, clockBackMs));
    for (const { record } of actors) {
      writes.push({ key: recordKey(record.id), value: record });
      if (writes.length < WRITES_PER_COMMIT) continue;
      await store.commit(writes);
      writes = [];
    }
  }
  if (writes.length > 0) await store.commit(writes);
  return { actors, migrated, clockBackMs, setAside };
}

interface Found {
  readonly machine: RegisteredMachine;
  readonly record: ActorRecord;
}

function movedBack({ machine, record }: Found, byMs: number): Found {
  const { snapshot, since, deadlines } = record;
  const context = machine.moveBack?.(snapshot.context, byMs) ?? snapshot.context;
  const earlier = Object.entries(deadlines).map(([id, due]) => [id, due - byMs] as const);
  return {
    machine,
    record: {
      ...record,
      snapshot: { ...snapshot, context },
      since: since - byMs,
      deadlines: Object.fromEntries(earlier),
    },
  };
}

function readRecord(entry: StoreEntry, id: string, machines: ReadonlyMap<string, RegisteredMachine>) {
  if ('damaged' in entry) throw new Error(entry.damaged);
  const stored = toRecord(entry.value);
  if (stored.id !== id) throw new Error(`the record under ${id} says that it is ${stored.id}`);
  const machine = machines.get(stored.machine);
  if (!machine) throw new Error(`unknown machine ${stored.machine}`);
  const record = migrate(machine, stored);
  // Proves that the machine has the state, and prepares it for the others that are in it.
  const { value } = inflate(machine, record);
  const snapshot = typeof value === 'string' ? record.snapshot : { ...record.snapshot, value };
  return { machine, record: { ...record, snapshot }, isMigrated: record !== stored };
}

function toRecord(value: Json): ActorRecord {
  if (isRecord(value)) return value;
  const parsed = recordSchema.safeParse(value);
  throw new Error(`not a record: ${parsed.success ? 'it was changed' : z.prettifyError(parsed.error)}`);
}

/**
 * What `recordSchema` says, checked in place: zod makes a copy of all that it parses, and at a start there are 100,000 records. A test
 * holds the two to each other.
 */
export function isRecord(value: unknown): value is ActorRecord {
  if (!isObject(value) || !isObject(value.snapshot)) return false;
  const { snapshot, deadlines, effects } = value;
  return (
    typeof value.id === 'string' &&
    typeof value.machine === 'string' &&
    isCount(value.version, 1) &&
    isCount(value.sequence, 0) &&
    'value' in snapshot &&
    'context' in snapshot &&
    (snapshot.status === 'active' || snapshot.status === 'done') &&
    Number.isFinite(value.since) &&
    isObject(deadlines) &&
    !Array.isArray(deadlines) &&
    Object.values(deadlines).every(Number.isFinite) &&
    Array.isArray(effects) &&
    effects.every(isEffect)
  );
}

function isEffect(value: unknown): boolean {
  return (
    isObject(value) &&
    typeof value.id === 'string' &&
    typeof value.src === 'string' &&
    typeof value.attempt === 'string' &&
    ATTEMPT.test(value.attempt) &&
    'input' in value &&
    'progress' in value
  );
}

function isCount(value: unknown, from: number): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= from;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function migrate(machine: RegisteredMachine, stored: ActorRecord): ActorRecord {
  if (stored.version > machine.version) {
    throw new Error(`version ${stored.version} of ${machine.name} is newer than ours, ${machine.version}`);
  }
  let record = stored;
  while (record.version < machine.version) {
    const step = machine.migrations[record.version];
    if (!step) throw new Error(`no migration of ${machine.name} from version ${record.version}`);
    const next = step(record);
    if (next.id !== record.id || next.version !== record.version + 1) {
      throw new Error(`the migration of ${machine.name} from version ${record.version} gives a wrong record`);
    }
    record = next;
  }
  return record;
}
