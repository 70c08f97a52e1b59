import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EcsPkg from '@alicloud/ecs20140526';
import { $OpenApiUtil } from '@alicloud/openapi-core';
import { type CloudSettings, createCloud } from '../../../src/sandbox/cloud/cloud.ts';
import { type CloudServers, startCloudServers } from '../../../src/sandbox/cloud/servers.ts';
import type { CloudTimings } from '../../../src/sandbox/cloud/timings.ts';
import { memoryHost } from './memory-host.ts';

/** The official client, pointed at the sandbox. Its own retries are off. */
export function ecsClient(
  servers: CloudServers,
  changes: {
    readonly accessKeyId?: string;
    readonly accessKeySecret?: string;
    readonly securityToken?: string | undefined;
    readonly signatureAlgorithm?: string;
    readonly timeoutMs?: number;
  } = {},
) {
  const { timeoutMs = 10_000, ...config } = changes;
  return new EcsPkg.default(
    new $OpenApiUtil.Config({
      accessKeyId: servers.accessKeyId,
      accessKeySecret: servers.accessKeySecret,
      endpoint: servers.ecsEndpoint,
      protocol: 'http',
      regionId: 'cn-hangzhou',
      readTimeout: timeoutMs,
      connectTimeout: timeoutMs,
      ...config,
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
