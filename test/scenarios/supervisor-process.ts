import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Interval } from './intervals.ts';
import { type LogLine, parseLogLine } from './story.ts';
import { type Patience, until } from './until.ts';

const program = fileURLToPath(new URL('../../bin/wdrip.js', import.meta.url));
/** Starting it compiles the sources on the fly; on a busy machine that takes some seconds. */
const startMs = 60_000;
const endMs = 15_000;
/** What the log says once the supervisor sees the cluster. */
const sighted = 'the cluster is seen';
/** ... and once it is at work, whether it sees the cluster or not. */
const atWork = 'supervising';

/** `wdrip supervise` as a process of its own, that can be killed and started again. */
export interface SupervisorProcess {
  /** Everything that it has logged, over all its lives. */
  lines(since?: number): readonly LogLine[];
  /** Starts it, and waits until it sees the cluster; `blind`: only until it is at work, since there may be nothing to see. */
  start(options?: { readonly blind?: boolean }): Promise<void>;
  /** SIGKILL: it has no moment to do anything. Resolves when the process is gone. */
  kill(): Promise<void>;
  /**
   * When it was away because of `kill`: up to its first sight of the cluster. It may not have loaded yet what it speaks to the cloud
   * with.
   */
  away(): readonly Interval[];
  /** Calls back at every line, at once. Returns the way to end that. */
  onLine(listener: (line: LogLine) => void): () => void;
  isAlive(): boolean;
  /** Ends it in the usual way; by force if that takes too long. */
  close(): Promise<void>;
}

export function superviseProcess(
  options: { readonly config: string; readonly logFile: string } & Patience,
): SupervisorProcess {
  const { clock } = options;
  const lines: LogLine[] = [];
  const away: { from: number; to: number }[] = [];
  const listeners = new Set<(line: LogLine) => void>();
  const file: WriteStream = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 });
  let child: ChildProcess | null = null;
  let exited: Promise<void> = Promise.resolve();
  let killedAt: number | null = null;
  let lives = 0;

  function heard(text: string): void {
    file.write(`${text}\n`);
    const line = parseLogLine(text);
    if (line === null) return;
    lines.push(line);
    for (const listener of [...listeners]) listener(line);
  }

  async function gone(signal: NodeJS.Signals): Promise<void> {
    child?.kill(signal);
    await exited;
  }

  return {
    lines: (since = 0) => lines.filter(({ at }) => at >= since),
    away: () => (killedAt === null ? away : [...away, { from: killedAt, to: clock.now() }]),
    isAlive: () => child !== null && child.exitCode === null && child.signalCode === null,
    onLine(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start({ blind = false } = {}) {
      const from = lines.length;
      lives += 1;
      const started = spawn(
        process.execPath,
        [program, 'supervise', '--config', options.config, '--log-format', 'json'],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      child = started;
      exited = new Promise((settle) => {
        started.once('close', () => settle());
        started.once('error', () => settle());
      });
      if (started.stderr) createInterface({ input: started.stderr }).on('line', heard);
      await until(
        options,
        `supervisor ${lives} to see the cluster`,
        startMs,
        () => {
          if (started.exitCode !== null) throw new Error(`the supervisor ended with ${started.exitCode}`);
          return lines.slice(from).some(({ message }) => message === (blind ? atWork : sighted));
        },
        () => lines.at(-1)?.message ?? 'it said nothing',
      );
      if (killedAt !== null) away.push({ from: killedAt, to: clock.now() });
      killedAt = null;
    },
    async kill() {
      killedAt = clock.now();
      await gone('SIGKILL');
    },
    async close() {
      const cancel = clock.after(endMs, () => child?.kill('SIGKILL'));
      await gone('SIGTERM');
      cancel();
      await new Promise<void>((settle) => file.end(() => settle()));
    },
  };
}
