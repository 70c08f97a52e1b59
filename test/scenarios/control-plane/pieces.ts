import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { loadMaterial } from '../../../src/bootstrap/cluster-material.ts';
import { API_PORT } from '../../../src/bootstrap/control-plane.ts';
import { controlPlaneUserData } from '../../../src/bootstrap/control-plane-user-data.ts';
import {
  inspectMember,
  keepCopy,
  setSeeds,
  startControlPlane,
  stopControlPlane,
  wipeMember,
} from '../../../src/bootstrap/etcd-commands.ts';
import { readInspection } from '../../../src/bootstrap/etcd-inspection.ts';
import { etcdClientUrl, etcdPeerUrl } from '../../../src/bootstrap/etcd-unit.ts';
import { joinMember } from '../../../src/bootstrap/join-member.ts';
import { kubernetesClusterApi } from '../../../src/bootstrap/kubernetes-cluster-api.ts';
import { cloudTags } from '../../../src/cloud/port.ts';
import { createEtcd, type EtcdClient } from '../../../src/etcd/adapter.ts';
import type { SandboxInstance } from '../../../src/sandbox/admin-client.ts';
import { bringUp, type SandboxHandle } from '../../../src/sandbox/up.ts';
import { type Checks, createChecks, type ScenarioResult } from '../scenario.ts';
import { nodeGraceSeconds } from '../settings.ts';
import { type Patience, until } from '../until.ts';
import { startWriter, type Writer } from './writer.ts';

/**
 * The pieces that wdrip repairs masters with, on real etcd and real API servers, and without wdrip: creation, the balancer, the commands,
 * the join as a learner. When a repair goes wrong, these say whether it is the pieces.
 */

const group = 'control-plane';
const masters = 3;
/** How long a cluster may need to be whole again: an API server starts, a member catches up, a kubelet joins. */
const wholeMs = 90_000;
const commandMs = 60_000;
/** An outage that every client sees is at most an election, and the balancer's own two checks. */
const mostGapMs = 5_000;
/** How long the API is written to while a master is away. */
const awayMs = 10_000;

/** Three masters, somebody who writes, and the ways into etcd and the cloud. */
export interface Bench extends Patience {
  readonly sandbox: SandboxHandle;
  readonly etcd: EtcdClient;
  readonly writer: Writer;
  readonly loadBalancerId: string;
  readonly upMs: number;
  say(line: string): void;
}

interface Piece {
  readonly name: string;
  readonly fault: string;
  run(bench: Bench, checks: Checks): Promise<ScenarioResult['measured']>;
}

