import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil } from '../bootstrap/wait-until.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import { sandboxEntries, sandboxPaths } from './dir.ts';
import { cleanLeftovers } from './host/process-host.ts';
import { isSandboxLocked } from './lock.ts';
import { readSandboxState } from './state.ts';

/** The daemon ends its instances by force, in parallel: this is many times what that takes. */
const END_LIMIT_MS = 30_000;
/** After SIGKILL only the kernel has work left. */
const KILL_LIMIT_MS = 5_000;
/** A daemon that has just been started opens its servers first. */
const START_LIMIT_MS = 30_000;
const LOOK_MS = 50;

/** What `takeDown` found and did. */
export interface TakenDown {
  /** There was a daemon, and it has ended. */
  readonly daemon: boolean;
  /** Processes that nobody looked after any more: what a crash had left. */
  readonly leftovers: number;
  /** Files of the sandbox were there and are gone. */
  readonly removed: boolean;
}

/**
 * Takes the sandbox in `dir` down: no process is left, and (unless `keep`) no file of its. Other files in the folder stay. It does not
 * matter what state the sandbox is in: running, half up, crashed, or not there.
 */
export async function takeDown(
  dir: string,
  options: { readonly keep: boolean; readonly clock: Clock; readonly onProgress?: (step: string) => void },
): Promise<TakenDown> {
  const { keep, clock } = options;
  const progress = options.onProgress ?? (() => {});
  const paths = sandboxPaths(dir);
  const daemon = await isSandboxLocked(paths.dir);
  if (daemon) {
    progress('ending the instances and the daemon');
    await endDaemon(dir, clock, progress);
  }
  const leftovers = await cleanLeftovers(paths.dir, clock);
  if (leftovers > 0) progress(`killed ${leftovers} processes that a crash had left behind`);
  const removed = keep ? false : await removeFiles(paths.dir);
  return { daemon, leftovers, removed };
}

async function endDaemon(dir: string, clock: Clock, progress: (step: string) => void): Promise<void> {
  const paths = sandboxPaths(dir);
  const unlocked = (timeoutMs: number) =>
    waitUntil<void>({
      what: `the sandbox in ${paths.dir} to end`,
      advice: `See ${paths.log}`,
      clock,
      timeoutMs,
      intervalMs: LOOK_MS,
      look: async () =>
        (await isSandboxLocked(paths.dir)) ? { seen: 'its daemon runs' } : { done: undefined },
    });
  // Written soon after the lock was taken, and over what an older one had written: while somebody holds the lock, the pid is his.
  const pid = await waitUntil<number | null>({
    what: `the daemon of the sandbox in ${paths.dir} to say who it is`,
    advice: `See ${paths.log}`,
    clock,
    timeoutMs: START_LIMIT_MS,
    intervalMs: LOOK_MS,
    look: async () => {
      if (!(await isSandboxLocked(dir))) return { done: null };
      const state = await readSandboxState(paths);
      return state ? { done: state.pid } : { seen: 'it says nothing' };
    },
  });
  if (pid === null) return;
  signal(pid, 'SIGTERM');
  try {
    await unlocked(END_LIMIT_MS);
  } catch (caught) {
    if (!(caught instanceof Failure)) throw caught;
    progress('the daemon does not end: killing it');
    signal(pid, 'SIGKILL');
    await unlocked(KILL_LIMIT_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (caught) {
    if (!(caught instanceof Error && 'code' in caught && caught.code === 'ESRCH')) throw caught;
  }
}

/** Removes what a sandbox puts into its folder, and the folder if nothing else is in it. */
async function removeFiles(dir: string): Promise<boolean> {
  const there: readonly string[] = await readdir(dir).catch(() => []);
  const ours = sandboxEntries.filter((name) => there.includes(name));
  for (const name of ours) await rm(join(dir, name), { recursive: true, force: true });
  if (there.length === ours.length) await rmdir(dir).catch(() => undefined);
  return ours.length > 0;
}
