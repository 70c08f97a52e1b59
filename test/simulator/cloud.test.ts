import type { Cloud } from '../../src/cloud/port.ts';
import { microtasksDone } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import type { CloudCall, Misfortune } from '../../src/simulator/world/calls.ts';
import { SimulatedCloud, simulatedSecurityGroup } from '../../src/simulator/world/cloud.ts';
import { type CloudUnderTest, cloudContract } from '../cloud/contract.ts';

/** How long in virtual time a condition is waited for, in ms. */
const patienceMs = 600_000;

async function open(): Promise<CloudUnderTest> {
  const clock = createVirtualClock(1_700_000_000_000);
  const made = new Map<string, number>();
  const effects = new Map<string, number>();
  const fates = new Map<string, { fate: Misfortune; left: number; after: number }>();
  const count = (of: Map<string, number>, call: string) => of.set(call, (of.get(call) ?? 0) + 1);
  const inner = new SimulatedCloud({
    clock,
    random: seededRandom(7),
    misfortune(call) {
      count(made, call);
      const entry = fates.get(call);
      if (entry === undefined) return null;
      if (entry.after > 0) {
        entry.after -= 1;
        return null;
      }
      if (entry.left <= 0) return null;
      entry.left -= 1;
      return entry.fate;
    },
    agent: (_, script) =>
      script === 'hangs'
        ? null
        : { exitCode: script === 'fails' ? 3 : 0, output: script === 'prints' ? 'hello\n' : '' },
    onEffect: ({ call }) => count(effects, call),
    onBoot: () => {},
  });

  let waiting = 0;
  let driving = false;
  const drive = async () => {
    if (driving) return;
    driving = true;
    await microtasksDone();
    while (waiting > 0) {
      clock.step();
      await microtasksDone();
    }
    driving = false;
  };
  const timed =
    <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      waiting += 1;
      const answer = call(...args);
      void drive();
      try {
        return await answer;
      } finally {
        waiting -= 1;
      }
    };
  const cloud: Cloud = {
    region: inner.region,
    listInstances: timed(inner.listInstances.bind(inner)),
    findInstance: timed(inner.findInstance.bind(inner)),
    hasSecurityGroup: timed(inner.hasSecurityGroup.bind(inner)),
    executingSystemEvents: timed(inner.executingSystemEvents.bind(inner)),
    reboot: timed(inner.reboot.bind(inner)),
    start: timed(inner.start.bind(inner)),
    stop: timed(inner.stop.bind(inner)),
    setUserData: timed(inner.setUserData.bind(inner)),
    replaceSystemDisk: timed(inner.replaceSystemDisk.bind(inner)),
    deleteInstance: timed(inner.deleteInstance.bind(inner)),
    runInstance: timed(inner.runInstance.bind(inner)),
    runCommand: timed(inner.runCommand.bind(inner)),
  };
  const hows = {
    throttled: 'throttled',
    serverError: 'error',
    gatewayError: 'error',
    reset: 'lost',
    never: 'lost',
    slow: 'slow',
  } as const;
  const machine = (id: string) => {
    const found = inner.machines.get(id);
    if (found === undefined) throw new Error(`there is no ${id}`);
    return found;
  };
  return {
    cloud,
    cluster: 'contract',
    spec: {
      zone: 'a',
      imageId: 'm-1',
      instanceType: 't',
      securityGroupId: simulatedSecurityGroup,
      vSwitchId: 'v-a',
      ramRole: 'r',
      systemDisk: { sizeGiB: 40, category: 'cloud_essd' },
      tags: { 'wdrip.io/cluster': 'contract', 'wdrip.io/slot': 'workers-0' },
      userData: '#!/bin/sh\n# first\n',
    },
    otherZone: { zone: 'b', vSwitchId: 'v-b' },
    scripts: { prints: 'prints', output: 'hello\n', fails: 'fails', hangs: 'hangs' },
    async until(what, look) {
      const deadline = clock.now() + patienceMs;
      for (;;) {
        const found = await look();
        if (found !== null) return found;
        if (clock.now() > deadline) throw new Error(`${what}: not in time`);
        await clock.advance(500);
      }
    },
    disturb(call: CloudCall, misfortune, { afterEffect, times }) {
      fates.set(call, {
        fate: { how: hows[misfortune], afterEffect },
        left: times ?? Number.POSITIVE_INFINITY,
        after: 0,
      });
    },
    throttleAfter(call, calls) {
      fates.set(call, {
        fate: { how: 'throttled', afterEffect: false },
        left: Number.POSITIVE_INFINITY,
        after: calls,
      });
    },
    calm: () => fates.clear(),
    made: (call) => made.get(call) ?? 0,
    effects: (call) => effects.get(call) ?? 0,
    boots: (id) => machine(id).boots,
    firstBoots: (id) => machine(id).firstBoots,
    killAgent: (id) => {
      machine(id).agentAlive = false;
    },
    lock: (id, reason) => inner.lock(id, reason),
    setStock: (zone, inStock) => (inStock ? void inner.noStock.delete(zone) : void inner.noStock.add(zone)),
    executeSystemEvent: (id) => inner.executeSystemEvent(id),
    close: async () => {},
  };
}

cloudContract('the simulated cloud', open);
