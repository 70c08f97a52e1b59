import { existsSync } from 'node:fs';
import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../failure.ts';

/** A folder that is ours until `release`, or until the process ends in whatever way. */
export interface FolderLock {
  /** A store was opened here before. */
  readonly wasOwned: boolean;
  /** Writes down who has it, for those that are turned away. */
  noteOwner(): Promise<void>;
  release(): Promise<void>;
}

/** Names the process that has the folder, for people. The lock itself is the kernel's. */
const OWNER_FILE = 'owner.json';
const ownerSchema = z.object({ pid: z.number() });

/**
 * Takes the folder for this process; fails with `StoreInUse` if another has it.
 *
 * The lock is a Unix socket in Linux's abstract namespace, named by the folder's device and inode: the kernel gives it to one process
 * and takes it back when that ends, also by SIGKILL, so that there is no stale lock to judge.
 */
export async function lockFolder(path: string): Promise<FolderLock> {
  const { dev, ino } = await stat(path);
  const server = createServer((connection) => connection.destroy());
  try {
    await listen(server, `\0wdrip-store-${dev}-${ino}`);
  } catch (caught) {
    if (!isTaken(caught)) throw caught;
    const owner = await ownerOf(path);
    throw new Failure({
      kind: 'rejected',
      code: 'StoreInUse',
      message: `the store ${await realpath(path)} is in use by ${owner}: stop that one first, or give this one a store of its own`,
    });
  }
  server.unref();
  const ownerFile = join(path, OWNER_FILE);
  return {
    wasOwned: existsSync(ownerFile),
    noteOwner: () => writeFile(ownerFile, `${JSON.stringify({ pid: process.pid })}\n`, { mode: 0o600 }),
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function isTaken(caught: unknown): boolean {
  return typeof caught === 'object' && caught !== null && 'code' in caught && caught.code === 'EADDRINUSE';
}

async function ownerOf(path: string): Promise<string> {
  try {
    const found = ownerSchema.parse(JSON.parse(await readFile(join(path, OWNER_FILE), 'utf8')));
    return `process ${found.pid}`;
  } catch {
    // It is being opened just now.
    return 'another process';
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
