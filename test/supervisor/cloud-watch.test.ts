import { describe, expect, test } from '@jest/globals';
import { Failure } from '../../src/failure.ts';
import { silentLog } from '../../src/log.ts';
import { createVirtualClock } from '../../src/runtime/virtual-clock.ts';
import { watchCloud } from '../../src/supervisor/cloud-watch.ts';
import { FakeCloud } from '../effects/fake-cloud.ts';

function setUp(known: readonly string[], troubled: readonly string[] = []) {
  const clock = createVirtualClock(1_000);
  const cloud = new FakeCloud();
  cloud.now = () => clock.now();
  const start = () =>
    watchCloud({
      cloud,
      clock,
      log: silentLog,
      cluster: 'test',
      known: () => known,
      troubled: () => troubled,
      securityGroups: ['sg-other', 'sg-1'],
      intervalMs: () => 10_000,
      changed: () => {},
    });
  return { clock, cloud, start };
}

describe('watching the cloud', () => {
  test('safety 3: what a list lacks is asked for by its id before it counts as gone', async () => {
    const { clock, cloud, start } = setUp(['i-1', 'i-2']);
    const lost = cloud.add();
    cloud.add();
    const whole = cloud.listInstances.bind(cloud);
    cloud.listInstances = async () => {
      const list = await whole();
      return { ...list, instances: list.instances.filter(({ id }) => id !== lost.id) };
    };
    const watch = start();
    await clock.advance(0);
    expect([...watch.view().instances.keys()].sort()).toEqual(['i-1', 'i-2']);
    expect(watch.view().gone.size).toBe(0);
    cloud.instances.delete('i-1');
    await clock.advance(10_000);
    expect([...watch.view().gone]).toEqual(['i-1']);
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('safety 3: a cloud that knows none of our instances is not believed: wrong credentials look like that', async () => {
    const { clock, start } = setUp(['i-1', 'i-2', 'i-3']);
    const watch = start();
    await clock.advance(0);
    expect(watch.view().gone.size).toBe(0);
    expect(watch.unseenBecause()).toMatch(/knows none of the 3 instances/);
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('safety 3: all are gone at once if the account that says so has the security group of the cluster', async () => {
    const { clock, cloud, start } = setUp(['i-1', 'i-2', 'i-3']);
    cloud.securityGroups.add('sg-1');
    const watch = start();
    await clock.advance(0);
    expect([...watch.view().gone]).toEqual(['i-1', 'i-2', 'i-3']);
    expect(watch.unseenBecause()).toBeNull();
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('one after the other all instances may go: what was seen to go with these credentials is believed', async () => {
    const { clock, cloud, start } = setUp(['i-1', 'i-2', 'i-3']);
    const added = [cloud.add(), cloud.add(), cloud.add()];
    const watch = start();
    await clock.advance(0);
    for (const [index, { id }] of added.entries()) {
      cloud.instances.delete(id);
      await clock.advance(10_000);
      expect(watch.view().gone.size).toBe(index + 1);
      expect(watch.unseenBecause()).toBeNull();
    }
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('a list that fails leaves the old view, which grows too old to act on', async () => {
    const { clock, cloud, start } = setUp(['i-1']);
    cloud.add();
    const watch = start();
    await clock.advance(0);
    expect(watch.unseenBecause()).toBeNull();
    cloud.listInstances = async () => {
      throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer came' });
    };
    await clock.advance(49_000);
    expect(watch.view().instances.size).toBe(1);
    expect(watch.unseenBecause()).toBeNull();
    await clock.advance(10_000);
    expect(watch.unseenBecause()).toMatch(/is 59 s old \(no answer came\)/);
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('what a list says is known, even if the question after it gets no answer; but it is not acted on as a whole', async () => {
    const { clock, cloud, start } = setUp(['i-1'], ['i-1']);
    const { id } = cloud.add();
    cloud.executingSystemEvents = async () => {
      throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer came' });
    };
    const watch = start();
    await clock.advance(0);
    expect(watch.view().instances.get(id)?.status).toBe('Running');
    expect(watch.unseenBecause()).toBe('no answer came');
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('an instance that several believe in is asked for once when a list lacks it', async () => {
    const { clock, cloud, start } = setUp(['i-1', 'i-1']);
    const lost = cloud.add();
    const asked: string[] = [];
    cloud.listInstances = async () => ({ instances: [], askedAt: clock.now() });
    cloud.findInstance = async (id) => {
      asked.push(id);
      return lost;
    };
    const watch = start();
    await clock.advance(0);
    expect(asked).toEqual(['i-1']);
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('a list that is as the one before changes nothing but its time; every change in one is taken over', async () => {
    const { clock, cloud, start } = setUp(['i-1']);
    cloud.add();
    const watch = start();
    await clock.advance(0);
    const { instances } = watch.view();
    await clock.advance(10_000);
    expect(watch.view().instances).toBe(instances);
    expect(watch.view().askedAt).toBe(11_000);
    cloud.change('i-1', { imageId: 'm-2' });
    await clock.advance(10_000);
    expect(watch.view().instances.get('i-1')?.imageId).toBe('m-2');
    const second = cloud.add({ tags: { 'wdrip.io/cluster': 'test', 'wdrip.io/slot': 'workers-1' } });
    await clock.advance(10_000);
    expect([...watch.view().instances.keys()]).toEqual(['i-1', 'i-2']);
    expect(watch.bySlot().get('workers-1')).toEqual([second]);
    await Promise.all([watch.stop(), clock.advance(0)]);
  });

  test('stopped between two looks, it looks no more', async () => {
    const { clock, cloud, start } = setUp(['i-1']);
    cloud.add();
    const watch = start();
    await clock.advance(0);
    const { askedAt } = watch.view();
    await watch.stop();
    await clock.advance(60_000);
    expect(watch.view().askedAt).toBe(askedAt);
  });
});
