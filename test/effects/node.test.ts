import { describe, expect, test } from '@jest/globals';
import { Failure } from '../../src/failure.ts';
import { noAnswer } from './fake-cloud.ts';
import { stage } from './stage.ts';

const changes = (effects: readonly string[]) => effects.map((each) => each.split(' ')[0]);

describe('restarting the kubelet', () => {
  test('a silent agent is an answer', async () => {
    const { cloud, run, input } = stage();
    cloud.agent = () => ({ outcome: 'agentSilent', code: 'ClientNotRunning' });
    expect(await run('restartKubelet', { ...input })).toMatchObject({ done: { agentSilent: true } });
  });

  test('the result is read: a restart that fails is a failure, though the call succeeded', async () => {
    const { cloud, run, input } = stage();
    cloud.agent = () => ({ outcome: 'exited', exitCode: 1, output: 'Job for kubelet.service failed' });
    expect(await run('restartKubelet', { ...input })).toEqual({ failed: 'KubeletRestartFailed' });
  });

  test('an instance of another cluster is not touched', async () => {
    const { cloud, run, input } = stage();
    cloud.change('i-1', { tags: { 'wdrip.io/cluster': 'other' } });
    for (const effect of ['restartKubelet', 'restartInstance', 'resetInstance', 'replaceInstance'] as const)
      expect(await run(effect, { ...input, force: true })).toEqual({ failed: 'ForeignInstance' });
    expect(cloud.effects).toEqual([]);
  });

  test('a locked instance is not worked on', async () => {
    const { cloud, run, input } = stage();
    cloud.change('i-1', { locks: ['security'] });
    for (const effect of ['restartKubelet', 'restartInstance', 'resetInstance', 'replaceInstance'] as const)
      expect(await run(effect, { ...input, force: true })).toEqual({ failed: 'InstanceLocked' });
    expect(cloud.effects).toEqual([]);
  });

  test('an instance that is gone is said to be so', async () => {
    const { cloud, run, input } = stage();
    cloud.instances.clear();
    for (const effect of ['restartKubelet', 'restartInstance', 'resetInstance'] as const)
      expect(await run(effect, { ...input, force: false })).toEqual({ failed: 'InstanceGone' });
  });
});

describe('draining', () => {
  test('safety 27: a silent node is drained as unreachable, one that reports is not', async () => {
    const silent = stage();
    await silent.run('drainNode', { ...silent.input, deadlineMs: 1_000 });
    expect(silent.kubernetesCalls[1]).toMatch(/^drain .* unreachable$/);
    const alive = stage({ node: { ready: 'False' } });
    await alive.run('drainNode', { ...alive.input, deadlineMs: 1_000 });
    expect(alive.kubernetesCalls.map((call) => call.split(' ')[0])).toEqual(['cordon', 'drain']);
    expect(alive.kubernetesCalls[1]).not.toMatch(/unreachable/);
  });

  test('a node whose object is missing has nothing to drain', async () => {
    const { run, input, kubernetesCalls } = stage();
    expect(await run('drainNode', { ...input, nodeName: 'other', deadlineMs: 1_000 })).toMatchObject({
      done: {},
    });
    expect(kubernetesCalls).toEqual([]);
  });
});

