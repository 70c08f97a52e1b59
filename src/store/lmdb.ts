import { existsSync, renameSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import type { Store } from '../runtime/types.ts';
import { faultOfFile } from './check.ts';
import { lockFolder } from './lock.ts';
import { openLogged } from './logged.ts';
import { FileFault } from './meta.ts';

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
 * Fails with `StoreInUse` (another process has it), `StoreBroken` (the file is damaged), `StoreFull` or `StoreUnreadable` (no permission,
 * no folder); its commits with `StoreFull` or `StoreFailed`, and then nothing of them is written.
 */
export async function openLmdbStore(path: string, options: LmdbStoreOptions = {}): Promise<LmdbStore> {
  const file = join(path, 'data.mdb');
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const lock = await lockFolder(path);
    try {
      const opened = await openFile(file, path, lock.wasOwned, options.setAsideBroken === true);
      await lock.noteOwner();
      const close = () => opened.store.close().then(lock.release);
      return { ...opened.store, close, setAside: opened.setAside };
    } catch (caught) {
      await lock.release();
      throw caught;
    }
  } catch (caught) {
    throw caught instanceof Failure ? caught : unopenable(path, caught);
  }
}

async function openFile(file: string, path: string, wasOwned: boolean, mayMove: boolean) {
  let why = faultOf(file, wasOwned);
  if (why === undefined) {
    try {
      return { store: await openLogged(file, path), setAside: null };
    } catch (caught) {
      if (!(caught instanceof FileFault)) throw caught;
      why = caught.message;
    }
  }
  if (!mayMove) throw brokenFile(file, why);
  const setAside: BrokenFile = { why, movedTo: moveAside(file) };
  return { store: await openLogged(file, path), setAside };
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

function messageOf(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
}
