import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { root } from '../../src/root.ts';

const starter = fileURLToPath(new URL('bench/start.js', root));

/** A script of this folder in a process of its own, so that its memory is its own. `flags`: Node's. */
export function startScript(
  name: string,
  parameters: readonly string[],
  flags: readonly string[] = [],
): ChildProcess {
  return spawn(process.execPath, [...flags, starter, `backup/${name}`, ...parameters], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** The first line that it says. */
export async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('its output is not read');
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('it ended without a word');
}

/** To ask a process that answers each line with one of JSON. */
export function answers({ stdin, stdout }: ChildProcess): () => Promise<unknown> {
  if (!stdin || !stdout) throw new Error('its input and output are not there');
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  return async () => {
    stdin.write('\n');
    const { value, done } = await lines.next();
    if (done) throw new Error('it ended without an answer');
    return JSON.parse(value);
  };
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
