import { createHash } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';
import { resolve } from 'node:path';
import { Failure } from '../failure.ts';

/** Enough of a SHA-256 that two folders never share a lock. */
const HASH_DIGITS = 32;
/** A sandbox takes a gigabyte: this many at the same time are more than any machine holds. */
const MOST_NETWORKS = 100;

/** A lock that is held. */
export interface SandboxLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of the sandbox in `dir`, which one process can hold. It is a name in Linux' abstract socket namespace: the kernel lets
 * go of it when the process ends, however that happens, and no file is left. Throws `Failure` `SandboxBusy` if somebody has it.
 */
export function lockSandbox(dir: string): Promise<SandboxLock> {
  return take(
    lockName(dir),
    `another process runs the sandbox in ${dir}: end it with \`wdrip sandbox down\`, or use another --dir`,
  );
}

/** Takes the first network that no other sandbox of this machine has: the N of its addresses 127.N.…. Throws `Failure` `SandboxBusy`. */
export async function takeNetwork(): Promise<SandboxLock & { readonly network: number }> {
  for (let network = 0; network < MOST_NETWORKS; network += 1) {
    try {
      return { network, ...(await take(`\0wdrip-network-${network}`, '')) };
    } catch (caught) {
      if (!(caught instanceof Failure)) throw caught;
    }
  }
  const message = `${MOST_NETWORKS} sandboxes run on this machine: end one with \`wdrip sandbox down\``;
  throw new Failure({ kind: 'rejected', code: 'SandboxBusy', message });
}

async function take(name: string, busy: string): Promise<SandboxLock> {
  const server = createServer((connection) => connection.destroy());
  // The lock alone is no reason for the process to live.
  server.unref();
  await listen(server, name, busy);
  return {
    release: () => new Promise((settle) => server.close(() => settle())),
  };
}

/** Whether a process holds the lock of the sandbox in `dir`. Looking does not take it. */
export function isSandboxLocked(dir: string): Promise<boolean> {
  return new Promise((settle, reject) => {
    const connection = connect(lockName(dir));
    connection.once('connect', () => {
      connection.destroy();
      settle(true);
    });
    connection.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ECONNREFUSED' || cause.code === 'ENOENT') settle(false);
      else reject(cause);
    });
  });
}

function lockName(dir: string): string {
  const hash = createHash('sha256').update(resolve(dir)).digest('hex').slice(0, HASH_DIGITS);
  return `\0wdrip-sandbox-${hash}`;
}

function listen(server: Server, name: string, busy: string): Promise<void> {
  return new Promise((settle, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'EADDRINUSE') return reject(cause);
      reject(new Failure({ kind: 'rejected', code: 'SandboxBusy', message: busy }, { cause }));
    });
    server.listen(name, settle);
  });
}
