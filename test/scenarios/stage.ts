import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { askSupervisor } from '../../src/cli/client.ts';
import { cloudTags, nodeNameOf } from '../../src/cloud/port.ts';
import type { SandboxCall, SandboxInstance } from '../../src/sandbox/admin-client.ts';
import { bringUp, type SandboxHandle } from '../../src/sandbox/up.ts';
import { type NodeEyes, openNodeEyes } from './node-eyes.ts';
import { maxUnavailable, nodeGraceSeconds, quickPolicy, quickSupervisor, workers } from './settings.ts';
import { type DeskLine, deskLines, type StateChange, stateChanges } from './story.ts';
import { type SupervisorProcess, superviseProcess } from './supervisor-process.ts';
import { type Patience, until } from './until.ts';
import { deployWorkload, type Workload } from './workload.ts';

/** A worker of the cluster: its slot, and what is in it now. */
export interface Worker {
  readonly slot: string;
  readonly instance: string;
  readonly node: string;
}

/** A cluster in the sandbox, a workload on it, a supervisor that looks after it, and eyes on all of them. */
export interface Stage extends Patience {
  readonly sandbox: SandboxHandle;
  readonly eyes: NodeEyes;
  readonly workload: Workload;
  readonly supervisor: SupervisorProcess;
  workers(): Promise<readonly Worker[]>;
  /** A worker with at least one pod of the workload; another one each time. */
  pickVictim(): Promise<Worker>;
  /** Changes of state in the supervisor's log since then. */
  changes(since: number): readonly StateChange[];
  desk(since: number): readonly DeskLine[];
  /** The supervisor's calls of the cloud's API since then: without those that `behindItsBack` made. */
  calls(since: number): Promise<readonly SandboxCall[]>;
  /** A call of the cloud's API that is not wdrip's. */
  behindItsBack(action: string, instance: string, call: () => Promise<unknown>): Promise<void>;
  /** Runs a shell command on an instance, without its agent. Throws if it fails. */
  shell(instance: string, script: string): Promise<string>;
  /** Makes everything whole again: no fault, every node Ready and healthy, every pod there. */
  restore(limitMs: number): Promise<void>;
  /** What `wdrip get -r nodes` says: the state of each slot. */
  states(): Promise<ReadonlyMap<string, string>>;
  close(options: { readonly keep: boolean }): Promise<void>;
}

/** How long a cluster may need to be whole again after a scenario: a whole climb with a replacement. */
const nodesAnswer = z.looseObject({
  nodes: z.array(z.looseObject({ slot: z.string(), role: z.string(), state: z.string() })),
});
const superviseFile = z.looseObject({
  store: z.string(),
  supervisor: z.looseObject({}).optional(),
  pools: z.array(z.looseObject({ id: z.string(), policy: z.looseObject({}).optional() })),
});
const healthyMs = 60_000;

/** Where a run's files go: the sandbox in `sandbox/`, and the supervisor's log. */
export async function runFolder(named: string | null): Promise<string> {
  return named ?? (await mkdtemp(join(tmpdir(), 'wdrip-e2e-')));
}

/** Brings the stage up. When that fails, nothing of it runs. */
export async function openStage(
  options: { readonly folder: string; readonly programs: string | null; say(line: string): void } & Patience,
): Promise<Stage> {
  const { clock, signal, folder, say } = options;
  const patience = { clock, signal };
  const from = clock.now();
  const sandbox = await bringUp({
    dir: join(folder, 'sandbox'),
    workers,
    programs: options.programs ?? undefined,
    timings: 'fast',
    nodeGraceSeconds,
    policy: quickPolicy,
    signal,
    onProgress: (step) => say(`  ${step}`),
  });
  let eyes: NodeEyes | null = null;
  let supervisor: SupervisorProcess | null = null;
  try {
    say(`  the cluster is up after ${((clock.now() - from) / 1000).toFixed(1)} s`);
    const config = await writeQuickConfig(sandbox, join(folder, 'supervise.yml'));
    eyes = openNodeEyes(sandbox.kubeconfig, clock);
    const workload = await deployWorkload(sandbox.kubeconfig, workers, patience);
    supervisor = superviseProcess({ config, logFile: join(folder, 'supervisor.log'), ...patience });
    await supervisor.start();
    const stage = assemble({ sandbox, eyes, workload, supervisor, config, ...patience });
    await stage.restore(healthyMs);
    return stage;
  } catch (caught) {
    await supervisor?.close();
    await eyes?.close();
    await sandbox.down();
    throw caught;
  }
}

