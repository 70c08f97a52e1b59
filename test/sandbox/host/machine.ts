import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../../../src/bootstrap/wait-until.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { cleanLeftovers, createProcessHost } from '../../../src/sandbox/host/process-host.ts';
import { markedProcesses } from '../../../src/sandbox/host/processes.ts';
import { preparePrograms } from '../../../src/sandbox/host/programs.ts';
import { type ProgramsDir, SMALL_PROGRAMS } from '../../../src/sandbox/host/programs-dir.ts';
import type { HostedInstance, InstanceHost } from '../../../src/sandbox/host.ts';

/** The real clock: the processes are real. */
export const clock = systemClock();

/** Everything here happens in well under a second on an idle machine. */
const PATIENCE_MS = 20_000;
const LOOK_EVERY_MS = 10;

/** Our own small programs, compiled in seconds; if Go is missing this says so. */
export function smallPrograms(): Promise<ProgramsDir> {
  return preparePrograms({ names: SMALL_PROGRAMS, clock });
}

/** Waits until the look is true. */
export function until(what: string, look: () => Promise<boolean>): Promise<void> {
  return waitUntil<void>({
    what,
    advice: '',
    clock,
    timeoutMs: PATIENCE_MS,
    intervalMs: LOOK_EVERY_MS,
    look: async () => ((await look()) ? { done: undefined } : { seen: 'not yet' }),
  });
}

/** One instance on a host of its own, in a folder of its own. */
export interface Machine {
  readonly dir: string;
  readonly disk: string;
  readonly host: InstanceHost;
  readonly id: string;
  boot(userData?: string): Promise<void>;
  /** Boots and waits until user data and units are done with. */
  bootFully(userData?: string): Promise<void>;
  shutdown(graceMs?: number): Promise<void>;
  /** Runs a script through the agent and gives its output; throws if it did not exit with 0. */
  sh(script: string): Promise<string>;
  /** A file of the disk, or an empty text. */
  read(path: string): Promise<string>;
  processes(): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** A machine whose folder has the given path below a fresh one. */
export async function makeMachine(programs: ProgramsDir, below = 'sandbox'): Promise<Machine> {
  const top = await realpath(await mkdtemp(join(tmpdir(), 'wdrip-host-')));
  const dir = join(top, below);
  const id = 'i-bp1example';
  const disk = join(dir, 'instances', id, 'disk');
  const host = createProcessHost({ dir, programs, clock, log: { info() {}, warn() {} } });
  const read = (path: string) => readFile(join(disk, path), 'utf8').catch(() => '');
  const boot = (userData = '') => host.boot(exampleInstance(id, userData));
  return {
    dir,
    disk,
    host,
    id,
    boot,
    read,
    async bootFully(userData) {
      const before = (await read('var/log/init.log')).length;
      await boot(userData);
      await until('the boot to end', async () =>
        (await read('var/log/init.log')).slice(before).includes('reached multi-user.target'),
      );
    },
    shutdown: (graceMs = PATIENCE_MS) => host.shutdown(id, { force: false, graceMs }),
    async sh(script) {
      let result = await host.run(id, script, { timeoutMs: PATIENCE_MS });
      // The agent's process runs from the moment its unit does; its socket is there a little later.
      await until('the agent to answer', async () => {
        if (result.outcome !== 'agentSilent') return true;
        result = await host.run(id, script, { timeoutMs: PATIENCE_MS });
        return false;
      });
      if (result.outcome === 'exited' && result.exitCode === 0) return result.output.trim();
      throw new Error(`${script}: ${JSON.stringify(result)}`);
    },
    processes: () => markedProcesses({ sandbox: dir }),
    async close() {
      await host.close();
      await cleanLeftovers(dir, clock);
      await rm(top, { recursive: true });
    },
  };
}

/** An instance as the cloud asks for it. */
export function exampleInstance(id: string, userData: string): HostedInstance {
  return { id, ip: '127.9.8.7', userData, metadataUrl: 'http://127.0.0.1:1' };
}

/** User data that writes units and enables some. */
export function withUnits(units: Readonly<Record<string, string>>, ...enable: readonly string[]): string {
  const files = Object.entries(units).map(
    ([name, text]) =>
      `cat > "$WDRIP_ROOT/etc/systemd/system/${name}.service" <<'END_OF_UNIT'\n${text}\nEND_OF_UNIT\n`,
  );
  return `#!/bin/sh\nset -e\n${files.join('')}${enable.map((name) => `systemctl enable --now ${name}\n`).join('')}`;
}

/** A unit that runs a line of shell. */
export function shellUnit(line: string, more = ''): string {
  return `[Service]\nExecStart=/bin/sh -c '${line}'\n${more}\n[Install]\nWantedBy=multi-user.target\n`;
}