const pieces: readonly Piece[] = [
  {
    name: 'three-masters',
    fault: 'none: the cluster as it was created',
    async run(bench, checks) {
      const [first] = await mastersOf(bench);
      if (first === undefined) throw new Error('there is no master');
      const url = `https://${new URL((await loadMaterial(bench.sandbox.paths.material)).server).hostname}:${API_PORT}/readyz`;
      const asked = `for n in 1 2 3 4 5 6; do curl -sk -o /dev/null -w '%{http_code} ' ${url} || true; done`;
      const said = await command(bench, first, 'hairpin', asked);
      const codes = said.trim().split(/\s+/);
      checks.that('a master reaches the others through the balancer', codes.includes('200'), codes);
      checks.that('a master does not reach itself through the balancer', codes.includes('000'), codes);
      return { upMs: bench.upMs };
    },
  },
  {
    name: 'master-stopped',
    fault: "the leader's instance is stopped",
    async run(bench, checks) {
      const victim = await leaderOf(bench);
      const from = bench.clock.now();
      await bench.sandbox.cloud.stop(victim.id, { force: true });
      await until(bench, 'time to pass', awayMs + wholeMs, () => bench.clock.now() - from > awayMs);
      const gapMs = bench.writer.longestGapMs(from);
      checks.that(`the API stays writable, but for at most ${mostGapMs} ms`, gapMs <= mostGapMs, gapMs);
      const startedAt = bench.clock.now();
      await bench.sandbox.cloud.start(victim.id);
      await whole(bench);
      return { gapMs, wholeAgainMs: bench.clock.now() - startedAt };
    },
  },
  {
    name: 'etcd-stopped',
    fault: "a master's etcd is stopped, and its API server runs on",
    async run(bench, checks) {
      const victim = await leaderOf(bench);
      const from = bench.clock.now();
      // It takes seconds to end, since it waits for its clients, and serves nobody from the beginning.
      const stopped = bench.sandbox.exec(victim.id, ['systemctl', 'stop', 'etcd']);
      await until(bench, 'the balancer to see it', awayMs, async () =>
        (await backends(bench)).some((each) => each.instanceId === victim.id && each.health === 'abnormal'),
      );
      const seenMs = bench.clock.now() - from;
      await stopped;
      await until(bench, 'time to pass', awayMs + wholeMs, () => bench.clock.now() - from > awayMs);
      const gapMs = bench.writer.longestGapMs(from);
      checks.that(`the API stays writable, but for at most ${mostGapMs} ms`, gapMs <= mostGapMs, gapMs);
      await bench.sandbox.exec(victim.id, ['systemctl', 'start', 'etcd']);
      await whole(bench);
      return { gapMs, balancerSawItAfterMs: seenMs };
    },
  },
  {
    name: 'member-wiped-in-place',
    fault: "a member's data is removed by the commands, and it joins again as a learner",
    async run(bench, checks) {
      const victim = await leaderOf(bench);
      const others = (await mastersOf(bench)).filter(({ id }) => id !== victim.id).map(({ ip }) => ip);
      const from = bench.clock.now();
      await command(bench, victim, 'stop', stopControlPlane());
      const before = readInspection(await command(bench, victim, 'look', inspectMember()));
      checks.that('its data can be read when it is stopped', before.data.broken === '', before.data);
      checks.that('its revision is known', (before.data.database?.revision ?? 0) > 0, before.data);
      await command(bench, victim, 'keep', keepCopy(`keep-${from}`));
      await command(bench, victim, 'wipe', wipeMember(`wipe-${from}`));
      const wiped = readInspection(await command(bench, victim, 'look-again', inspectMember()));
      checks.equal('its data is gone', wiped.data.exists, false);
      await command(bench, victim, 'seeds', setSeeds(others));
      await command(bench, victim, 'start', startControlPlane());
      // It is listed as a voter still, whose data it has lost: it must not come back as that.
      await replaceMember(bench, victim.ip, others);
      await whole(bench);
      const gapMs = bench.writer.longestGapMs(from);
      checks.that(`the API stays writable, but for at most ${mostGapMs} ms`, gapMs <= mostGapMs, gapMs);
      const after = readInspection(await command(bench, victim, 'look-last', inspectMember()));
      checks.that('it is another member', after.data.memberId !== before.data.memberId, after.data);
      checks.equal('of the same cluster', after.data.clusterId, before.data.clusterId);
      return { gapMs, rebuiltMs: bench.clock.now() - from };
    },
  },
  {
    name: 'master-reset',
    fault: 'a master gets a new system disk, and joins again as a learner',
    async run(bench, checks) {
      const victim = await leaderOf(bench);
      const others = (await mastersOf(bench)).filter(({ id }) => id !== victim.id).map(({ ip }) => ip);
      const from = bench.clock.now();
      const { cloud } = bench.sandbox;
      await cloud.stop(victim.id, { force: true });
      await until(
        bench,
        'the instance to stop',
        wholeMs,
        async () => (await cloud.findInstance(victim.id))?.status === 'Stopped',
      );
      const material = await loadMaterial(bench.sandbox.paths.material);
      await cloud.setUserData(victim.id, controlPlaneUserData(material, others));
      const { imageId } = (await cloud.findInstance(victim.id)) ?? { imageId: '' };
      await cloud.replaceSystemDisk(victim.id, imageId, `reset-${from}`);
      await cloud.start(victim.id);
      await replaceMember(bench, victim.ip, others);
      await whole(bench);
      const gapMs = bench.writer.longestGapMs(from);
      checks.that(`the API stays writable, but for at most ${mostGapMs} ms`, gapMs <= mostGapMs, gapMs);
      return { gapMs, rebuiltMs: bench.clock.now() - from };
    },
  },
];

/** Brings the cluster up and runs the pieces whose name is wanted. */
export async function runPieces(
  options: {
    readonly folder: string;
    readonly programs: string | null;
    readonly keep: boolean;
    wanted(name: string): boolean;
    say(line: string): void;
    report(result: ScenarioResult): Promise<void>;
  } & Patience,
): Promise<void> {
  const chosen = pieces.filter(({ name }) => options.wanted(name));
  if (chosen.length === 0) return;
  options.say(`group ${group}: ${masters} masters, two workers, and nobody who repairs them`);
  const bench = await openBench(options);
  try {
    for (const piece of chosen) {
      options.signal.throwIfAborted();
      await options.report(await runPiece(bench, piece));
    }
  } finally {
    await bench.writer.stop();
    bench.etcd.close();
    if (!options.keep) await bench.sandbox.down();
  }
}

async function runPiece(bench: Bench, piece: Piece): Promise<ScenarioResult> {
  const checks = createChecks();
  let measured: ScenarioResult['measured'] = {};
  try {
    measured = await piece.run(bench, checks);
    const lost = await bench.writer.lost();
    checks.equal('no acknowledged write is lost', lost.length, 0);
  } catch (caught) {
    bench.signal.throwIfAborted();
    checks.that(caught instanceof Error ? (caught.stack ?? caught.message) : String(caught), false);
  }
  return {
    group,
    scenario: piece.name,
    ok: checks.failures.length === 0,
    fault: piece.fault,
    faultToReadyMs: null,
    ownMs: null,
    rungs: [],
    measured,
    failures: checks.failures,
  };
}