/** The sandbox's configuration with the scenarios' shorter times, and a store of this run's own. */
async function writeQuickConfig(sandbox: SandboxHandle, path: string): Promise<string> {
  const base = superviseFile.parse(parse(await readFile(sandbox.superviseConfig, 'utf8')));
  const quick = {
    ...base,
    supervisor: { ...base.supervisor, ...quickSupervisor },
    pools: base.pools.map((pool) => ({ ...pool, maxUnavailable, policy: { ...quickPolicy } })),
  };
  await writeFile(path, stringify(quick, { lineWidth: 0 }), { mode: 0o600 });
  return path;
}

function assemble(
  parts: Pick<Stage, 'sandbox' | 'eyes' | 'workload' | 'supervisor'> & { readonly config: string } & Patience,
): Stage {
  const { sandbox, eyes, workload, supervisor, config, ...patience } = parts;
  const foreign: { readonly action: string; readonly instance: string; readonly at: number }[] = [];
  let victims = 0;

  const listWorkers = async () =>
    (await sandbox.admin.instances())
      .filter(({ tags, status }) => tags[cloudTags.role] === 'worker' && status !== 'Released')
      .map(workerOf)
      .sort((a, b) => (a.slot < b.slot ? -1 : 1));
  const states = async () => {
    const { nodes } = nodesAnswer.parse(await askSupervisor({ config }, 'GET', '/api/nodes'));
    return new Map(nodes.map(({ slot, state }) => [slot, state]));
  };

  return {
    ...patience,
    sandbox,
    eyes,
    workload,
    supervisor,
    workers: listWorkers,
    states,
    changes: (since) => stateChanges(supervisor.lines(since)),
    desk: (since) => deskLines(supervisor.lines(since)),
    async pickVictim() {
      const all = await listWorkers();
      const turn = [...all.slice(victims % all.length), ...all.slice(0, victims % all.length)];
      victims += 1;
      for (const worker of turn) if ((await workload.on(worker.node)) > 0) return worker;
      await workload.spread();
      const first = turn[0];
      if (first === undefined) throw new Error('the cluster has no worker');
      return first;
    },
    async calls(since) {
      const left = foreign.filter(({ at }) => at >= since);
      return (await sandbox.admin.calls(since)).filter((call) => {
        const index = left.findIndex(
          ({ action, instance }) => call.action === action && call.parameters.InstanceId === instance,
        );
        if (index < 0) return true;
        left.splice(index, 1);
        return false;
      });
    },
    async behindItsBack(action, instance, call) {
      foreign.push({ action, instance, at: patience.clock.now() });
      await call();
    },
    async shell(instance, script) {
      const { exitCode, stdout, stderr } = await sandbox.exec(instance, ['sh', '-c', script]);
      if (exitCode !== 0)
        throw new Error(`‹${script}› on ${instance} ended with ${exitCode}: ${stderr || stdout}`);
      return stdout;
    },
    async restore(limitMs) {
      await sandbox.admin.clearFaults();
      for (const zone of ['h', 'i', 'j'])
        await sandbox.admin.setStock(`${sandbox.state.region}-${zone}`, 'ecs.c7.xlarge', null);
      if (!supervisor.isAlive()) await supervisor.start();
      let trouble = 'nothing was seen';
      const look = async () => {
        trouble = await whatIsWrong(await listWorkers(), eyes, await states());
        return trouble === '';
      };
      await until(patience, 'every node Ready and healthy', limitMs, look, () => trouble, 200);
      await workload.untilWhole(limitMs);
    },
    async close({ keep }) {
      await supervisor.close();
      await eyes.close();
      if (!keep) await sandbox.down();
    },
  };
}

function workerOf(instance: SandboxInstance): Worker {
  return {
    slot: instance.tags[cloudTags.slot] ?? '',
    instance: instance.id,
    node: nodeNameOf({ privateIp: instance.ip, id: instance.id }),
  };
}

async function whatIsWrong(
  all: readonly Worker[],
  eyes: NodeEyes,
  states: ReadonlyMap<string, string>,
): Promise<string> {
  if (all.length !== workers) return `there are ${all.length} instances of workers`;
  for (const { node, slot } of all) {
    const sight = eyes.now(node);
    if (sight?.ready !== 'True') return `${slot}: its node ${node} is ${sight?.ready ?? 'not there'}`;
    if (sight.unschedulable || sight.marks.length > 0) return `${slot} is cordoned or marked`;
    if (states.get(slot) !== 'healthy')
      return `${slot} is ${states.get(slot) ?? 'unknown to the supervisor'}`;
  }
  const strange = eyes.all().find((sight) => sight.ready !== 'True');
  return strange === undefined ? '' : `there is a Node ${strange.name} that is ${strange.ready}`;
}

/** Removes a run's folder. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
