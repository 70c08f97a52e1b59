import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '../../runtime/clock.ts';
import type { OriginOf } from '../cloud/balancer/listener.ts';
import type { HostedInstance, InstanceHost } from '../host.ts';
import { runThroughAgent } from './agent-client.ts';
import { connectionOrigin } from './connection-origin.ts';
import { type InstanceFolders, instanceFolders, shortSocketFolder } from './folders.ts';
import { killMarked } from './processes.ts';
import type { ProgramsDir } from './programs-dir.ts';

/** The init is ready in milliseconds; a machine so loaded that this is not enough can't run a sandbox. */
const READY_LIMIT_MS = 20_000;
/** What the init may take beyond the grace to kill everything and end: its own limit for stuck processes, and a little. */
const END_SLACK_MS = 12_000;
/** How much of the init's log goes into the error when a boot fails. */
const LOG_TAIL = 2_000;

/** Where the host says what it does. Fits winston. */
export interface HostLog {
  info(message: string): unknown;
  warn(message: string): unknown;
}

/** A host of process trees, which also knows whose a connection is. */
export interface ProcessHost extends InstanceHost {
  readonly originOf: OriginOf;
}

interface Running {
  readonly child: ChildProcess;
  /** Resolves when the init has ended and every process of the instance with it. */
  readonly ended: Promise<void>;
  asked: boolean;
}

/**
 * Runs instances as process trees under `dir/instances/<id>`. Everything ends with this process, even if it is killed: the inits
 * hold the other end of a pipe. What a crash of both left behind is found by `cleanLeftovers`.
 */
