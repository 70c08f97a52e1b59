import { execFile, spawn } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../../failure.ts';
import type { Clock } from '../../runtime/clock.ts';
import { signal as send } from './processes.ts';

/** What go.mod asks for. */
const leastGo = [1, 26] as const;
/** Where the Go installer puts it, for those who have not changed their PATH. */
const usualGo = '/usr/local/go/bin/go';
/** The version that the programs say they are; without it nodes report `v0.0.0-master`. */
const kubernetesVersion = 'v1.36.3';
const ldflags = [
  `-X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
  '-X k8s.io/component-base/version.gitMajor=1',
  '-X k8s.io/component-base/version.gitMinor=36',
].join(' ');
/** How often a long build says that it is still at it, in ms. */
const sayEveryMs = 15_000;
/** How much of what the compiler says is shown when it fails, in characters. */
const shownOutput = 2_000;

/** The first `go` command that there is. Throws `Failure` `GoMissing` or `GoTooOld`, which say what to install. */
export async function goCommand(candidates: readonly string[] = ['go', usualGo]): Promise<string> {
  const run = promisify(execFile);
  for (const go of candidates) {
    const answer = await run(go, ['env', 'GOVERSION'], {
      env: { ...process.env, GOTOOLCHAIN: 'local' },
    }).catch((caught: NodeJS.ErrnoException) => {
      if (caught.code === 'ENOENT') return null;
      throw caught;
    });
    if (answer === null) continue;
    const version = answer.stdout.trim();
    const [major = 0, minor = 0] = version.replace(/^go/, '').split('.').map(Number);
    if (major > leastGo[0] || (major === leastGo[0] && minor >= leastGo[1])) return go;
    throw new Failure({
      kind: 'rejected',
      code: 'GoTooOld',
      message: `etcd and Kubernetes have to be compiled, and that needs Go ${leastGo.join('.')} or newer; here is ${version}. Install a newer one, or name a folder with the programs (--programs)`,
    });
  }
  throw new Failure({
    kind: 'notFound',
    code: 'GoMissing',
    message: `etcd and Kubernetes have to be compiled, and there is no \`go\` on PATH. Install Go ${leastGo.join('.')} or newer, or name a folder with the programs (--programs)`,
  });
}

/**
 * Compiles one program and puts it in its place in one move: what is there is whole. An abort ends the compiler and leaves nothing.
 * Throws `Failure` `BuildFailed` with the end of what the compiler said.
 */
export async function buildProgram(options: {
  readonly go: string;
  readonly moduleDir: string;
  readonly package: string;
  readonly to: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (step: string) => void;
}): Promise<void> {
  const { go, moduleDir, to, clock, signal, onProgress } = options;
  signal?.throwIfAborted();
  await mkdir(dirname(to), { recursive: true });
  const draft = `${to}.${process.pid}.new`;
  const began = clock.now();
  onProgress('');
  let cancel = () => {};
  const say = () => {
    cancel = clock.after(sayEveryMs, () => {
      onProgress(`: ${Math.round((clock.now() - began) / 1000)} s so far`);
      say();
    });
  };
  say();
  try {
    await compile(
      go,
      ['build', '-trimpath', '-buildvcs=false', '-ldflags', ldflags, '-o', draft, options.package],
      moduleDir,
      signal,
    );
    await rename(draft, to);
  } finally {
    cancel();
    await rm(draft, { force: true });
  }
}

function compile(
  go: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(go, args, {
      cwd,
      env: { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
      // A group of its own, so that an abort ends the compilers that it started as well.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-shownOutput);
    });
    const end = () => {
      if (child.pid !== undefined) send(-child.pid, 'SIGTERM');
    };
    signal?.addEventListener('abort', end, { once: true });
    child.once('error', reject);
    child.once('close', (code) => {
      signal?.removeEventListener('abort', end);
      if (signal?.aborted) reject(signal.reason);
      else if (code === 0) resolve();
      else
        reject(
          new Failure({
            kind: 'rejected',
            code: 'BuildFailed',
            message: `go ${args.join(' ')} ended with ${code ?? 'a signal'}: ${said.trim()}`,
          }),
        );
    });
  });
}
