import { readdir, readFile } from 'node:fs/promises';
import { type Clock, sleep } from '../../runtime/clock.ts';

/** How often the process table is read again while processes are being killed: they need milliseconds to vanish. */
const KILL_POLL_MS = 5;
/** A killed process that is still there after this is stuck in the kernel; waiting longer won't help. */
const KILL_LIMIT_MS = 10_000;

/** What marks every process of a sandbox, and of one of its instances, in its environment. */
export interface Marker {
  /** The sandbox's folder, absolute. */
  readonly sandbox: string;
  readonly instance?: string;
}

/** The living processes that carry the marker: pids, of this user's processes only, without zombies and without ourselves. */
export async function markedProcesses(marker: Marker): Promise<readonly number[]> {
  const wanted = [`WDRIP_SANDBOX=${marker.sandbox}`];
  if (marker.instance !== undefined) wanted.push(`WDRIP_INSTANCE=${marker.instance}`);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(async (pid) => ((await carries(pid, wanted)) ? pid : undefined)));
  return found.filter((pid) => pid !== undefined);
}

async function carries(pid: number, wanted: readonly string[]): Promise<boolean> {
  if (pid === process.pid) return false;
  try {
    // Empty for zombies and kernel threads; unreadable for other users' processes, and for one that has just ended.
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
    return wanted.every((entry) => environment.includes(entry));
  } catch {
    return false;
  }
}

/**
 * Kills whatever carries the marker, again and again until nothing does, since a process may fork while it is being killed.
 * Returns how many were killed. Throws if some can't be.
 */
export async function killMarked(marker: Marker, clock: Clock): Promise<number> {
  const killed = new Set<number>();
  for (const deadline = clock.now() + KILL_LIMIT_MS; ; ) {
    const pids = await markedProcesses(marker);
    if (pids.length === 0) return killed.size;
    if (clock.now() > deadline) {
      throw new Error(`Processes ${pids.join(', ')} of ${marker.instance ?? marker.sandbox} can't be killed`);
    }
    for (const pid of pids) {
      killed.add(pid);
      signal(pid, 'SIGKILL');
    }
    await sleep(clock, KILL_POLL_MS);
  }
}

/** Signals a process, or with a negative pid its group; one that is gone is no error. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (caught) {
    const isGone =
      typeof caught === 'object' && caught !== null && 'code' in caught && caught.code === 'ESRCH';
    if (!isGone) throw caught;
  }
}