export function createProcessHost(options: {
  /** The sandbox's folder. */
  readonly dir: string;
  readonly programs: ProgramsDir;
  readonly clock: Clock;
  readonly log: HostLog;
}): ProcessHost {
  const { programs, clock, log } = options;
  const dir = resolve(options.dir);
  const running = new Map<string, Running>();
  const listeners: ((id: string) => void)[] = [];
  const turns = new Map<string, Promise<unknown>>();

  /** One thing at a time for each instance, in the order asked. */
  function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const turn = (turns.get(id) ?? Promise.resolve()).then(work, work);
    const settled = turn
      .catch(() => undefined)
      .finally(() => {
        if (turns.get(id) === settled) turns.delete(id);
      });
    turns.set(id, settled);
    return turn;
  }

  function mustBeDown(id: string, what: string): void {
    if (running.has(id)) throw new Error(`Instance ${id} can't be ${what} while it runs: shut it down first`);
  }

  async function boot(instance: HostedInstance): Promise<void> {
    const { id } = instance;
    mustBeDown(id, 'booted');
    const folders = instanceFolders(dir, id);
    for (const folder of [folders.disk, dirname(folders.controlSocket)]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    await writeFile(folders.userData, instance.userData, { mode: 0o600 });
    const initLog = await open(folders.initLog, 'w', 0o600);
    const child = spawn(programs.path('instance-init'), initArguments(instance, folders, programs), {
      // The daemon's environment stays outside; the markers are how leftovers are found.
      env: { WDRIP_SANDBOX: dir, WDRIP_INSTANCE: id },
      cwd: folders.disk,
      stdio: ['pipe', 'pipe', initLog.fd],
      // A session of its own: Ctrl-C is for the daemon, which then shuts the instances down.
      detached: true,
    });
    // Writing to an init that has just ended is answered by its end, not by an error here.
    child.stdin?.on('error', () => undefined);
    const exited = new Promise<void>((settle) => {
      child.once('error', () => settle());
      child.once('exit', () => settle());
    });
    const entry: Running = {
      child,
      asked: false,
      ended: exited.then(async () => {
        await killMarked({ sandbox: dir, instance: id }, clock);
        running.delete(id);
      }),
    };
    running.set(id, entry);
    try {
      await ready(child, exited, clock);
    } catch (cause) {
      entry.asked = true;
      child.kill('SIGKILL');
      await entry.ended;
      const said = (await readFile(folders.initLog, 'utf8')).slice(-LOG_TAIL).trim();
      throw new Error(`Instance ${id} can't boot: ${said || describe(cause)}`, { cause });
    } finally {
      await initLog.close();
    }
    await writeFile(folders.initPid, `${child.pid}\n`);
    log.info(`instance ${id} booted, pid ${child.pid}`);
    watch(id, entry);
  }

  function watch(id: string, entry: Running): void {
    entry.ended.then(
      () => {
        if (entry.asked) return;
        log.warn(`instance ${id} ended by itself`);
        for (const listener of listeners) listener(id);
      },
      (caught) => log.warn(`instance ${id}: ${describe(caught)}`),
    );
  }

  async function shutdown(
    id: string,
    how: { readonly force: boolean; readonly graceMs: number },
  ): Promise<void> {
    const entry = running.get(id);
    if (entry === undefined) return;
    entry.asked = true;
    const graceMs = how.force ? 0 : how.graceMs;
    entry.child.stdin?.write(how.force ? 'kill\n' : `poweroff ${Math.round(graceMs)}\n`);
    const cancel = clock.after(graceMs + END_SLACK_MS, () => {
      log.warn(`instance ${id}: its init does not end, killing it`);
      entry.child.kill('SIGKILL');
    });
    try {
      await entry.ended;
    } finally {
      cancel();
    }
    log.info(`instance ${id} is down`);
  }

  return {
    boot: (instance) => inTurn(instance.id, () => boot(instance)),
    shutdown: (id, how) => {
      // By force does not wait for a graceful stop under way: it cuts it short.
      if (how.force) running.get(id)?.child.stdin?.write('kill\n');
      return inTurn(id, () => shutdown(id, how));
    },
    wipe: (id) =>
      inTurn(id, async () => {
        mustBeDown(id, 'wiped');
        await rm(instanceFolders(dir, id).disk, { recursive: true, force: true });
      }),
    destroy: (id) =>
      inTurn(id, async () => {
        mustBeDown(id, 'destroyed');
        const folders = instanceFolders(dir, id);
        for (const path of [folders.controlSocket, folders.agentSocket, folders.base]) {
          await rm(path, { recursive: true, force: true });
        }
      }),
    async run(id, script, { timeoutMs }) {
      if (!running.has(id)) return { outcome: 'agentSilent' };
      return runThroughAgent(instanceFolders(dir, id).agentSocket, script, { timeoutMs, clock });
    },
    originOf(remote, candidates) {
      const inits = candidates.flatMap((id) => {
        const pid = running.get(id)?.child.pid;
        return pid === undefined ? [] : [[id, pid] as const];
      });
      return connectionOrigin(remote, new Map(inits));
    },
    onExit(listener) {
      listeners.push(listener);
    },
    async close() {
      await Promise.all([...running.keys()].map((id) => this.shutdown(id, { force: true, graceMs: 0 })));
      await rm(shortSocketFolder(dir), { recursive: true, force: true });
    },
  };
}

/** Kills what a crashed daemon of the sandbox in `dir` left behind. Returns how many processes that were. */
export async function cleanLeftovers(dir: string, clock: Clock): Promise<number> {
  const killed = await killMarked({ sandbox: resolve(dir) }, clock);
  await rm(shortSocketFolder(dir), { recursive: true, force: true });
  return killed;
}

function initArguments(instance: HostedInstance, folders: InstanceFolders, programs: ProgramsDir): string[] {
  const flags = {
    root: folders.disk,
    id: instance.id,
    ip: instance.ip,
    metadata: instance.metadataUrl,
    tools: programs.tools,
    control: folders.controlSocket,
    agent: folders.agentSocket,
    'user-data': folders.userData,
  };
  return Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Resolves when the init says that it is ready; rejects if it ends before, or takes too long. */
function ready(child: ChildProcess, exited: Promise<void>, clock: Clock): Promise<void> {
  return new Promise((settle, reject) => {
    const cancel = clock.after(READY_LIMIT_MS, () =>
      reject(new Error(`its init said nothing for ${READY_LIMIT_MS} ms`)),
    );
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (!line.startsWith('ready ')) return;
        cancel();
        settle();
      });
    }
    child.once('error', (error) => {
      cancel();
      reject(error);
    });
    void exited.then(() => {
      cancel();
      reject(new Error('its init ended'));
    });
  });
}

function describe(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
}