export async function openBench(
  options: { readonly folder: string; readonly programs: string | null; say(line: string): void } & Patience,
): Promise<Bench> {
  const { clock, signal, folder, say } = options;
  const from = clock.now();
  const sandbox = await bringUp({
    dir: join(folder, 'sandbox'),
    masters,
    workers: 2,
    programs: options.programs ?? undefined,
    timings: 'fast',
    nodeGraceSeconds,
    signal,
    onProgress: (step) => say(`  ${step}`),
  });
  const upMs = clock.now() - from;
  const config = z
    .looseObject({ controlPlane: z.looseObject({ loadBalancerId: z.string() }) })
    .parse(parse(await readFile(sandbox.superviseConfig, 'utf8')));
  const { etcdCa, etcdCert, etcdKey } = sandbox.paths;
  const [ca, cert, key] = await Promise.all(
    [etcdCa, etcdCert, etcdKey].map((path) => readFile(path, 'utf8')),
  );
  const etcd = createEtcd({ tls: { ca: ca ?? '', cert: cert ?? '', key: key ?? '' }, clock });
  const { loadBalancerId } = config.controlPlane;
  const writer = startWriter(sandbox.kubeconfig, { clock, signal });
  const bench = { clock, signal, say, sandbox, etcd, writer, loadBalancerId, upMs };
  try {
    await whole(bench);
    return bench;
  } catch (caught) {
    await writer.stop();
    etcd.close();
    await sandbox.down();
    throw caught;
  }
}

export async function mastersOf({ sandbox }: Bench): Promise<readonly SandboxInstance[]> {
  const instances = await sandbox.admin.instances();
  return instances
    .filter(({ tags }) => tags[cloudTags.role] === 'controlPlane')
    .sort((a, b) => (a.ip < b.ip ? -1 : 1));
}

export const backends = ({ sandbox, loadBalancerId }: Bench) =>
  sandbox.loadBalancers.backends(loadBalancerId, API_PORT);

/** The master whose member leads: what happens to it costs an election. */
async function leaderOf(bench: Bench): Promise<SandboxInstance> {
  for (const master of await mastersOf(bench)) {
    const { memberId, leader } = await bench.etcd.status(etcdClientUrl(master.ip));
    if (memberId === leader) return master;
  }
  throw new Error('no member leads');
}

/** Removes the member at this address, adds it as a learner, and waits until it votes. */
async function replaceMember(bench: Bench, address: string, voters: readonly string[]): Promise<void> {
  const endpoints = voters.map(etcdClientUrl);
  const { members } = await bench.etcd.members(endpoints);
  const old = members.find(({ peerUrls }) => peerUrls.includes(etcdPeerUrl(address)));
  if (old !== undefined) await bench.etcd.removeMember(endpoints, old.id);
  await joinMember(bench.etcd, { voters, address }, { ...bench, timeoutMs: wholeMs });
}

/** Waits until every master votes, is healthy, is behind the balancer, and every node is Ready. */
async function whole(bench: Bench): Promise<void> {
  let trouble = '';
  const api = kubernetesClusterApi(bench.sandbox.kubeconfig, bench.clock);
  try {
    await until(
      bench,
      'three voters, three backends, and every node Ready',
      wholeMs,
      async () => {
        trouble = await whatIsWrong(bench, api).catch((caught: unknown) => String(caught));
        return trouble === '';
      },
      () => trouble,
      200,
    );
  } finally {
    api.close();
  }
}

async function whatIsWrong(
  bench: Bench,
  api: Pick<ReturnType<typeof kubernetesClusterApi>, 'nodes'>,
): Promise<string> {
  const all = await mastersOf(bench);
  const endpoints = all.map(({ ip }) => etcdClientUrl(ip));
  const { members } = await bench.etcd.members(endpoints);
  const voters = members.filter(({ learner, started }) => !learner && started).length;
  if (members.length !== masters || voters !== masters)
    return `${voters} voters of ${members.length} members`;
  for (const endpoint of endpoints) {
    const health = await bench.etcd.health(endpoint, 'linearizable');
    if (!health.healthy) return `${endpoint}: ${health.why}`;
  }
  const normal = (await backends(bench)).filter(({ health }) => health === 'normal').length;
  if (normal !== masters) return `${normal} backends are healthy`;
  const sad = (await api.nodes()).filter(({ ready }) => !ready);
  return sad.map(({ name, why }) => `${name}: ${why}`).join('; ');
}

/** Runs a command on a master through its agent. Throws if it fails. */
async function command(bench: Bench, master: SandboxInstance, name: string, script: string): Promise<string> {
  const from = bench.clock.now();
  const result = await bench.sandbox.cloud.runCommand(master.id, script, {
    timeoutMs: commandMs,
    attempt: `${name}-${from}`,
    signal: bench.signal,
  });
  if (result.outcome !== 'exited' || result.exitCode !== 0)
    throw new Error(`the command ${name} on ${master.ip}: ${JSON.stringify(result)}`);
  bench.say(`  ${name} on ${master.ip}: ${bench.clock.now() - from} ms`);
  return result.output;
}
