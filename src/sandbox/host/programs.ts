import { createHash } from 'node:crypto';
import { access, constants, mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../failure.ts';
import { root } from '../../root.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { isSandboxLocked, lockSandbox } from '../lock.ts';
import { buildProgram, goCommand } from './go-build.ts';
import {
  CLUSTER_PROGRAMS,
  HOLLOW_PROGRAMS,
  type ProgramName,
  type ProgramsDir,
  SMALL_PROGRAMS,
} from './programs-dir.ts';

/** The Go module that pins etcd and Kubernetes, and holds our own small programs. */
const moduleDir = fileURLToPath(new URL('src/sandbox/programs', root));

/** Where each program's source is, as `go build` names it. */
const packages: Readonly<Record<ProgramName, string>> = {
  etcd: 'go.etcd.io/etcd/server/v3',
  etcdctl: 'go.etcd.io/etcd/etcdctl/v3',
  etcdutl: 'go.etcd.io/etcd/etcdutl/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  kubelet: './cmd/hollow-kubelet',
  containerd: './cmd/containerd',
  'instance-init': './cmd/instance-init',
  systemctl: './cmd/systemctl',
  'instance-agent': './cmd/instance-agent',
  'wdrip-node': './cmd/wdrip-node',
};

const allPrograms: readonly ProgramName[] = [...CLUSTER_PROGRAMS, ...HOLLOW_PROGRAMS, ...SMALL_PROGRAMS];

/** How often the lock of another process that builds the same programs is looked at, in ms: a build takes minutes. */
const lockPollMs = 1_000;
/** The longest that another process is waited for, in ms: all programs, cold, on the slowest machine that can run them. */
const lockLimitMs = 60 * 60_000;

/** Prepares every program that the sandbox needs. */
export interface PrepareOptions {
  /** A folder of the user's that holds some of etcd's and Kubernetes' programs. Without it PATH is looked at. */
  readonly folder?: string | undefined;
  /** Only these; by default all. */
  readonly names?: readonly ProgramName[] | undefined;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((step: string) => void) | undefined;
}

/**
 * Finds the programs, and compiles those that are nowhere: once, into the user's cache (`$XDG_CACHE_HOME` or `~/.cache`), one after the
 * other, so that a build that was interrupted goes on where it was. Throws `Failure` `GoMissing`, `GoTooOld`, `BuildFailed`,
 * `BuildBusy` (another process builds and does not end) or `ProgramMissing` (of a folder that was named and lacks everything).
 */
export async function preparePrograms(options: PrepareOptions): Promise<ProgramsDir> {
  const names = options.names ?? allPrograms;
  const found = await findPrograms(names, options.folder);
  const missing = names.filter((name) => !found.has(name));
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'wdrip', 'programs');
  if (missing.length > 0)
    for (const [name, path] of await buildAll(missing, cache, options)) found.set(name, path);
  return gather(found, cache);
}

/** Only etcd's and Kubernetes' own are taken from elsewhere; from a folder that is named, or else from PATH. */
async function findPrograms(
  names: readonly ProgramName[],
  folder: string | undefined,
): Promise<Map<ProgramName, string>> {
  const folders = folder === undefined ? (process.env.PATH ?? '').split(delimiter) : [resolve(folder)];
  const found = new Map<ProgramName, string>();
  for (const name of CLUSTER_PROGRAMS.filter((each) => names.includes(each)))
    for (const each of folders) {
      const path = join(each, name);
      if (each === '' || found.has(name) || !(await isExecutable(path))) continue;
      found.set(name, path);
    }
  if (folder !== undefined && found.size === 0)
    throw new Failure({
      kind: 'notFound',
      code: 'ProgramMissing',
      message: `the folder ${folder} holds none of ${CLUSTER_PROGRAMS.join(', ')}: name another, or none, to have them built`,
    });
  return found;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** Builds what is not in the cache yet. One process at a time builds; another one waits and then finds it done. */
async function buildAll(
  missing: readonly ProgramName[],
  cache: string,
  options: PrepareOptions,
): Promise<Map<ProgramName, string>> {
  const { clock, signal, onProgress = () => {} } = options;
  const pinned = await hashOf([join(moduleDir, 'go.mod'), join(moduleDir, 'go.sum')]);
  const own = await hashOf([...(await goFiles(moduleDir)), join(moduleDir, 'go.sum')]);
  const isOurs = (name: ProgramName) => packages[name].startsWith('./');
  const pathOf = (name: ProgramName) => join(cache, isOurs(name) ? `own-${own}` : `pinned-${pinned}`, name);
  const done = async () => {
    const there = await Promise.all(missing.map((name) => isExecutable(pathOf(name))));
    return missing.filter((_, index) => !there[index]);
  };
  if ((await done()).length > 0) {
    await mkdir(cache, { recursive: true });
    const go = await goCommand();
    const lock = await waitForLock(cache, clock, signal, onProgress);
    try {
      const todo = await done();
      for (const [index, name] of todo.entries())
        await buildProgram({
          go,
          moduleDir,
          package: packages[name],
          to: pathOf(name),
          clock,
          signal,
          onProgress: (step) => onProgress(`compiling ${name} (${index + 1} of ${todo.length})${step}`),
        });
    } finally {
      await lock.release();
    }
  }
  return new Map(missing.map((name) => [name, pathOf(name)]));
}

async function waitForLock(
  cache: string,
  clock: Clock,
  signal: AbortSignal | undefined,
  onProgress: (step: string) => void,
): Promise<{ release(): Promise<void> }> {
  if (await isSandboxLocked(cache)) onProgress('waiting for another process that compiles the programs');
  for (const deadline = clock.now() + lockLimitMs; ; ) {
    if (!(await isSandboxLocked(cache))) {
      try {
        return await lockSandbox(cache);
      } catch (caught) {
        // Somebody was faster: wait on.
        if (!(caught instanceof Failure)) throw caught;
      }
    }
    if (clock.now() > deadline)
      throw new Failure({
        kind: 'retryable',
        code: 'BuildBusy',
        message: `another process has been compiling the programs in ${cache} for ${lockLimitMs / 60_000} min: end it, and try again`,
      });
    await sleep(clock, lockPollMs, signal);
  }
}

/** One folder with a link to each program, named after where they are, so that two choices never mix. */
async function gather(found: ReadonlyMap<ProgramName, string>, cache: string): Promise<ProgramsDir> {
  const entries = [...found].sort(([a], [b]) => a.localeCompare(b));
  const tools = join(cache, `tools-${digest(JSON.stringify(entries))}`);
  await mkdir(tools, { recursive: true });
  for (const [name, path] of entries)
    await symlink(path, join(tools, name)).catch((caught: NodeJS.ErrnoException) => {
      if (caught.code !== 'EEXIST') throw caught;
    });
  return { tools, path: (name) => join(tools, name) };
}

async function goFiles(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .filter((name) => name.endsWith('.go') && !name.endsWith('_test.go'))
    .sort()
    .map((name) => join(folder, name));
}

async function hashOf(files: readonly string[]): Promise<string> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return digest(texts.join('\0'));
}

/** Enough of a SHA-256 that two choices never share a folder. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
