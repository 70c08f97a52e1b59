import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { Failure } from '../failure.ts';
import type { Store, StoreEntry, StoreWrite } from '../runtime/types.ts';
import { decodeValue, encodeValues } from './checksum.ts';
import { lockFolder } from './lock.ts';

export interface LmdbStoreOptions {
  /** The most that the database may take, in bytes. Beyond it commits fail with `StoreFull`, as on a full disk. */
  readonly maxBytes?: number;
}

/**
 * A store in the folder `path`, made if it is not there. One process at a time.
 *
 * Gives the failures `StoreInUse` (another process has it), `StoreUnreadable` (no permission, no space, not a database) and, at commits,
 * `StoreFull` and `StoreFailed`.
 */
export async function openLmdbStore(path: string, options: LmdbStoreOptions = {}): Promise<Store> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(path);
  const database = open<Uint8Array, string>({
    path: join(path, 'data.mdb'),
    encoding: 'binary',
    // Without this a commit is "done" before it is on the disk.
    overlappingSync: false,
  });
  void options;
  return lmdbStore(database, lock.release);
}

function lmdbStore(database: RootDatabase<Uint8Array, string>, release: () => Promise<void>): Store {
  const entryOf = (key: string, bytes: Uint8Array): StoreEntry => decodeValue(key, bytes);
  return {
    async commit(batch: readonly StoreWrite[]) {
      if (batch.length === 0) return;
      const values = encodeValues(batch);
      let done: Promise<boolean> | undefined;
      for (const [index, write] of batch.entries()) {
        const value = values[index];
        done = value ? database.put(write.key, value) : database.remove(write.key);
      }
      try {
        await done;
      } catch (caught) {
        throw await commitFailure(caught);
      }
    },
    async *entries(prefix) {
      for (const { key, value } of database.getRange({ start: prefix })) {
        if (!key.startsWith(prefix)) return;
        yield entryOf(key, value);
      }
    },
    async get(key) {
      const bytes = database.get(key);
      return bytes === undefined ? undefined : entryOf(key, bytes);
    },
    async close() {
      await database.close();
      await release();
    },
  };
}

async function commitFailure(caught: unknown): Promise<Failure> {
  const cause =
    caught instanceof Error && 'commitError' in caught ? await settled(caught.commitError) : caught;
  const message = cause instanceof Error ? cause.message : String(cause);
  const full = /No space left|MDB_MAP_FULL|quota/i.test(message);
  return new Failure(
    {
      kind: 'retryable',
      code: full ? 'StoreFull' : 'StoreFailed',
      message: `writing to the store failed: ${message}`,
    },
    { cause },
  );
}

async function settled(promise: unknown): Promise<unknown> {
  try {
    return await promise;
  } catch (caught) {
    return caught;
  }
}
