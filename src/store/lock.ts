import { readFile, realpath, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Failure } from '../failure.ts';

/** A folder that is ours until `release`, or until the process ends in whatever way. */
export interface FolderLock {
  release(): Promise<void>;
}

/** Names the process that has the folder, for people. The lock itself is the kernel's. */
const OWNER_FILE = 'owner.json';

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
    if (!(caught instanceof Error && 'code' in caught && caught.code === 'EADDRINUSE')) throw caught;
    const owner = await readFile(join(path, OWNER_FILE), 'utf8').then(
      (text) => text.trim(),
      () => 'which is not known',
    );
    throw new Failure({
      kind: 'rejected',
      code: 'StoreInUse',
      message: `the store ${await realpath(path)} is in use by another process (${owner}): stop that one first, or give this one a store of its own`,
    });
  }
  server.unref();
  await writeFile(join(path, OWNER_FILE), `${JSON.stringify({ pid: process.pid })}\n`);
  return {
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
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
