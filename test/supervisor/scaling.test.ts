import { describe, expect, test } from '@jest/globals';
import { TestCluster } from './cluster.ts';

const isHealthy = (cluster: TestCluster, count: number) => () => {
  const states = Object.values(cluster.states());
  return states.length === count && states.every((state) => state === 'healthy');
};

async function settled(workers: number): Promise<TestCluster> {
  const cluster = new TestCluster(workers);
  await cluster.start();
  await cluster.until('all healthy', 60, isHealthy(cluster, workers));
  return cluster;
}

const slots = (cluster: TestCluster) =>
  [...cluster.cloud.instances.values()].map(({ tags }) => tags['wdrip.io/slot']).sort();

describe('a pool that is scaled', () => {
  test('down: safety 8: the last slots go, one at a time within the budget, and their instances with them', async () => {
    const cluster = await settled(5);
    await cluster.scale(3);
    await cluster.until('the slots are gone', 300, () => slots(cluster).length === 3);
    const leaving = cluster.calls.map((call) => call.split(' ')[0]);
    expect(leaving).toEqual(['cordon', 'drain', 'deleteNode', 'cordon', 'drain', 'deleteNode']);
    expect(slots(cluster)).toEqual(['workers-0', 'workers-1', 'workers-2']);
    await cluster.until('their actors too', 60, isHealthy(cluster, 3));
    await cluster.kill();
  });

  test('down and up again in time: nothing is lost', async () => {
    const cluster = await settled(3);
    const before = [...cluster.cloud.instances.keys()];
    await Promise.all([cluster.supervisor.setPause({ kind: 'cluster' }, true), cluster.pass(1)]);
    await cluster.scale(2);
    await cluster.pass(120);
    expect(cluster.state('workers-2')).toBe('retiring.admitting');
    await cluster.scale(3);
    await Promise.all([cluster.supervisor.setPause({ kind: 'cluster' }, false), cluster.pass(1)]);
    await cluster.until('all healthy', 120, isHealthy(cluster, 3));
    expect([...cluster.cloud.instances.keys()]).toEqual(before);
    await cluster.kill();
  });

  test('up: the new slots are filled, and are no storm', async () => {
    const cluster = await settled(2);
    await cluster.scale(6);
    await cluster.until('all healthy', 900, isHealthy(cluster, 6));
    expect(slots(cluster)).toHaveLength(6);
    await cluster.scale(1);
    await cluster.until('scaled down', 900, isHealthy(cluster, 1));
    await cluster.scale(2);
    await cluster.until('a slot that was retired lives again', 900, isHealthy(cluster, 2));
    await cluster.kill();
  });
});
