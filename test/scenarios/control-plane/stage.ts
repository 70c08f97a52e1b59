import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { createOssStore } from '../../../src/backup/objects/oss.ts';
import type { ObjectStore } from '../../../src/backup/objects/port.ts';
import { etcdClientUrl } from '../../../src/bootstrap/etcd-unit.ts';
import { askBackups, type BackupsAnswer } from '../../../src/cli/backup.ts';
import { askSupervisor } from '../../../src/cli/client.ts';
import { askQuorum, type QuorumAnswer } from '../../../src/cli/quorum.ts';
import { cloudTags } from '../../../src/cloud/port.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import type { SandboxInstance } from '../../../src/sandbox/admin-client.ts';
import { quickPolicy, quickSupervisor } from '../settings.ts';
import { type StateChange, stateChanges } from '../story.ts';
import { type SupervisorProcess, superviseProcess } from '../supervisor-process.ts';
import { until } from '../until.ts';
import { deployWorkload, type Workload } from '../workload.ts';
import { type Bench, backends, mastersOf, openBench } from './pieces.ts';
import { openReader, type Reader } from './reader.ts';
import { quickMasterPolicy, quickQuorumPolicy, quickSchedule } from './settings.ts';

/** Three masters and two workers, somebody who writes, backups in two regions, and a supervisor that looks after all of it. */
export interface MastersStage extends Bench {
  readonly supervisor: SupervisorProcess;
  readonly reader: Reader;
  readonly workload: Workload;
  /** Where the backups are, one a region. */
  readonly stores: readonly ObjectStore[];
  /** Changes of state in the supervisor's log since then. */
  changes(since: number): readonly StateChange[];
  masters(): Promise<readonly SandboxInstance[]>;
  /** The masters' and the workers'. */
  instances(): Promise<readonly SandboxInstance[]>;
  quorum(): Promise<QuorumAnswer>;
  backups(): Promise<BackupsAnswer>;
  /** Asks for a backup, and waits until it was rehearsed. */
  backUp(): Promise<BackupsAnswer['backups'][number]>;
  /** Sets the number of masters, as a person would: in the configuration, and a new start of the supervisor. */
  scale(masters: number): Promise<void>;
  /** By uid: the workers' pods, and how often their containers were started again. */
  pods(): Promise<ReadonlyMap<string, number>>;
  /** Waits until so many masters vote, are behind the balancer, their nodes Ready, and all actors healthy. */
  untilWhole(masters: number, limitMs: number): Promise<void>;
  deleteNode(instance: string): Promise<void>;
  close(options: { readonly keep: boolean }): Promise<void>;
}

const file = z.looseObject({
  controlPlane: z.looseObject({ replicas: z.number() }),
  backup: z.looseObject({}),
  supervisor: z.looseObject({}).optional(),
  pools: z.array(z.looseObject({})),
});
const replicas = 4;
const backupMs = 60_000;
/** A list of pods, asked for again if its connection breaks, in ms. */
const readMs = 10_000;
const nodeOf = (name: string) => name.split('.').at(-1) ?? '';

