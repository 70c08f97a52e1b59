import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { RemoteEnd } from '../cloud/balancer/listener.ts';

/**
 * From which instance a connection comes, by the process that holds its other end: programs bind no address of their own, so that all of
 * them come from 127.0.0.1. Looks through the processes below the given inits (instance → pid), some dozens, in a few ms; null if it is
 * none of theirs. Linux only, as the sandbox's hosts are.
 */
export function connectionOrigin(remote: RemoteEnd, inits: ReadonlyMap<string, number>): string | null {
  const inode = inodeOf(remote);
  if (inode === null) return null;
  for (const [instance, init] of inits) if (tree(init).some((pid) => holds(pid, inode))) return instance;
  return null;
}

/** The kernel's number of the socket whose own end this is. */
function inodeOf({ address, port }: RemoteEnd): string | null {
  const bytes = address.split('.').map(Number).reverse();
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0');
  const local = `${bytes.map((byte) => hex(byte, 2)).join('')}:${hex(port, 4)}`;
  for (const line of read('/proc/net/tcp').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] === local && fields[9] !== undefined && fields[9] !== '0') return fields[9];
  }
  return null;
}

/** A process and all below it. Children are told by the thread that made them. */
function tree(pid: number): readonly number[] {
  const children = list(`/proc/${pid}/task`).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`)
      .split(' ')
      .filter((word) => word !== ''),
  );
  return [pid, ...children.map(Number).flatMap(tree)];
}

function holds(pid: number, inode: string): boolean {
  const folder = `/proc/${pid}/fd`;
  return list(folder).some((name) => link(`${folder}/${name}`) === `socket:[${inode}]`);
}

/** Nothing, if the process has ended since. */
function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
