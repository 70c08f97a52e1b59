import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../src/runtime/clock.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { type CloudSettings, createCloud, type SandboxCloud } from '../../../src/sandbox/cloud/cloud.ts';
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
