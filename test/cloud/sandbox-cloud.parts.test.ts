import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAlibabaCloud } from '../../src/cloud/alibaba.ts';
import { cloudTags } from '../../src/cloud/port.ts';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { createCloud } from '../../src/sandbox/cloud/cloud.ts';
import type { FaultAnswer } from '../../src/sandbox/cloud/faults.ts';
import { startCloudServers } from '../../src/sandbox/cloud/servers.ts';
import type { CloudTimings } from '../../src/sandbox/cloud/timings.ts';
import { memoryHost } from '../sandbox/cloud/memory-host.ts';
import { type CloudUnderTest, cloudContract, type Misfortune, type PortCall } from './contract.ts';
import { quickRetries } from './wire-server.ts';

/** Short enough for a hundred instances, long enough that every state is seen. */
const timings: CloudTimings = {
  pendingMs: 100,
  startingMs: 50,
  stoppingMs: 50,
  rebootMs: 50,
  replaceDiskMs: 200,
  deleteMs: 100,
  graceMs: 100,
  deliveryMs: 200,
  eventMs: 300,
  invisibleMs: 30,
  tagsInvisibleMs: 0,
  jitter: 0.2,
};

/** How long a call waits for its answer here: `slow` answers come before, `never` costs this much. */
const CALL_TIMEOUT_MS = 800;
const SLOW_MS = 300;

const misfortunes: Readonly<Record<Misfortune, FaultAnswer>> = {
  throttled: { kind: 'error', status: 400, code: 'Throttling.User', message: 'slow down' },
  serverError: { kind: 'error', status: 500, code: 'InternalError', message: 'broken' },
  gatewayError: { kind: 'html' },
  reset: { kind: 'reset' },
  never: { kind: 'noAnswer' },
  slow: { kind: 'delay', ms: SLOW_MS },
};

const actions: Readonly<Record<PortCall, string>> = {
  listInstances: 'DescribeInstances',
  findInstance: 'DescribeInstances',
  hasSecurityGroup: 'DescribeSecurityGroups',
  executingSystemEvents: 'DescribeInstanceHistoryEvents',
  reboot: 'RebootInstance',
  start: 'StartInstance',
  stop: 'StopInstance',
  setUserData: 'ModifyInstanceAttribute',
  replaceSystemDisk: 'ReplaceSystemDisk',
  deleteInstance: 'DeleteInstance',
  runInstance: 'RunInstances',
  runCommand: 'RunCommand',
};

const scripts = { prints: 'echo läuft', output: 'läuft\n', fails: 'exit 3', hangs: 'sleep infinity' };

/** The longest that anything here takes by itself, with room for a busy machine. */
const UNTIL_MS = 20_000;
const LOOK_EVERY_MS = 25;

async function open(): Promise<CloudUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'wdrip-cloud-'));
  const clock = systemClock();
  const memory = memoryHost((_, script) =>
    script === scripts.fails ? { exitCode: 3, output: '' } : { exitCode: 0, output: scripts.output },
  );
  const host: typeof memory = {
    ...memory,
    run: async (id, script, options) =>
      script === scripts.hangs ? { outcome: 'timedOut', output: '' } : memory.run(id, script, options),
  };
  const sandbox = await createCloud({ stateFile: join(directory, 'cloud.json'), host, timings, clock });
  await sandbox.putRole({ name: 'worker', actions: [], objects: [] });
  const servers = await startCloudServers(sandbox);
  const cloud = createAlibabaCloud({
    region: sandbox.region,
    endpoint: servers.ecsEndpoint,
    protocol: 'http',
    credentials: servers,
    clock,
    random: seededRandom(1),
    retry: quickRetries,
    timeoutMs: CALL_TIMEOUT_MS,
  });
  const [zone = '', second = ''] = sandbox.catalog.zones;
  const [imageId = ''] = sandbox.catalog.imageIds;
  const [securityGroupId = ''] = sandbox.catalog.securityGroupIds;
  const instanceType = sandbox.catalog.instanceTypes[0]?.id ?? '';
  const vSwitchId = (of: string) => sandbox.catalog.vSwitches.find((each) => each.zone === of)?.id ?? '';
  const callsOf = (call: PortCall) =>
    sandbox.world.journal.calls.filter(({ action }) => action === actions[call]);

  return {
    cloud,
    cluster: 'demo',
    spec: {
      zone,
      imageId,
      instanceType,
      securityGroupId,
      vSwitchId: vSwitchId(zone),
      ramRole: 'worker',
      systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
      tags: { [cloudTags.cluster]: 'demo', [cloudTags.pool]: "a b!'()*~中" },
      userData: '#!/bin/sh\n# first\n',
    },
    otherZone: { zone: second, vSwitchId: vSwitchId(second) },
    scripts,
    async until(what, look) {
      const deadline = clock.now() + UNTIL_MS;
      for (;;) {
        const seen = await look();
        if (seen !== null) return seen;
        if (clock.now() > deadline) throw new Error(`not in ${UNTIL_MS} ms: ${what}`);
        await sleep(clock, LOOK_EVERY_MS);
      }
    },
    disturb(call, misfortune, { afterEffect, times }) {
      const answer = misfortunes[misfortune];
      sandbox.faults.add({
        action: actions[call],
        answer,
        afterEffect,
        ...(times === undefined ? {} : { count: times }),
      });
    },
    throttleAfter(call, calls) {
      sandbox.throttle.setQuotas({ byAction: { [actions[call]]: { calls, windowMs: 24 * 3_600_000 } } });
    },
    calm() {
      sandbox.faults.clear();
      sandbox.throttle.setQuotas({});
    },
    made: (call) => callsOf(call).length,
    effects: (call) => callsOf(call).filter(({ effect }) => effect).length,
    boots: (id) => memory.instances.get(id)?.boots ?? 0,
    firstBoots: (id) => memory.instances.get(id)?.ran ?? [],
    killAgent(id) {
      const instance = memory.instances.get(id);
      if (instance === undefined) throw new Error(`no instance ${id}`);
      instance.agent = false;
    },
    lock: (id, reason) => sandbox.lock(id, reason === null ? [] : [reason]),
    setStock: (of, inStock) => sandbox.setStock(of, instanceType, inStock ? null : 'now'),
    executeSystemEvent: (id) => void sandbox.executeEvent(id, 'SystemFailure.Reboot'),
    async close() {
      await servers.close();
      await sandbox.close();
      await rm(directory, { recursive: true });
    },
  };
}

cloudContract("the adapter on the emulated cloud's wire", open);
