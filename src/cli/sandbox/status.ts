import { Command, Option } from 'commander';
import { cloudTags } from '../../cloud/port.ts';
import type { SandboxInstance } from '../../sandbox/admin-client.ts';
import { execOn } from '../../sandbox/exec.ts';
import { slotOf } from '../../sandbox/find-instance.ts';
import { openSandbox, type SandboxHandle } from '../../sandbox/up.ts';
import { table } from '../table.ts';
import { controlPlaneLines, controlPlaneStatus } from './control-plane-status.ts';
import { dirOption } from './options.ts';

/** A unit as systemctl lists it. */
interface UnitStatus {
  readonly name: string;
  /** `active`, `activating`, `inactive`, `failed`. */
  readonly state: string;
}

/** One instance as `wdrip sandbox status -o json` shows it. */
interface InstanceStatus {
  readonly id: string;
  readonly ip: string;
  readonly slot: string;
  readonly role: string;
  readonly zone: string;
  /** In the cloud's words. */
  readonly status: string;
  /** What was injected, or the cloud holds against it. */
  readonly notes: readonly string[];
  readonly units: readonly UnitStatus[];
}

/** `wdrip sandbox status`. */
export function statusCommand(): Command {
  return new Command('status')
    .description('show the instances, what the cloud says of them, and what runs on them')
    .addOption(dirOption())
    .addOption(
      new Option('-o, --output <format>', 'for people or for programs')
        .choices(['table', 'json'])
        .default('table'),
    )
    .action(async ({ dir, output }: { dir: string; output: string }) => {
      const sandbox = await openSandbox(dir);
      const instances = await Promise.all(
        (await sandbox.admin.instances()).map((instance) => statusOf(sandbox, instance)),
      );
      const controlPlane = await controlPlaneStatus(sandbox);
      const { cluster, phase, cloudEndpoint, objectsEndpoint } = sandbox.state;
      if (output === 'json') {
        const all = {
          cluster,
          phase,
          cloudEndpoint,
          objectsEndpoint,
          kubeconfig: sandbox.kubeconfig,
          controlPlane,
          instances,
        };
        process.stdout.write(`${JSON.stringify(all, undefined, 2)}\n`);
        return;
      }
      process.stdout.write(`${statusTable(instances)}\n`);
      if (controlPlane !== null) process.stdout.write(`\n${controlPlaneLines(controlPlane)}\n`);
      if (phase === 'creating') process.stdout.write('the cluster is still being brought up\n');
    });
}

function statusTable(instances: readonly InstanceStatus[]): string {
  const rows = instances.map(({ slot, id, ip, zone, status, units, notes }) => [
    slot || '(none)',
    id,
    ip,
    zone,
    notes.length > 0 ? `${status} (${notes.join(', ')})` : status,
    units.map(({ name, state }) => (state === 'active' ? name : `${name}: ${state}`)).join(', ') || '-',
  ]);
  return table(['SLOT', 'INSTANCE', 'IP', 'ZONE', 'STATUS', 'UNITS'], rows);
}

async function statusOf(sandbox: SandboxHandle, instance: SandboxInstance): Promise<InstanceStatus> {
  const dead = instance.status === 'Running' && !instance.booted;
  return {
    id: instance.id,
    ip: instance.ip,
    slot: slotOf(instance),
    role: instance.tags[cloudTags.role] ?? '',
    zone: instance.zone,
    status: instance.status,
    notes: [...(dead ? ['its system is dead'] : []), ...instance.locks.map((lock) => `locked: ${lock}`)],
    units: instance.booted ? await unitsOf(sandbox, instance) : [],
  };
}

/** What systemctl on the instance says. Nothing, if it does not answer. */
async function unitsOf(sandbox: SandboxHandle, instance: SandboxInstance): Promise<readonly UnitStatus[]> {
  const { exitCode, stdout } = await execOn(sandbox.paths, sandbox.state, instance, [
    'systemctl',
    'list-units',
  ]);
  if (exitCode !== 0) return [];
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([name, , state]) =>
      name?.endsWith('.service') && state ? [{ name: name.replace(/\.service$/, ''), state }] : [],
    );
}
