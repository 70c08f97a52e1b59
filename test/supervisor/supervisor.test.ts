import { describe, expect, test } from '@jest/globals';
import { TestCluster } from './cluster.ts';

const healthy = (cluster: TestCluster, count: number) => () => {
  const states = Object.values(cluster.states());
  return states.length === count && states.every((state) => state === 'healthy');
};

async function settled(workers: number, ...rest: [Record<string, number>?]): Promise<TestCluster> {
  const cluster = new TestCluster(workers, ...rest);
  await cluster.start();
  await cluster.until('all healthy', 60, healthy(cluster, workers));
  return cluster;
}

describe('the supervisor, over a cluster in memory', () => {
  test('finds the slots and does nothing to nodes that are well', async () => {
    const cluster = await settled(4);
    await cluster.pass(600);
    expect(cluster.cloud.effects).toEqual([]);
    expect(cluster.calls).toEqual([]);
    await cluster.kill();
    // A timer that is left would keep the process after it was asked to end.
    expect(cluster.clock.next()).toBeUndefined();
  });

  test('a pause of what does not exist is refused', async () => {
    const cluster = await settled(3);
    for (const kind of ['pool', 'slot'] as const)
      await expect(cluster.supervisor.setPause({ kind, id: 'none' }, true)).rejects.toThrow(
        /there is no .* none in cluster test/,
      );
    await cluster.kill();
  });

  test.each([
    ['kubelet', []],
    ['reboot', ['reboot i-1']],
    [
      'reset',
      ['reboot i-1', 'forceReboot i-1', 'stop i-1', 'setUserData i-1', 'replaceSystemDisk i-1', 'start i-1'],
    ],
  ] as const)('a fault that %s cures is cured by exactly that rung', async (cure, effects) => {
    const cluster = await settled(3);
    cluster.sick.set('i-1', cure);
    await cluster.until('not healthy', 120, () => cluster.state('workers-0') !== 'healthy');
    await cluster.until('healthy again', 1_500, healthy(cluster, 3));
    expect(cluster.cloud.effects).toEqual(effects);
    expect([...cluster.nodes.values()].every(({ unschedulable }) => !unschedulable)).toBe(true);
    await cluster.kill();
  });

  test('an instance that is deleted is replaced, and the slot lives on', async () => {
    const cluster = await settled(3);
    cluster.cloud.instances.delete('i-2');
    await cluster.until('not healthy', 120, () => cluster.state('workers-1') !== 'healthy');
    await cluster.until('healthy again', 400, healthy(cluster, 3));
    expect(cluster.cloud.effects).toEqual(['run a']);
    expect(cluster.supervisor.fleet.get('workers-1')?.context.instanceId).toBe('i-4');
    expect(cluster.nodes.size).toBe(3);
    await cluster.kill();
  });

  test('a stopped instance is started, and its Node object deleted by hand comes back by a restart of the kubelet', async () => {
    const cluster = await settled(3);
    cluster.cloud.change('i-1', { status: 'Stopped' });
    await cluster.until('not healthy', 120, () => cluster.state('workers-0') !== 'healthy');
    await cluster.until('healthy again', 400, healthy(cluster, 3));
    expect(cluster.cloud.effects).toEqual(['start i-1']);
    await cluster.kill();
  });

  test('safety 25: what nothing cures fails, rests, and is climbed again', async () => {
    const cluster = await settled(3);
    cluster.cloud.noStock.add('a');
    cluster.sick.set('i-1', 'nothing');
    await cluster.until('throttled', 2_000, () => cluster.state('workers-0') === 'throttled');
    const before = cluster.cloud.effects.length;
    await cluster.pass(590);
    expect(cluster.cloud.effects.length).toBe(before);
    cluster.cloud.noStock.clear();
    await cluster.until('healthy at last', 2_000, healthy(cluster, 3));
    expect(cluster.cloud.effects.slice(before)).toEqual(['run a']);
    await cluster.kill();
  });

  test('safety 2: while blind nothing is done, and afterwards every suspicion starts anew', async () => {
    const cluster = await settled(3);
    cluster.sick.set('i-1', 'reboot');
    await cluster.until('suspect', 120, () => cluster.state('workers-0') === 'suspect');
    cluster.loseSight();
    await cluster.pass(300);
    expect(cluster.cloud.effects).toEqual([]);
    expect(cluster.state('workers-0')).toBe('blind');
    cluster.regainSight();
    await cluster.pass(19);
    expect(cluster.state('workers-0')).toBe('suspect');
    await cluster.until('healthy again', 600, healthy(cluster, 3));
    await cluster.kill();
  });

  test('a node that was Ready at the last look is not worked on before its failure has lasted, however it came to be known', async () => {
    const cluster = await settled(3, { leaseSilentMs: 30_000 });
    cluster.sick.set('i-1', 'reboot');
    await cluster.until('not healthy', 120, () => cluster.state('workers-0') !== 'healthy');
    await cluster.until('healthy again', 1_500, healthy(cluster, 3));

    cluster.sick.set('i-1', 'kubelet');
    await cluster.until('suspect', 120, () => cluster.state('workers-0') === 'suspect');
    cluster.loseSight();
    await cluster.pass(10);
    // Its Node still says Ready when it is seen again, and so it is believed for the time of a silent lease, and no longer.
    const [name = ''] = cluster.nodes.keys();
    cluster.heartbeats.set(name, cluster.clock.now());
    const seenAt = cluster.clock.now();
    cluster.regainSight();
    const restarts: number[] = [];
    const agent = cluster.cloud.agent;
    cluster.cloud.agent = (id, script) => {
      if (script.includes('restart kubelet')) restarts.push(cluster.clock.now() - seenAt);
      return agent(id, script);
    };
    await cluster.pass(25);
    expect(cluster.supervisor.desk.waiting('workers-0')?.rule).toBe('ready');
    await cluster.until('healthy again', 120, healthy(cluster, 3));
    expect(restarts).toHaveLength(1);
    expect(restarts[0]).toBeGreaterThanOrEqual(30_000 + 20_000);
    await cluster.kill();
  });

  test('safety 1, 6: many at once is a storm: held, and then healed one by one where the cloud confirms it', async () => {
    const cluster = await settled(6, { stormHoldMs: 300_000 });
    for (const id of ['i-1', 'i-2', 'i-3']) cluster.cloud.change(id, { status: 'Stopped' });
    await cluster.until('not healthy', 120, () => cluster.state('workers-0') !== 'healthy');
    await cluster.pass(250);
    expect(cluster.cloud.effects).toEqual([]);
    expect(cluster.supervisor.desk.waiting('workers-0')?.rule).toBe('storm');
    let most = 0;
    await cluster.until('healthy again', 1_000, () => {
      const out = cluster.supervisor.fleet.all().filter(({ context }) => context.permit !== null).length;
      most = Math.max(most, out);
      return healthy(cluster, 6)();
    });
    expect(most).toBe(1);
    expect([...cluster.cloud.effects].sort()).toEqual(['start i-1', 'start i-2', 'start i-3']);
    await cluster.kill();
  });

  test('a pause holds a repair that runs, and survives a restart; its end lets it go on', async () => {
    const cluster = await settled(3);
    await Promise.all([cluster.supervisor.setPause({ kind: 'cluster' }, true), cluster.pass(1)]);
    cluster.sick.set('i-1', 'kubelet');
    await cluster.until('held', 200, () => cluster.state('workers-0') === 'held');
    await cluster.kill();
    await cluster.start();
    await cluster.pass(300);
    expect(cluster.state('workers-0')).toBe('held');
    await Promise.all([cluster.supervisor.setPause({ kind: 'cluster' }, false), cluster.pass(1)]);
    await cluster.until('healthy again', 200, healthy(cluster, 3));
    await cluster.kill();
  });

  test('safety 4, 20: killed every few seconds of a whole climb, it comes to the same end, and nothing takes effect twice', async () => {
    // Longer than a suspicion each, or nothing would ever begin; odd, so that the kills fall on all parts of the climb.
    for (const everySeconds of [21, 23, 26, 31, 37, 49]) {
      const cluster = await settled(3);
      cluster.sick.set('i-1', 'reset');
      await cluster.until('not healthy', 120, () => cluster.state('workers-0') !== 'healthy');
      for (let kills = 0; kills < 200 && !healthy(cluster, 3)(); kills++) {
        await cluster.pass(everySeconds);
        await cluster.kill();
        await cluster.start();
      }
      expect(cluster.states()['workers-0']).toBe('healthy');
      const effects = cluster.cloud.effects.filter((each) => !each.startsWith('setUserData'));
      expect(effects).toEqual([
        'reboot i-1',
        'forceReboot i-1',
        'stop i-1',
        'replaceSystemDisk i-1',
        'start i-1',
      ]);
      await cluster.kill();
    }
  });
});