export async function openMastersStage(options: Parameters<typeof openBench>[0]): Promise<MastersStage> {
  const { clock, signal } = options;
  const patience = { clock, signal };
  const bench = await openBench(options);
  const { sandbox } = bench;
  const config = join(options.folder, 'supervise-masters.yml');
  let wanted = 3;
  const base = file.parse(parse(await readFile(sandbox.superviseConfig, 'utf8')));
  const write = () =>
    writeFile(
      config,
      stringify(
        {
          ...base,
          controlPlane: {
            ...base.controlPlane,
            replicas: wanted,
            policy: quickMasterPolicy,
            quorumPolicy: quickQuorumPolicy,
          },
          backup: { ...base.backup, schedule: quickSchedule },
          supervisor: { ...base.supervisor, ...quickSupervisor },
          pools: base.pools.map((pool) => ({ ...pool, policy: quickPolicy })),
        },
        { lineWidth: 0 },
      ),
      { mode: 0o600 },
    );
  await write();
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(sandbox.kubeconfig);
  const core = kubeConfig.makeApiClient(CoreV1Api);
  const workload = await deployWorkload(sandbox.kubeconfig, replicas, patience);
  const supervisor = superviseProcess({
    config,
    logFile: join(options.folder, 'supervisor.log'),
    ...patience,
  });
  await supervisor.start();
  const reader = await openReader(sandbox.kubeconfig, patience);

  const stage: MastersStage = {
    ...bench,
    supervisor,
    reader,
    workload,
    stores: sandbox.state.backups.map((settings) =>
      createOssStore({
        ...settings,
        sldEnable: true,
        credentials: async () => sandbox.state,
        clock,
        random: seededRandom(1),
      }),
    ),
    changes: (since) => stateChanges(supervisor.lines(since)),
    masters: () => mastersOf(bench),
    instances: async () =>
      (await sandbox.admin.instances()).filter(({ tags }) => tags[cloudTags.slot] !== undefined),
    quorum: () => askQuorum({ config }),
    backups: () => askBackups({ config }),
    async backUp() {
      const from = clock.now();
      await askSupervisor({ config }, 'POST', '/api/backups', { reason: 'the scenario' });
      return until(
        patience,
        'a backup that was rehearsed',
        backupMs,
        async () =>
          (await askBackups({ config })).backups.find(
            ({ takenAt, verifiedAt }) => takenAt >= from && verifiedAt !== null,
          ) ?? null,
      );
    },
    async scale(masters) {
      wanted = masters;
      await write();
      await supervisor.kill();
      await supervisor.start();
    },
    async pods() {
      // A connection that is kept open may be that of an API server that is no more: every client asks again then.
      const listed = await until(patience, 'the pods to be listed', readMs, () =>
        core.listNamespacedPod({ namespace: 'default' }).catch(() => null),
      );
      return new Map(
        listed.items.map(({ metadata, status }) => [
          metadata?.uid ?? '',
          (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
        ]),
      );
    },
    async untilWhole(masters, limitMs) {
      let trouble = 'nothing was seen';
      await until(
        patience,
        `${masters} masters that vote, and everything healthy`,
        limitMs,
        async () => {
          trouble = await whatIsWrong(stage, core, masters).catch((caught: unknown) => String(caught));
          return trouble === '';
        },
        () => trouble,
        300,
      );
    },
    async deleteNode(instance) {
      const { items } = await core.listNode();
      const name = items.find(({ metadata }) => nodeOf(metadata?.name ?? '') === instance)?.metadata?.name;
      if (name === undefined) throw new Error(`there is no Node of ${instance}`);
      await core.deleteNode({ name });
    },
    async close({ keep }) {
      await supervisor.close();
      await reader.stop();
      await bench.writer.stop();
      bench.etcd.close();
      if (!keep) await sandbox.down();
    },
  };
  return stage;
}

async function whatIsWrong(stage: MastersStage, core: CoreV1Api, masters: number): Promise<string> {
  const all = await stage.masters();
  const alive = all.filter(({ status }) => status === 'Running');
  if (alive.length !== masters || all.length !== masters)
    return `${alive.length} of ${all.length} instances of masters run`;
  const { members } = await stage.etcd.members(alive.map(({ ip }) => etcdClientUrl(ip)));
  const voters = members.filter(({ learner, started }) => !learner && started);
  if (members.length !== masters || voters.length !== masters)
    return `${voters.length} voters of ${members.length} members`;
  for (const { ip } of alive) {
    const health = await stage.etcd.health(etcdClientUrl(ip), 'linearizable');
    if (!health.healthy) return `${ip}: ${health.why}`;
  }
  const normal = (await backends(stage)).filter(({ health }) => health === 'normal').length;
  if (normal !== masters) return `${normal} backends are healthy`;
  const known = new Set((await stage.instances()).map(({ id }) => id));
  const { items } = await core.listNode();
  if (items.length !== known.size) return `${items.length} Nodes of ${known.size} instances`;
  for (const { metadata, status, spec } of items) {
    if (!known.has(nodeOf(metadata?.name ?? ''))) return `a Node ${metadata?.name} has no instance`;
    if (status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True')
      return `${metadata?.name} is not Ready`;
    if (spec?.unschedulable) return `${metadata?.name} is cordoned`;
  }
  const quorum = await stage.quorum();
  return quorum.state === 'healthy' && quorum.size === masters
    ? ''
    : `the quorum is ${quorum.state}: ${quorum.why}`;
}
