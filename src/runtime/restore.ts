import { z } from 'zod';
import { toFailure } from '../failure.ts';
import { recordKey, setAsideKey } from './batch.ts';
import type { ActorRecord, Json } from './record.ts';
import { inflate, type RegisteredMachine } from './step.ts';
import type { Store, StoreEntry, StoreWrite } from './types.ts';

/** Writes in one commit when records are migrated or set aside: bounds the memory, not the number of records. */
const WRITES_PER_COMMIT = 1_000;

const json = z.custom<Json>((value) => value !== undefined);

const effectSchema = z.object({
  id: z.string(),
  src: z.string(),
  input: json,
  attempt: z.string().regex(/^[\x21-\x7e]{1,64}$/),
  progress: json,
});

/** A stored record, as far as it can be judged without its machine. */
const recordSchema = z.object({
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
  readonly setAside: readonly { readonly actor: string; readonly why: string }[];
}

/**
 * Reads all records. What is of an older version is migrated; what is damaged, unknown or can't be migrated is moved to
 * `set-aside/<id>` with the reason. Both are durable when this resolves. `at` is now, in epoch ms.
 */
export async function restoreRecords(
  store: Store,
  machines: ReadonlyMap<string, RegisteredMachine>,
  at: number,
): Promise<Restored> {
  const actors: { machine: RegisteredMachine; record: ActorRecord }[] = [];
  const setAside: { actor: string; why: string }[] = [];
  let writes: StoreWrite[] = [];
  let migrated = 0;
  const prefix = recordKey('');
  for await (const entry of store.entries(prefix)) {
    const id = entry.key.slice(prefix.length);
    try {
      const found = readRecord(entry, id, machines);
      actors.push(found);
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
  if (writes.length > 0) await store.commit(writes);
  return { actors, migrated, setAside };
}

function readRecord(entry: StoreEntry, id: string, machines: ReadonlyMap<string, RegisteredMachine>) {
  if ('damaged' in entry) throw new Error(entry.damaged);
  const parsed = recordSchema.safeParse(entry.value);
  if (!parsed.success) throw new Error(`not a record: ${z.prettifyError(parsed.error)}`);
  const { snapshot, ...rest } = parsed.data;
  const { historyValue, ...state } = snapshot;
  const stored: ActorRecord = {
    ...rest,
    snapshot: historyValue === undefined ? state : { ...state, historyValue },
  };
  if (stored.id !== id) throw new Error(`the record under ${id} says that it is ${stored.id}`);
  const machine = machines.get(stored.machine);
  if (!machine) throw new Error(`unknown machine ${stored.machine}`);
  const record = migrate(machine, stored);
  // Proves that the machine has the state, and prepares it for the others that are in it.
  inflate(machine, record);
  return { machine, record, isMigrated: record !== stored };
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
