import { mkdir, rm } from 'node:fs/promises';
import { bundlePrefix, type NodeRole } from '../bootstrap/bundle.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { createCloud } from './cloud/cloud.ts';
import type { Role } from './cloud/records.ts';
import { startCloudServers } from './cloud/servers.ts';
import { fastTimings, realisticTimings } from './cloud/timings.ts';
import { sandboxPaths } from './dir.ts';
import { cleanLeftovers, createProcessHost } from './host/process-host.ts';
import type { ProgramsDir } from './host/programs-dir.ts';
import { lockSandbox, takeNetwork } from './lock.ts';
import { type SandboxState, writeSandboxState } from './state.ts';

/** Has object storage and nothing else: backups lie in two regions. */
const SECOND_REGION = 'cn-beijing';

/** What a daemon is started with. */
export interface DaemonSettings {
  readonly dir: string;
  readonly programs: ProgramsDir;
  readonly cluster: string;
  readonly timings: 'fast' | 'real';
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A daemon at work. */
export interface Daemon {
  readonly state: SandboxState;
  /** The cluster is up: whoever brought it up may go. */
  markUp(): Promise<void>;
  /** Ends every instance and every server. Resolves when no process is left. */
  close(): Promise<void>;
}

/** The name of the RAM role that a class of nodes has. */
export function roleName(cluster: string, role: NodeRole): string {
  return `wdrip-${cluster}-${role}`;
}

/**
 * The sandbox's daemon: Alibaba Cloud's API on one side, instances as process trees on the other. The instances end with this process,
 * however it ends. Throws `Failure` `SandboxBusy` if there is one for this folder.
 */
export async function startDaemon(settings: DaemonSettings): Promise<Daemon> {
  const { programs, cluster, clock, random, log } = settings;
  const paths = sandboxPaths(settings.dir);
  await mkdir(paths.dir, { recursive: true, mode: 0o700 });
  // Held until the process ends, whatever ends it.
  await lockSandbox(paths.dir);
  // An older daemon's: its pid may be anybody's by now.
  await rm(paths.state, { force: true });
  const { network } = await takeNetwork();
  const killed = await cleanLeftovers(paths.dir, clock);
  if (killed > 0) log.warn('a crashed sandbox had left processes behind: they were killed', { killed });

  const host = createProcessHost({ dir: paths.dir, programs, clock, log });
  const cloud = await createCloud({
    stateFile: paths.cloud,
    host,
    clock,
    random,
    network,
    furtherRegions: [SECOND_REGION],
    timings: settings.timings === 'fast' ? fastTimings : realisticTimings,
  });
  const bucket = `wdrip-${cluster}`;
  await cloud.putBucket(bucket);
  const backupBucket = (region: string) => `wdrip-${cluster}-backup-${region}`;
  for (const region of cloud.objectRegions) await cloud.putBucket(backupBucket(region), region);
  for (const role of ['control-plane', 'worker'] as const) await cloud.putRole(roleOf(cluster, bucket, role));
  const servers = await startCloudServers(cloud, {
    originOf: host.originOf,
    warn: (why) => log.warn('a load balancer can not listen', { why }),
  });

  let state: SandboxState = {
    version: 1,
    pid: process.pid,
    phase: 'creating',
    cluster,
    region: cloud.region,
    network,
    bucket,
    cloudEndpoint: servers.ecsEndpoint,
    objectsEndpoint: servers.ossEndpoint,
    backups: Object.entries(servers.ossEndpoints).map(([region, endpoint]) => ({
      region,
      bucket: backupBucket(region),
      endpoint,
    })),
    metadataEndpoint: servers.metadataUrl(''),
    accessKeyId: cloud.accessKeyId,
    accessKeySecret: cloud.accessKeySecret,
    adminToken: cloud.adminToken,
    tools: programs.tools,
    kubeconfig: paths.kubeconfig,
  };
  await writeSandboxState(paths, state);
  log.info('the sandbox is open', { cloud: state.cloudEndpoint, objects: state.objectsEndpoint });

  return {
    get state() {
      return state;
    },
    async markUp() {
      state = { ...state, phase: 'up' };
      await writeSandboxState(paths, state);
      log.info('the cluster is up', { cluster });
    },
    async close() {
      await servers.close();
      // The cloud first: it must not boot again what the host has ended.
      await cloud.close();
      await host.close();
      log.info('the sandbox is closed');
    },
  };
}

/** A node of this class may read the bundles of its class, and nothing else. */
function roleOf(cluster: string, bucket: string, role: NodeRole): Role {
  return {
    name: roleName(cluster, role),
    actions: [],
    objects: [{ prefix: `${bucket}/${bundlePrefix(cluster, role)}`, access: 'read' }],
  };
}
