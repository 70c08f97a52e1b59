import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { microtasksDone } from '../../../src/runtime/clock.ts';
import { createVirtualClock, type VirtualClock } from '../../../src/runtime/virtual-clock.ts';
import { breakagesAround, nodeBreakages } from '../../../src/simulator/embedded/breakages.ts';
import { EmbeddedCluster } from '../../../src/simulator/embedded/cluster.ts';
import { embedded } from '../../../src/simulator/embedded/config.ts';
import { Outages } from '../../../src/simulator/embedded/outages.ts';
import { createPacedClock } from '../../../src/simulator/embedded/paced-clock.ts';
import { reportQuorum } from '../../../src/supervisor/explain-quorum.ts';
import { actorIds } from '../../../src/supervisor/fleet.ts';

let wall: VirtualClock;
let cluster: EmbeddedCluster;
let outages: Outages;

/** One cluster for all, as for a person: each test leaves it healthy. What came before a test is not its story. */
beforeAll(async () => {
  wall = createVirtualClock(Date.UTC(2026, 0, 5));
  cluster = new EmbeddedCluster({ clock: createPacedClock(wall, 1), wall, seed: 1 });
  outages = new Outages(cluster);
  await cluster.start();
});
afterAll(() => cluster.stop());

let toldBefore = 0;
beforeEach(() => {
  toldBefore = cluster.chronicle.count;
});

const actors = () => cluster.supervisor()?.supervisor.fleet.all() ?? [];
const quorum = () => {
  const { supervisor, runtime } = cluster.supervisor() ?? {};
  const record = runtime?.record(actorIds.quorum);
  return supervisor?.controlPlane && record ? reportQuorum(record, supervisor.controlPlane) : null;
};
const stateOf = (slot: string) => actors().find(({ context }) => context.slot === slot)?.state;
const areHealthy = () => actors().every(({ state }) => state === 'healthy');
/** The wall stands still in these tests: the cluster's time passes by itself. */
const pass = (ms: number) => cluster.clock.skip(ms);
/** Lets time pass until it is so; the most that it took, in minutes. */
async function until(condition: () => boolean, minutes: number): Promise<number> {
  for (let passed = 0; passed <= minutes; passed += 1 / 6) {
    if (condition()) return passed;
    await pass(10_000);
  }
  throw new Error(
    `not in ${minutes} minutes: ${actors().map(({ context, state }) => `${context.slot} ${state}`)}`,
  );
}
const story = (slot: string | null) =>
  cluster.chronicle.of(slot).flatMap(({ number, text }) => (number > toldBefore ? [text] : []));
const breakNode = (id: string, slot: string) => {
  const machine = cluster.machines().find((each) => each.slot === slot)?.machine;
  const breakage = nodeBreakages.find((each) => each.id === id);
  if (machine === undefined || breakage === undefined) throw new Error(`${id} ${slot}`);
  breakage.act(cluster, machine, outages);
};
const breakAround = (id: string) => breakagesAround.find((each) => each.id === id)?.act(cluster, outages);

