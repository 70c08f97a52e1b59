import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { delimiter, join, sep } from 'node:path';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import { withDeadline } from './deadline.ts';

/** Of what a program writes, in bytes: etcd's programs say in a line what is wrong, at the end. */
const KEPT_OUTPUT_BYTES = 16 * 1024;
/** Between being asked to end and being made to, in ms. */
const STOP_MS = 5_000;

/** etcd's programs, where they run. `ProgramMissing`, `ProgramFailed` (with its last words), `TimedOut`. */
export interface EtcdPrograms {
  /** Runs `etcdutl` to its end, and gives what it wrote to its standard output. */
  etcdutl(parameters: readonly string[], limitMs: number, signal?: AbortSignal): Promise<string>;
  /** Starts `etcd`. It ends with `stop`, or by itself. */
  etcd(parameters: readonly string[]): Promise<RunningEtcd>;
}

export interface RunningEtcd {
  /** Resolves with its last words when it has ended, however it did. */
  readonly ended: Promise<string>;
  /** Resolves when it is gone. */
  stop(): Promise<void>;
}

/** The programs on this machine, by their paths. */
export function localPrograms(
  paths: { readonly etcd: string; readonly etcdutl: string },
  clock: Clock,
): EtcdPrograms {
  return {
    etcdutl: (parameters, limitMs, signal) =>
      withDeadline(clock, limitMs, `etcdutl ${parameters.slice(0, 2).join(' ')}`, signal, async (own) => {
        const child = spawn(paths.etcdutl, [...parameters], {
          stdio: ['ignore', 'pipe', 'pipe'],
          signal: own,
          killSignal: 'SIGKILL',
        });
        const output = lastBytes(child.stdout);
        const words = lastBytes(child.stderr);
        const code = await ending(child, paths.etcdutl);
        if (code === 0) return output();
        throw new Failure({
          kind: 'rejected',
          code: 'ProgramFailed',
          message: `etcdutl ${parameters.slice(0, 2).join(' ')} ended with ${code}: ${lastLines(words())}`,
        });
      }),
    async etcd(parameters) {
      const child = spawn(paths.etcd, [...parameters], { stdio: ['ignore', 'ignore', 'pipe'] });
      const words = lastBytes(child.stderr);
      const ended = ending(child, paths.etcd).then(
        (code) => `etcd ended with ${code}: ${lastLines(words())}`,
        (caught: unknown) => String(caught),
      );
      return {
        ended,
        async stop() {
          if (child.exitCode !== null || child.signalCode !== null) return;
          child.kill('SIGTERM');
          const cancel = clock.after(STOP_MS, () => child.kill('SIGKILL'));
          await ended;
          cancel();
        },
      };
    },
  };
}

/** Both are there: a path, or a name that is looked for in PATH. */
export async function areInstalled(paths: {
  readonly etcd: string;
  readonly etcdutl: string;
}): Promise<boolean> {
  const isThere = async (path: string) => {
    const folders = path.includes(sep) ? [''] : (process.env.PATH ?? '').split(delimiter);
    for (const folder of folders)
      if (
        await access(join(folder, path), constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return true;
    return false;
  };
  return (await isThere(paths.etcd)) && (await isThere(paths.etcdutl));
}

type Child = ReturnType<typeof spawn>;

/** Its exit code, or the signal that ended it. */
async function ending(child: Child, path: string): Promise<number | string> {
  try {
    const [code, signal] = await once(child, 'close');
    return typeof code === 'number' ? code : String(signal);
  } catch (cause) {
    if (typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ENOENT')
      throw new Failure(
        {
          kind: 'rejected',
          code: 'ProgramMissing',
          message: `there is no program ${path}: name where it is`,
        },
        { cause },
      );
    throw cause;
  }
}

function lastBytes(stream: NodeJS.ReadableStream): () => string {
  let kept = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk]).subarray(-KEPT_OUTPUT_BYTES);
  });
  return () => kept.toString();
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' / ');
}
