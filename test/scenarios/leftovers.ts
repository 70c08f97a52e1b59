import { readdir, readFile } from 'node:fs/promises';

/** The variable that every process of a run carries, but those of instances, which carry the sandbox's own. */
export const runMarker = 'WDRIP_E2E';

/** A process that should not be there. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Living processes of this run or its sandbox, but ourselves and the compiler that we ourselves run on. */
export async function leftovers(run: string, sandboxDir: string): Promise<readonly Leftover[]> {
  const pids = (await readdir('/proc')).filter((each) => /^\d+$/.test(each)).map(Number);
  const found = await Promise.all(pids.map((pid) => leftover(pid, run, sandboxDir)));
  return found.flatMap((each) => each ?? []);
}

async function leftover(pid: number, run: string, sandboxDir: string): Promise<Leftover | null> {
  if (pid === process.pid) return null;
  try {
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
    if (!environment.includes(`${runMarker}=${run}`) && !environment.includes(`WDRIP_SANDBOX=${sandboxDir}`))
      return null;
    const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ').trim();
    const parent = /^PPid:\s*(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(parent) === process.pid && command.includes('esbuild') ? null : { pid, command };
  } catch {
    // Another user's, or one that has just ended.
    return null;
  }
}
