import { existsSync, renameSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { Failure } from '../failure.ts';
import type { Store, StoreWrite } from '../runtime/types.ts';
import { faultOfFile } from './check.ts';
import { decodeValue, encodeValues } from './checksum.ts';
import { lockFolder } from './lock.ts';
import { makeRoomIn } from './room.ts';

export interface LmdbStoreOptions {
  /** Begin with an empty store if the file is broken, and keep the broken one beside it. Otherwise that is a failure. */
  readonly setAsideBroken?: boolean;
}

/** A broken database file that was set aside. Its actors are lost: what they had tried is not known. */
export interface BrokenFile {
  readonly why: string;
  /** Where it lies now; null if there was none any more. */
  readonly movedTo: string | null;
}

export interface LmdbStore extends Store {
  /** Not null if the store begins empty although it should not. Whoever opened it shows this. */
  readonly setAside: BrokenFile | null;
}

/** More set-aside files of one store than this and a person must clear up. */
const MOST_SET_ASIDE = 100;

/**
 * A store in the folder `path`, made if it is not there. One process at a time.
 *
 * Fails with `StoreInUse` (another process has it), `StoreBroken` (the file is damaged), `StoreFull` or `StoreUnreadable` (no permission, no
 * folder); its commits with `StoreFull` or `StoreFailed`, and then nothing of them is written.
 */
export async function openLmdbStore(path: string, options: LmdbStoreOptions = {}): Promise<LmdbStore> {
  const file = join(path, 'data.mdb');
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const lock = await lockFolder(path);
    try {
      const why = faultOf(file, lock.wasOwned);
      if (why !== undefined && !options.setAsideBroken) throw brokenFile(file, why);
      const setAside = why === undefined ? null : { why, movedTo: moveAside(file) };
      const database = open<Uint8Array, string>({
        path: file,
        encoding: 'binary',
        // With it, lmdb says that a commit is done when it can be read, and not when it is on the disk.
        overlappingSync: false,
        // With it, lmdb makes promises of its own that nobody listens to: a full disk would end the process.
        eventTurnBatching: false,
      });
      await lock.noteOwner();
      return { ...storeOn(database, file, path, lock.release), setAside };
    } catch (caught) {
      await lock.release();
      throw caught;
    }
  } catch (caught) {
    throw caught instanceof Failure ? caught : unopenable(path, caught);
  }
}

/** What is wrong with the file; undefined if nothing is, or if it is yet to be made. */
function faultOf(file: string, wasOwned: boolean): string | undefined {
  // A store that never came to be opened may have left a file without content.
  if (!existsSync(file) || statSync(file).size === 0) return wasOwned ? 'its content is gone' : undefined;
  return faultOfFile(file);
}

function moveAside(file: string): string | null {
  if (!existsSync(file)) return null;
  for (let number = 1; number <= MOST_SET_ASIDE; number++) {
    const target = `${file}.broken-${number}`;
    if (existsSync(target)) continue;
    renameSync(file, target);
    return target;
  }
  throw brokenFile(file, `it is damaged, and so were ${MOST_SET_ASIDE} before it, which lie beside it`);
}

function storeOn(
  database: RootDatabase<Uint8Array, string>,
  file: string,
  path: string,
  release: () => Promise<void>,
): Store {
  const room = makeRoomIn(file);
  return {
    async commit(batch: readonly StoreWrite[]) {
      if (batch.length === 0) return;
      const values = encodeValues(batch);
      try {
        room.ensure(mostBytesFor(values));
      } catch (caught) {
        throw noRoom(caught, path);
      }
      try {
        // One transaction and one promise.
        await database.batch(() => {
          for (const [index, write] of batch.entries()) {
            const value = values[index];
            if (value) database.put(write.key, value);
            else database.remove(write.key);
          }
        });
      } catch (caught) {
        throw await commitFailure(caught, path);
      }
    },
    async *entries(prefix) {
      for (const { key, value } of database.getRange({ start: prefix })) {
        if (!key.startsWith(prefix)) return;
        yield decodeValue(key, value);
      }
    },
    async get(key) {
      const bytes = database.get(key);
      return bytes === undefined ? undefined : decodeValue(key, bytes);
    },
    async close() {
      await database.close();
      room.close();
      await release();
    },
  };
}

/** Pages that one write may use anew besides those of its value: the leaf's copy, what it is split into, and a share of the branches above. */
const PAGES_FOR_WRITE = 3;
/** For LMDB's own list of free pages, and the branches of a small batch. */
const PAGES_FOR_COMMIT = 256;
/** LMDB's usual one; the pages of a machine with larger ones hold more too. */
const PAGE_BYTES = 4_096;

/** The most that a batch can make the file grow by. */
function mostBytesFor(values: readonly (Buffer | undefined)[]): number {
  const pages = values.reduce(
    (sum, value) => sum + PAGES_FOR_WRITE + Math.ceil((value?.length ?? 0) / PAGE_BYTES),
    PAGES_FOR_COMMIT,
  );
  return pages * PAGE_BYTES;
}

function brokenFile(file: string, why: string): Failure {
  return new Failure({
    kind: 'rejected',
    code: 'StoreBroken',
    message: `the store's file ${file} is broken: ${why}. Move it away to begin with an empty store; nodes under repair are then observed anew`,
  });
}

function unopenable(path: string, caught: unknown): Failure {
  const message = messageOf(caught);
  const code = /ENOSPC|No space left/.test(message) ? 'StoreFull' : 'StoreUnreadable';
  return new Failure(
    { kind: 'rejected', code, message: `the store ${path} can't be opened: ${message}` },
    { cause: caught },
  );
}

async function commitFailure(caught: unknown, path: string): Promise<Failure> {
  const hasReason = typeof caught === 'object' && caught !== null && 'commitError' in caught;
  const cause = hasReason ? await reasonOf(caught.commitError) : caught;
  const message = `the store ${path} can't be written: ${messageOf(cause)}`;
  return new Failure({ kind: 'retryable', code: 'StoreFailed', message }, { cause });
}

function noRoom(caught: unknown, path: string): Failure {
  const isFull = /ENOSPC|EDQUOT|EFBIG/.test(messageOf(caught));
  const message = isFull
    ? `no space is left for the store ${path}: make room on its disk (${messageOf(caught)})`
    : `the store ${path} can't grow: ${messageOf(caught)}`;
  return new Failure(
    { kind: 'retryable', code: isFull ? 'StoreFull' : 'StoreFailed', message },
    { cause: caught },
  );
}

function messageOf(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
}

/** lmdb gives the reason of a failed commit as a promise that rejects with it. */
async function reasonOf(promise: unknown): Promise<unknown> {
  try {
    return await promise;
  } catch (caught) {
    return caught;
  }
}
