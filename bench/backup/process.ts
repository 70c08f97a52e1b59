import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** For experiments: `WDRIP_BENCH_NODE='--cpu-prof'`. */
const nodeFlags = (process.env.WDRIP_BENCH_NODE ?? '').split(' ').filter((flag) => flag !== '');

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A script of this folder in a process of its own, so that its memory is its own. */
export function startScript(name: string, parameters: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', here(name), ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** The same of one that was bundled before, with the young generation of V8 that docs/backup.md speaks of. */
export function startBundle(path: string, parameters: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--max-semi-space-size=1', ...nodeFlags, path, ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/**
 * Bundles a script of this folder into one file, as the product is run: the loader of TypeScript takes 33 MiB and some time of each
 * process. Gives its path, below `node_modules`, where it finds the packages.
 */
export async function bundle(name: string): Promise<string> {
  const path = here(`../../node_modules/.cache/wdrip-bench/${name}.mjs`);
  const how = ['--bundle', '--platform=node', '--format=esm', '--packages=external', '--target=node20'];
  await timed('npx', ['esbuild', here(name), ...how, `--outfile=${path}`, '--log-level=error']);
  return path;
}

/** The first line that it says. */
export async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('its output is not read');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('it ended without a word');
}

/** Runs a program, and gives how long it took, in ms. */
export async function timed(program: string, parameters: readonly string[]): Promise<number> {
  const began = performance.now();
  const child = spawn(program, [...parameters], { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk).slice(-2_000);
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${parameters[0]} ended with ${code}: ${words}`);
  return performance.now() - began;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
