import { type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { Failure } from '../failure.ts';
import type { SandboxInstance } from './admin-client.ts';
import type { SandboxPaths } from './dir.ts';
import { slotOf } from './find-instance.ts';
import { instanceFolders } from './host/folders.ts';
import { instanceEnvironment } from './instance-environment.ts';
import type { SandboxState } from './state.ts';

/** What a command said and how it ended: 128 and the signal's number if by a signal, as shells have it. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The most of a command's output that is kept: it is shown to people or matched by tests. */
const MOST_OUTPUT = 4 * 1024 * 1024;

/**
 * Runs a command as the instance's own: in its environment, on its disk. It does not go through the instance's agent, so it works
 * when that is dead. Throws `Failure` `InstanceDown` for an instance whose system does not run, `CommandNotFound` for no such program.
 */
export function execOn(
  paths: SandboxPaths,
  state: SandboxState,
  instance: SandboxInstance,
  command: readonly string[],
): Promise<ExecResult> {
  let stdout = '';
  let stderr = '';
  return run(paths, state, instance, command, ['ignore', 'pipe', 'pipe'], (stream, text) => {
    if (stream === 'stdout') stdout = (stdout + text).slice(-MOST_OUTPUT);
    else stderr = (stderr + text).slice(-MOST_OUTPUT);
  }).then((exitCode) => ({ exitCode, stdout, stderr }));
}

/** The same on this process's own terminal. Resolves to the exit status. */
export function execHere(
  paths: SandboxPaths,
  state: SandboxState,
  instance: SandboxInstance,
  command: readonly string[],
): Promise<number> {
  return run(paths, state, instance, command, 'inherit', () => {});
}

function run(
  paths: SandboxPaths,
  state: SandboxState,
  instance: SandboxInstance,
  command: readonly string[],
  stdio: SpawnOptions['stdio'],
  heard: (stream: 'stdout' | 'stderr', text: string) => void,
): Promise<number> {
  const [program, ...args] = command;
  const { disk } = instanceFolders(paths.dir, instance.id);
  if (!instance.booted || !existsSync(disk)) {
    const { id, status } = instance;
    const verb = status === 'Running' ? 'reboot --force' : 'start';
    throw new Failure({
      kind: 'rejected',
      code: 'InstanceDown',
      message: `the system of the instance ${id} (${slotOf(instance)}) does not run (the cloud says ${status}): boot it with \`wdrip sandbox ecs ${verb} ${id}\``,
    });
  }
  const env = instanceEnvironment({
    dir: paths.dir,
    tools: state.tools,
    id: instance.id,
    ip: instance.ip,
    metadataUrl: `${state.metadataEndpoint}${instance.id}`,
  });
  // The instance's own PATH decides what the program is, hence env(1): spawn would look along ours.
  const child = spawn('/usr/bin/env', [program ?? 'sh', ...args], { env, cwd: disk, stdio });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => heard('stdout', text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => heard('stderr', text));
  return new Promise((settle, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => settle(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
