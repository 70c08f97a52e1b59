import { expect, test } from '@jest/globals';
import { microtasksDone } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { simulatedConfig } from '../../src/simulator/config.ts';
import { World } from '../../src/simulator/world/world.ts';

/** Long enough for a boot, a start of etcd and an election, in ms. */
const whileMs = 120_000;

async function threeMasters() {
  const clock = createVirtualClock(1_000_000);
  const world = new World({
    clock,
    random: seededRandom(7),
    config: simulatedConfig(1, ['zone-1', 'zone-2', 'zone-3']),
    zones: ['zone-1', 'zone-2', 'zone-3'],
    masters: 3,
    misfortune: () => null,
    onEffect: () => {},
    onAct: () => {},
  });
  world.populate();
  const pass = () => clock.advance(whileMs, microtasksDone);
  const { masters } = world;
  if (masters === null) throw new Error('there are no masters');
  expect(world.api.reachable).toBe(false);
  await pass();
  const [first = '', second = '', third = ''] = masters.processes.keys();
  const memberOf = (id: string) => masters.processes.get(id)?.data?.memberId ?? null;
  return { world, masters, pass, ids: [first, second, third] as const, memberOf };
}

test('the API is served with a quorum, through one master lost, and not through two', async () => {
  const { world, masters, pass, ids } = await threeMasters();
  expect(world.api.reachable).toBe(true);
  world.cloud.stopByPerson(ids[0]);
  await pass();
  expect(world.api.reachable).toBe(true);
  expect(masters.quorumWithout(ids[1])).toEqual({ voters: 3, healthy: 2, healthyWithout: 1 });
  world.cloud.stopByPerson(ids[1]);
  await pass();
  expect(world.api.reachable).toBe(false);
  const started = world.cloud.start(ids[1]);
  await pass();
  await started;
  expect(world.api.reachable).toBe(true);
});

test('a cut way to the API and a lost quorum both keep it away, and both must end', async () => {
  const { world, masters, pass, ids } = await threeMasters();
  world.api.setReachable(false);
  masters.setStopped(ids[0], true);
  masters.setStopped(ids[1], true);
  world.api.setReachable(true);
  expect(world.api.reachable).toBe(false);
  masters.setStopped(ids[0], false);
  await pass();
  expect(world.api.reachable).toBe(true);
});

test('data stays over a stop, goes with the system disk, and with the instance', async () => {
  const { world, masters, pass, ids, memberOf } = await threeMasters();
  const member = memberOf(ids[0]);
  expect(member).not.toBeNull();
  world.cloud.stopByPerson(ids[0]);
  await pass();
  expect(memberOf(ids[0])).toBe(member);
  const replaced = world.cloud.replaceSystemDisk(ids[0], 'm-1', 'an attempt');
  await pass();
  await replaced;
  const started = world.cloud.start(ids[0]);
  await pass();
  await started;
  // It runs, and waits to be added: the member of old is gone for good.
  expect(masters.processes.get(ids[0])?.isRunning).toBe(true);
  expect(masters.processes.get(ids[0])?.isServing).toBe(false);
  expect(memberOf(ids[0])).toBeNull();
  world.cloud.deleteByPerson(ids[1]);
  await pass();
  expect(masters.processes.has(ids[1])).toBe(false);
  expect(world.api.reachable).toBe(false);
});
