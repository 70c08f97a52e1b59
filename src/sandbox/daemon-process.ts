import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { root } from '../root.ts';
import type { Clock } from '../runtime/clock.ts';
import type { SandboxPaths } from './dir.ts';

/** What the daemon tells whoever started it, and the other way round. */
const messageSchema = z.object({ say: z.enum(['open', 'up', 'marked']) });
type Word = z.infer<typeof messageSchema>['say'];

/** Loading the sources takes some seconds on a busy machine. */
const OPEN_LIMIT_MS = 60_000;
/** One small file is written. */
const MARK_LIMIT_MS = 10_000;
/** How much of the daemon's log goes into an error. */
const LOG_TAIL = 2_000;
/** The program that this source is a part of. */
const PROGRAM = fileURLToPath(new URL('bin/wdrip.js', root));

/** A daemon that this process has started. Until `release`, its life hangs on ours: it ends when this process does. */
export interface StartedDaemon {
  /** The cluster is up: from now on the daemon lives by itself. */
  release(): Promise<void>;
}

/**
 * Starts the daemon as a process of its own, in a session of its own, and waits until its servers are open. Throws `Failure`
 * `SandboxNotStarted` with the end of its log.
 */
export async function startDaemonProcess(
  paths: SandboxPaths,
  options: { readonly arguments: readonly string[]; readonly clock: Clock },
): Promise<StartedDaemon> {
  await mkdir(paths.dir, { recursive: true, mode: 0o700 });
  const log = await open(paths.log, 'a', 0o600);
  const args = [PROGRAM, 'sandbox', 'daemon', '--dir', paths.dir, ...options.arguments];
  const child = spawn(process.execPath, args, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
  });
  await log.close();
  await heard(child, 'open', OPEN_LIMIT_MS, paths, options.clock);
  return {
    async release() {
      const marked = heard(child, 'marked', MARK_LIMIT_MS, paths, options.clock);
      child.send({ say: 'up' });
      await marked;
      child.disconnect();
      child.unref();
    },
  };
}

/** The daemon's own side: what it says to whoever started it, and what it hears. */
export function starter(): {
  say(word: Word): void;
  /** `up` was said. */
  onUp(listener: () => void): void;
  /** Whoever started it is gone, or needs it no more. */
  onGone(listener: () => void): void;
} {
  return {
    say: (word) => {
      if (process.connected) process.send?.({ say: word });
    },
    onUp: (listener) =>
      process.on('message', (message) => {
        if (messageSchema.safeParse(message).data?.say === 'up') listener();
      }),
    onGone: (listener) => process.on('disconnect', listener),
  };
}

function heard(child: ChildProcess, word: Word, limitMs: number, paths: SandboxPaths, clock: Clock) {
  return new Promise<void>((settle, reject) => {
    const fail = async (why: string) => {
      const said = (await readFile(paths.log, 'utf8').catch(() => '')).slice(-LOG_TAIL).trim();
      const message = `the sandbox's daemon ${why}. Its log, ${paths.log}, ends with:\n${said}`;
      // Whatever it is at, it must not keep this process: without its starter it ends by itself.
      child.kill('SIGTERM');
      if (child.connected) child.disconnect();
      child.unref();
      reject(new Failure({ kind: 'retryable', code: 'SandboxNotStarted', message }));
    };
    const late = clock.after(limitMs, () =>
      end(() => void fail(`did not get to ‹${word}› in ${limitMs / 1000} s`)),
    );
    const onMessage = (message: unknown) => {
      if (messageSchema.safeParse(message).data?.say === word) end(settle);
    };
    const onExit = (code: number | null, signal: string | null) =>
      end(() => void fail(`ended (${signal ?? `status ${code}`}) before it got to ‹${word}›`));
    const onError = (error: Error) => end(() => void fail(`can't be started: ${error.message}`));
    const end = (how: () => void) => {
      late();
      child.off('message', onMessage).off('exit', onExit).off('error', onError);
      how();
    };
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}
