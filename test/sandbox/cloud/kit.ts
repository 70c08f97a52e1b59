import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EcsPkg from '@alicloud/ecs20140526';
import { $OpenApiUtil } from '@alicloud/openapi-core';
import type { Clock } from '../../../src/runtime/clock.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { type CloudSettings, createCloud, type SandboxCloud } from '../../../src/sandbox/cloud/cloud.ts';
import { type CloudServers, startCloudServers } from '../../../src/sandbox/cloud/servers.ts';
import { type CloudTimings, realisticTimings } from '../../../src/sandbox/cloud/timings.ts';
import { type MemoryHost, memoryHost } from './memory-host.ts';

/** A clock that goes when it is told to. */
export interface ManualClock extends Clock {
  /** Fires what is due within `ms`, in order, and lets promises settle in between. */
  pass(ms: number): Promise<void>;
}

export function manualClock(start = Date.parse('2026-11-24T13:00:00Z')): ManualClock {
  let now = start;
  let order = 0;
  const timers = new Map<number, { at: number; fire: () => void }>();
  const due = (until: number) =>
    [...timers].filter(([, timer]) => timer.at <= until).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
  return {
    now: () => now,
    after(ms, fire) {
      const id = order++;
      timers.set(id, { at: now + Math.max(0, ms), fire });
      return () => timers.delete(id);
    },
    async pass(ms) {
      const until = now + ms;
      await settle();
      for (let next = due(until); next !== undefined; next = due(until)) {
        const [id, timer] = next;
        timers.delete(id);
        now = Math.max(now, timer.at);
        timer.fire();
        await settle();
      }
      now = until;
    },
  };
}

/** Lets every promise that can settle without time or I/O do so. */
async function settle(): Promise<void> {
  for (let n = 0; n < 40; n += 1) await Promise.resolve();
}

/** No jitter, so that a test can say when. */
export const exactTimings: CloudTimings = { ...realisticTimings, jitter: 0 };

/** A cloud on a manual clock with a memory host, in a directory of its own. */
export interface TestCloud {
  readonly cloud: SandboxCloud;
  readonly clock: ManualClock;
  readonly host: MemoryHost;
  readonly directory: string;
  status(id: string): string;
  close(): Promise<void>;
}

export async function testCloud(
  changes: Partial<CloudSettings> & { readonly directory?: string } = {},
): Promise<TestCloud> {
  const directory = changes.directory ?? (await mkdtemp(join(tmpdir(), 'wdrip-cloud-')));
  const clock = manualClock();
  const host = memoryHost();
  const cloud = await createCloud({
    stateFile: join(directory, 'cloud.json'),
    host,
    clock,
    random: seededRandom(7),
    timings: exactTimings,
    ...changes,
  });
  return {
    cloud,
    clock,
    host,
    directory,
    status: (id) => cloud.world.instances.get(id)?.status ?? 'gone',
    async close() {
      await cloud.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Parameters of an order that the sandbox's catalogue can fill. */
export function order(cloud: SandboxCloud, changes: Record<string, string> = {}): Record<string, string> {
  const [image] = cloud.catalog.imageIds;
  const [type] = cloud.catalog.instanceTypes;
  const [vSwitch] = cloud.catalog.vSwitches;
  const [group] = cloud.catalog.securityGroupIds;
  return {
    ImageId: image ?? '',
    InstanceType: type?.id ?? '',
    VSwitchId: vSwitch?.id ?? '',
    SecurityGroupId: group ?? '',
    ...changes,
  };
}

/** Orders instances in-process and gives their ids. */
export async function runInstances(
  cloud: SandboxCloud,
  changes: Record<string, string> = {},
): Promise<readonly string[]> {
  const body = await cloud.call('RunInstances', order(cloud, changes));
  const { InstanceIdSets } = JSON.parse(JSON.stringify(body));
  return InstanceIdSets.InstanceIdSet;
}

/** The official client, pointed at the sandbox. Its own retries are off. */
export function ecsClient(
  servers: CloudServers,
  changes: {
    readonly accessKeyId?: string;
    readonly accessKeySecret?: string;
    readonly timeoutMs?: number;
  } = {},
) {
  const timeout = changes.timeoutMs ?? 10_000;
  return new EcsPkg.default(
    new $OpenApiUtil.Config({
      accessKeyId: changes.accessKeyId ?? servers.accessKeyId,
      accessKeySecret: changes.accessKeySecret ?? servers.accessKeySecret,
      endpoint: servers.ecsEndpoint,
      protocol: 'http',
      regionId: 'cn-hangzhou',
      readTimeout: timeout,
      connectTimeout: timeout,
    }),
  );
}

/** A cloud over HTTP in real time, with fast timings and a memory host. */
export async function servedCloud(changes: Partial<CloudSettings> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'wdrip-cloud-'));
  const host = memoryHost();
  const cloud = await createCloud({
    stateFile: join(directory, 'cloud.json'),
    host,
    timings: quickTimings,
    ...changes,
  });
  const servers = await startCloudServers(cloud);
  return {
    cloud,
    servers,
    host,
    directory,
    async close() {
      await servers.close();
      await cloud.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** For tests over HTTP: a few ms a step. */
const quickTimings: CloudTimings = {
  pendingMs: 20,
  startingMs: 20,
  stoppingMs: 20,
  rebootMs: 20,
  replaceDiskMs: 40,
  deleteMs: 20,
  graceMs: 1_000,
  deliveryMs: 60,
  eventMs: 100,
  invisibleMs: 0,
  tagsInvisibleMs: 0,
  jitter: 0,
};

/** Asks until the answer is right, for 5 s at the most. */
export async function until<T>(ask: () => Promise<T>, right: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const answer = await ask();
    if (right(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`Not within 5 s; the last answer: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
