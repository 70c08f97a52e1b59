import { open, type RootDatabase } from 'lmdb';
import { Failure } from '../failure.ts';
import { microtasksDone } from '../runtime/clock.ts';
import type { Store, StoreWrite } from '../runtime/types.ts';
import { decodeBatch, encodeBatch, type LoggedBatch } from './batch-log.ts';
import { decodeValue } from './checksum.ts';
import { FileFault } from './meta.ts';
import { makeRoomIn } from './room.ts';
import { createSettler, type Piece } from './settler.ts';

/** As much of the log as may wait to be settled while commits keep coming: the more, the more records share a page's write. */
const MOST_LOG_BYTES = 64 * 2 ** 20;
/** As much as may wait when nothing comes: it is read again at each start, and held in memory. */
const IDLE_LOG_BYTES = 2 ** 20;
/** Records settled with each commit, as a multiple of the commit's: the log must shrink while it grows. */
const SETTLED_PER_WRITE = 2;
/** Records settled at a time when nothing else is written: a few ms, in which a commit has to wait. */
const IDLE_PIECE = 1_024;
/** Before all other keys, which are readable text. */
const LOG_PREFIX = '\u0001log/';
const FIRST_KEY = '\u0002';
/** Digits of a batch's number in its key, so that the order of the keys is that of the numbers. */
const LOG_DIGITS = 15;

/**
 * Pages that one write may use anew besides those of its value: the leaf's copy, what it is split into, and a share of the branches
 * above.
 */
const PAGES_FOR_WRITE = 3;
/** For LMDB's own list of free pages, and the branches of a small batch. */
const PAGES_FOR_COMMIT = 256;
/** LMDB's usual one; the pages of a machine with larger ones hold more too. */
const PAGE_BYTES = 4_096;

const logKey = (number: number): string => `${LOG_PREFIX}${String(number).padStart(LOG_DIGITS, '0')}`;

/**
 * The store on an LMDB file that was found whole. A commit is one value in a log, and is durable with it; the records are put under
 * their own keys later. Written there at once, each of 100,000 records in random order costs a page of 4 KiB.
 *
 * Throws `FileFault` if the log can't be read.
 */
export async function openLogged(file: string, path: string): Promise<Store> {
  const database = open<Uint8Array, string>({
    path: file,
    encoding: 'binary',
    // With it, lmdb says that a commit is done when it can be read, and not when it is on the disk.
    overlappingSync: false,
    // With it, lmdb makes promises of its own that nobody listens to: a failed commit would end the process.
    eventTurnBatching: false,
  });
  try {
    const log = readLog(database);
    const settler = createSettler(log.first);
    for (const batch of log.batches) settler.note(batch);
    const store = storeOn(database, settler, file, path);
    await store.settleAll();
    return store;
  } catch (caught) {
    await database.close();
    throw caught;
  }
}

function readLog(database: RootDatabase<Uint8Array, string>) {
  const batches: LoggedBatch[] = [];
  let first = 1;
  for (const { key, value } of database.getRange({ start: LOG_PREFIX, end: FIRST_KEY })) {
    const number = Number(key.slice(LOG_PREFIX.length));
    if (batches.length === 0) first = number;
    if (number !== first + batches.length) throw new FileFault('a batch of its log is missing');
    batches.push(decodeBatch(Buffer.from(value.buffer, value.byteOffset, value.byteLength)));
  }
  return { first, batches };
}

function storeOn(
  database: RootDatabase<Uint8Array, string>,
  settler: ReturnType<typeof createSettler>,
  file: string,
  path: string,
): Store & { settleAll(): Promise<void> } {
  const room = makeRoomIn(file);
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let isClosed = false;

  /** One transaction after the other, in the order in which they were asked for. */
  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    waiting += 1;
    const done = last.then(work);
    last = done.then(
      () => {
        waiting -= 1;
      },
      () => {
        waiting -= 1;
      },
    );
    return done;
  }

  async function write(batch: LoggedBatch | null, piece: Piece): Promise<void> {
    try {
      room.ensure(mostBytes(batch, piece));
    } catch (caught) {
      throw noRoom(caught, path);
    }
    try {
      await database.batch(() => {
        if (batch) database.put(logKey(settler.next), batch.bytes);
        for (const [key, stored] of piece.writes) {
          if (stored) database.put(key, stored);
          else database.remove(key);
        }
        for (let number = piece.forget.from; number < piece.forget.to; number++)
          database.remove(logKey(number));
      });
    } catch (caught) {
      throw await commitFailure(caught, path);
    }
    piece.done();
    if (batch) settler.note(batch);
  }

  async function settleAll(): Promise<void> {
    while (settler.isDue(-1)) {
      const piece = settler.piece(IDLE_PIECE);
      if (piece.writes.length === 0 && piece.forget.to === piece.forget.from) break;
      await write(null, piece);
    }
  }

  /** Settles as long as nobody else wants to write. What fails is tried again with the next commit. */
  async function settleWhenIdle(): Promise<void> {
    await microtasksDone();
    if (isClosed || waiting > 0 || !settler.isDue(IDLE_LOG_BYTES)) return;
    try {
      await inTurn(() => write(null, settler.piece(IDLE_PIECE)));
    } catch {
      return;
    }
    await settleWhenIdle();
  }

  return {
    settleAll,
    commit(batch: readonly StoreWrite[]) {
      if (batch.length === 0) return Promise.resolve();
      let encoded: LoggedBatch;
      try {
        encoded = encodeBatch(batch);
      } catch (caught) {
        return Promise.reject(caught);
      }
      const done = inTurn(() => {
        const most = settler.isDue(MOST_LOG_BYTES) ? SETTLED_PER_WRITE * batch.length : 0;
        return write(encoded, settler.piece(most));
      });
      done.then(settleWhenIdle, () => {});
      return done;
    },
    async *entries(prefix) {
      await inTurn(settleAll);
      for (const { key, value } of database.getRange({ start: prefix < FIRST_KEY ? FIRST_KEY : prefix })) {
        if (!key.startsWith(prefix)) return;
        yield decodeValue(key, value);
      }
    },
    async get(key) {
      const logged = settler.get(key);
      if (logged === null) return undefined;
      const bytes = logged ?? database.get(key);
      return bytes === undefined ? undefined : decodeValue(key, bytes);
    },
    async close() {
      isClosed = true;
      await last;
      await database.close();
      room.close();
    },
  };
}

/** The most that a transaction can make the file grow by. */
function mostBytes(batch: LoggedBatch | null, piece: Piece): number {
  const removed = piece.forget.to - piece.forget.from;
  let pages = PAGES_FOR_COMMIT + PAGES_FOR_WRITE * (1 + piece.writes.length + removed);
  pages += Math.ceil((batch?.bytes.length ?? 0) / PAGE_BYTES);
  for (const [, stored] of piece.writes) pages += Math.ceil((stored?.length ?? 0) / PAGE_BYTES);
  return pages * PAGE_BYTES;
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

/** lmdb gives the reason of a failed commit as a promise that rejects with it. */
async function reasonOf(promise: unknown): Promise<unknown> {
  try {
    return await promise;
  } catch (caught) {
    return caught;
  }
}

function messageOf(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
}
