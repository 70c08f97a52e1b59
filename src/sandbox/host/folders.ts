import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A unix socket's path can't be longer: `sun_path` has 108 bytes, the last of which is 0 (unix(7)). */
const LONGEST_SOCKET_PATH = 107;
/** Enough of a SHA-256 that two sandboxes of one user never share a folder of sockets. */
const HASH_DIGITS = 12;

/** Where the things of one instance lie. */
export interface InstanceFolders {
  readonly base: string;
  /** The system disk. */
  readonly disk: string;
  readonly userData: string;
  readonly initPid: string;
  readonly initLog: string;
  /** `systemctl` is answered here. */
  readonly controlSocket: string;
  readonly agentSocket: string;
}

/** The folders of an instance of the sandbox in `dir`. */
export function instanceFolders(dir: string, id: string): InstanceFolders {
  const base = join(resolve(dir), 'instances', id);
  return {
    base,
    disk: join(base, 'disk'),
    userData: join(base, 'user-data'),
    initPid: join(base, 'init.pid'),
    initLog: join(base, 'init.log'),
    controlSocket: socketPath(dir, id, 'control'),
    agentSocket: socketPath(dir, id, 'agent'),
  };
}

/** The folder of the sockets whose own place would give too long a path. Removed with the sandbox. */
export function shortSocketFolder(dir: string): string {
  const hash = createHash('sha256').update(resolve(dir)).digest('hex').slice(0, HASH_DIGITS);
  return join(tmpdir(), `wdrip-${hash}`);
}

function socketPath(dir: string, id: string, name: string): string {
  const own = join(resolve(dir), 'instances', id, `${name}.sock`);
  if (Buffer.byteLength(own) <= LONGEST_SOCKET_PATH) return own;
  const short = join(shortSocketFolder(dir), `${id}.${name}`);
  if (Buffer.byteLength(short) > LONGEST_SOCKET_PATH) {
    throw new Error(`${short} is too long for a socket: set TMPDIR to a shorter folder`);
  }
  return short;
}