describe('the embedded cluster', () => {
  test('begins healthy: three masters and twelve workers in two zones, and nothing to tell', () => {
    expect(actors()).toHaveLength(embedded.masters + embedded.workers);
    expect(areHealthy()).toBe(true);
    expect(new Set(actors().map(({ context }) => context.zone))).toEqual(new Set(embedded.zones));
    expect(actors().filter(({ context }) => context.role === 'controlPlane')).toHaveLength(embedded.masters);
    expect(toldBefore).toBe(0);
  });

  test('its control plane is whole: three voters, a verified backup, a change log that follows', async () => {
    expect(quorum()).toMatchObject({ state: 'healthy', healthy: 3, held: true });
    const figures = async () => cluster.supervisor()?.backups?.figures(new AbortController().signal);
    expect(await figures()).toMatchObject({ unreached: [], problems: 0 });
    await pass(11 * 60_000);
    const later = await figures();
    expect(later?.backups.length).toBeGreaterThanOrEqual(2);
    expect(later?.newestVerifiedAgeMs).toBeLessThan(600_000);
    expect(later?.changeLog?.revision).toBeGreaterThan(later?.backups[0]?.revision ?? 0);
    expect(later?.lossMs).toBeLessThanOrEqual(1_000);
    expect(cluster.chronicle.count).toBe(0);
  });

  // Each with what its story must say, so that the button shows what its hint promises.
  test.each([
    ['kubeletDies', /^goes on to restart its kubelet/],
    ['runtimeHangs', /^goes on to reboot its instance/],
    ['objectDeleted', /^goes on to restart its kubelet/],
    ['blip', /^healthy$/],
    ['instanceStopped', /^goes on to start its instance/],
    ['instanceDeleted', /^goes on to replace its instance/],
    ['diskBroken', /^goes on to give its instance a new system disk/],
    ['unbootable', /^goes on to replace its instance/],
    ['agentDies', /^goes on to reboot its instance/],
    ['cloudRepairs', /^the cloud itself is at work/],
  ])('%s heals, by what the button says', async (id, saying) => {
    breakNode(id, 'workers-2');
    await until(() => stateOf('workers-2') !== 'healthy', 3);
    await until(areHealthy, 60);
    expect(story('workers-2')).toEqual(expect.arrayContaining([expect.stringMatching(saying)]));
  });

  test('a cordon by hand is left alone, and an unpaid bill is held until it is paid', async () => {
    breakNode('cordoned', 'workers-2');
    breakNode('locked', 'workers-3');
    await until(() => stateOf('workers-3') === 'held', 10);
    outages.calm();
    await until(areHealthy, 60);
    const cordoned = [...cluster.world.api.nodes.values()].filter(({ cordonedBy }) => cordonedBy !== null);
    expect(cordoned.map(({ cordonedBy }) => cordonedBy)).toEqual(['person']);
    for (const node of cordoned) cluster.world.api.put({ ...node, cordonedBy: null });
  });

  test.each([
    ['storm', 'pool/workers'],
    ['zoneDown', 'zone/zone-b'],
    ['workersLiedAbout', 'pool/workers'],
  ])('%s is one incident: held, and nothing is torn down', async (id, scope) => {
    const bodies = () => cluster.machines().map(({ machine }) => [machine.instance.id, machine.boots]);
    const before = bodies();
    breakAround(id);
    await until(() => story(null).some((line) => line.startsWith('storm: ') && line.includes(scope)), 5);
    await until(() => areHealthy() && outages.underWay().length === 0, 60);
    expect(bodies()).toEqual(before);
  });

  test('a storm that stays is repaired node by node', async () => {
    breakAround('stormThatStays');
    await until(() => story(null).some((line) => line.includes('did not pass')), 10);
    await until(areHealthy, 60);
  });

  test('the API out of sight: nothing begins, until it is seen again', async () => {
    breakAround('apiUnreachable');
    breakNode('kubeletDies', 'workers-2');
    await pass(100_000);
    expect(story('workers-2').filter((line) => line.startsWith('asks'))).toEqual([]);
    await until(() => story('workers-2').includes('goes on to restart its kubelet'), 10);
    await until(areHealthy, 10);
  });

  test.each(['cloudThrottles', 'cloudSlow', 'cloudLosesAnswers', 'outOfStock'])(
    'with %s a broken instance is replaced all the same, and once',
    async (id) => {
      breakAround(id);
      breakNode('instanceDeleted', 'workers-3');
      await until(() => stateOf('workers-3') !== 'healthy', 5);
      await until(areHealthy, 120);
      expect(cluster.machines()).toHaveLength(embedded.masters + embedded.workers);
    },
  );

  test('a supervisor that is killed in a repair goes on where it was: the same deadline, the same rung', async () => {
    const boots = () => cluster.machines().find(({ slot }) => slot === 'workers-2')?.machine.boots ?? 0;
    const bootsBefore = boots();
    breakNode('runtimeHangs', 'workers-2');
    await until(() => stateOf('workers-2') === 'repairing.rebooting.awaitingReady', 10);
    const deadlines = () => actors().find(({ context }) => context.slot === 'workers-2')?.record.deadlines;
    const before = deadlines();
    expect(before).toBeDefined();
    cluster.killSupervisor();
    expect(cluster.supervisor()).toBeNull();
    cluster.killSupervisor();
    await wall.advance(10_000, microtasksDone);
    await pass(100);
    expect(deadlines()).toEqual(before);
    await until(areHealthy, 10);
    expect(story(null)).toContain('the supervisor is back, and goes on where its records say');
    expect(boots()).toBe(bootsBefore + 1);
  });
});