describe('restarting the instance', () => {
  test('reboots one that runs, by force when told, and starts one that is stopped', async () => {
    for (const [status, force, action] of [
      ['Running', false, 'reboot'],
      ['Running', true, 'forceReboot'],
      ['Stopped', false, 'start'],
    ] as const) {
      const { cloud, run, input } = stage();
      cloud.change('i-1', { status });
      expect(await run('restartInstance', { ...input, force })).toMatchObject({ done: {} });
      expect(changes(cloud.effects)).toEqual([action]);
    }
  });

  test('safety 20: no answer to a reboot that took effect: looked at, not done again', async () => {
    const { cloud, run, input } = stage();
    cloud.failAfter.set('reboot', noAnswer());
    expect(await run('restartInstance', { ...input, force: false })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(['reboot']);
  });

  test('safety 20: crashed after the call: the boot id shows that it took effect', async () => {
    const { cloud, run, again, input, crashAfter } = stage();
    crashAfter('reboot');
    expect(await run('restartInstance', { ...input, force: false })).toEqual({ crashed: true });
    expect(await again('restartInstance', { ...input, force: false })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(['reboot']);
  });

  test('crashed before the call: the boot id shows that it did not, so it is made now, once', async () => {
    const { cloud, run, again, input, crashAfterCheckpoint } = stage();
    crashAfterCheckpoint(1);
    expect(await run('restartInstance', { ...input, force: false })).toEqual({ crashed: true });
    expect(cloud.effects).toEqual([]);
    crashAfterCheckpoint(Number.POSITIVE_INFINITY);
    expect(await again('restartInstance', { ...input, force: false })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(['reboot']);
  });

  test('safety 20: crashed, and nothing can prove anything: it is left to the wait for Ready', async () => {
    const { cloud, run, again, input, crashAfter } = stage();
    cloud.agent = () => ({ outcome: 'agentSilent', code: 'ClientNotRunning' });
    crashAfter('reboot');
    await run('restartInstance', { ...input, force: false });
    expect(await again('restartInstance', { ...input, force: false })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(['reboot']);
  });

  test('safety 39: a master is rebooted when the quorum can spare it, which is looked at before each try', async () => {
    let looks = 0;
    const masters = {
      leave: async () => {},
      join: async () => {},
      async assertSpare() {
        looks += 1;
        if (looks < 3)
          throw new Failure({ kind: 'retryable', code: 'QuorumAtRisk', message: 'it is needed now' });
        expect(changes(cloud.effects)).toEqual([]);
      },
    };
    const { cloud, run, input } = stage({ masters });
    const asMaster = { ...input, role: 'controlPlane' as const, force: false };
    expect(await run('restartInstance', asMaster)).toMatchObject({ done: {} });
    expect({ looks, effects: changes(cloud.effects) }).toEqual({ looks: 3, effects: ['reboot'] });
  });

  test('safety 9: the tag is taken away while it boots: it is waited for, and the reboot is not a failure', async () => {
    const { cloud, run, input } = stage();
    cloud.after.set('reboot', () => cloud.change('i-1', { tags: {} }));
    expect(await run('restartInstance', { ...input, force: false })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(['reboot']);
  });

  test('safety 9: taken away after the call, and the process dies: it is not rebooted again', async () => {
    const { cloud, run, again, input, crashAfter } = stage();
    crashAfter('reboot');
    expect(await run('restartInstance', { ...input, force: false })).toEqual({ crashed: true });
    cloud.change('i-1', { tags: {} });
    expect(await again('restartInstance', { ...input, force: false })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(['reboot']);
  });

  test('the tag is taken away while the agent is asked which boot it is: nothing is done', async () => {
    const { cloud, run, input } = stage();
    cloud.agent = () => {
      cloud.change('i-1', { tags: {} });
      return { outcome: 'agentSilent', code: 'DeliveryTimeout' };
    };
    expect(await run('restartInstance', { ...input, force: false })).toEqual({ failed: 'ForeignInstance' });
    expect(cloud.effects).toEqual([]);
  });

  test('a refusal is not blurred', async () => {
    const { cloud, run, input } = stage();
    cloud.failBefore.set('reboot', new Failure({ kind: 'rejected', code: 'Forbidden.RAM', message: 'no' }));
    expect(await run('restartInstance', { ...input, force: false })).toEqual({ failed: 'Forbidden.RAM' });
  });
});

describe('resetting the instance', () => {
  const whole = ['stop', 'setUserData', 'replaceSystemDisk', 'start'];

  test('stop, user data, new disk, start; the pods go only once it is stopped (safety 29)', async () => {
    const { cloud, run, input, kubernetesCalls } = stage();
    expect(await run('resetInstance', { ...input })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(whole);
    expect(kubernetesCalls.map((call) => call.split(' ')[0])).toEqual(['release']);
  });

  test.each(whole)(
    'crashed right after %s took effect: goes on from there, and nothing takes effect twice',
    async (action) => {
      const { cloud, run, again, input, crashAfter } = stage();
      crashAfter(action);
      expect(await run('resetInstance', { ...input })).toEqual({ crashed: true });
      expect(await again('resetInstance', { ...input })).toMatchObject({ done: {} });
      const disruptive = changes(cloud.effects).filter((each) => each !== 'setUserData');
      expect(disruptive).toEqual(['stop', 'replaceSystemDisk', 'start']);
    },
  );

  test.each([
    ['stop', ['stop']],
    ['setUserData', ['stop', 'setUserData']],
    ['start', whole],
  ] as const)('the tag is taken away after %s: nothing more is done', async (action, done) => {
    const { cloud, run, input } = stage();
    cloud.after.set(action, () => cloud.change('i-1', { tags: {} }));
    const outcome = await run('resetInstance', { ...input });
    expect(outcome).toMatchObject(action === 'start' ? { done: {} } : { failed: 'ForeignInstance' });
    expect(changes(cloud.effects)).toEqual(done);
  });

  test.each(['stop', 'start'])('no answer to %s: looked at, not done again', async (action) => {
    const { cloud, run, input } = stage();
    cloud.failAfter.set(action, noAnswer());
    expect(await run('resetInstance', { ...input })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(whole);
  });
});

describe('replacing the instance', () => {
  test('the old one goes first, for certain; then its pods and Node object; then the new one comes', async () => {
    const { cloud, run, input, kubernetesCalls } = stage();
    expect(await run('replaceInstance', { ...input })).toMatchObject({
      done: { instanceId: 'i-2', nodeName: '127.0.2.3.i-2' },
    });
    expect(changes(cloud.effects)).toEqual(['delete', 'run']);
    expect(kubernetesCalls.map((call) => call.split(' ')[0])).toEqual(['release', 'deleteNode']);
  });

  test('safety 5: crashed right after the new one was created: the same one is found again, with the same user data', async () => {
    const { cloud, run, again, input, crashAfter } = stage();
    crashAfter('run');
    expect(await run('replaceInstance', { ...input })).toEqual({ crashed: true });
    expect(await again('replaceInstance', { ...input })).toMatchObject({ done: { instanceId: 'i-2' } });
    expect(cloud.instances.size).toBe(1);
    expect(changes(cloud.effects)).toEqual(['delete', 'run']);
  });

  test('safety 32: a zone without stock is not asked for ever: the next one is', async () => {
    const { cloud, run, input } = stage({ zones: ['a', 'b'] });
    cloud.noStock.add('a');
    expect(await run('replaceInstance', { ...input })).toMatchObject({ done: {} });
    expect(cloud.effects).toEqual(['delete i-1', 'run b']);
  });

  test('safety 32: no zone has stock: the rung fails, and says so', async () => {
    const { cloud, run, input } = stage({ zones: ['a', 'b'] });
    cloud.noStock.add('a').add('b');
    expect(await run('replaceInstance', { ...input })).toEqual({ failed: 'OutOfStock' });
  });

  test('a slot without an instance just gets one', async () => {
    const { cloud, run, input } = stage();
    cloud.instances.clear();
    expect(await run('replaceInstance', { ...input, instanceId: null, nodeName: null })).toMatchObject({
      done: {},
    });
    expect(changes(cloud.effects)).toEqual(['run']);
  });
});

describe('a node that becomes Ready before the call', () => {
  const ready = () => {
    throw new Failure({ kind: 'rejected', code: 'NodeReady', message: 'it is Ready' });
  };

  test.each(['restartInstance', 'resetInstance', 'replaceInstance'] as const)(
    '%s is called off, and nothing has happened',
    async (effect) => {
      const { cloud, run, input, notReady, kubernetesCalls } = stage();
      notReady.check = ready;
      expect(await run(effect, { ...input, force: false })).toEqual({ failed: 'NodeReady' });
      expect([...cloud.effects, ...kubernetesCalls]).toEqual([]);
    },
  );

  test('while the cloud is busy: the call is not made again', async () => {
    const { cloud, run, input, notReady } = stage();
    cloud.failBefore.set('reboot', new Failure({ kind: 'retryable', code: 'Busy', message: 'not now' }));
    let asked = 0;
    notReady.check = () => {
      asked += 1;
      if (asked > 1) ready();
    };
    expect(await run('restartInstance', { ...input, force: false })).toEqual({ failed: 'NodeReady' });
    expect(cloud.effects).toEqual([]);
  });

  test('one whose instance is stopped is started, reset or replaced whatever is still said of it', async () => {
    for (const [effect, first] of [
      ['restartInstance', 'start'],
      ['resetInstance', 'setUserData'],
      ['replaceInstance', 'delete'],
    ] as const) {
      const { cloud, run, input, notReady } = stage();
      cloud.change('i-1', { status: 'Stopped' });
      notReady.check = ready;
      expect(await run(effect, { ...input, force: false })).toMatchObject({ done: {} });
      expect(changes(cloud.effects)[0]).toBe(first);
    }
  });
});

describe('a cloud that gives no answer', () => {
  test.each(['setUserData', 'replaceSystemDisk'])(
    'to %s: it is asked again, and no dearer rung is climbed',
    async (action) => {
      const { cloud, run, input } = stage();
      cloud.failBefore.set(action, noAnswer());
      expect(await run('resetInstance', { ...input })).toMatchObject({ done: {} });
      expect(changes(cloud.effects)).toEqual(['stop', 'setUserData', 'replaceSystemDisk', 'start']);
    },
  );

  test('a delete that was refused as Busy is asked for again', async () => {
    const { cloud, run, input } = stage();
    cloud.failBefore.set(
      'delete',
      new Failure({ kind: 'retryable', code: 'Busy', message: 'it is starting' }),
    );
    expect(await run('replaceInstance', { ...input })).toMatchObject({ done: {} });
    expect(changes(cloud.effects)).toEqual(['delete', 'run']);
  });
});
