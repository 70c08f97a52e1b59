import { expect, test } from '@jest/globals';
import { onLiveMaster } from '../../../src/effects/recovery/live-master.ts';
import type { RecoveryWorld } from '../../../src/effects/recovery/world.ts';
import { Failure } from '../../../src/failure.ts';
import { silentLog } from '../../../src/log.ts';
import { sleep } from '../../../src/runtime/clock.ts';
import type { VirtualClock } from '../../../src/runtime/virtual-clock.ts';
import { createVirtualClock } from '../../../src/runtime/virtual-clock.ts';
import { codeOf, passing } from '../../backup/stage.ts';
import { firstTry } from './stage.ts';

const master = { id: 'i-1', endpoint: 'https://10.0.0.1:2379' };
const agentSilent = () => {
  throw new Failure({ kind: 'retryable', code: 'AgentSilent', message: 'the agent took no command' });
};

/** `etcd` and `agent`: whether they answer. A reboot, or a start, mends both after a minute. */
function scene({ etcd = true, agent = true, status = 'Running', data = 'present', served = false } = {}) {
  const clock: VirtualClock = createVirtualClock();
  const done: string[] = [];
  const answers = { etcd, agent };
  const boot = (what: string) => {
    done.push(what);
    clock.after(60_000, () => Object.assign(answers, { etcd: true, agent: true }));
  };
  const instance = { id: 'i-1', status, locks: [], tags: { 'wdrip.io/cluster': 'c' } };
  const world = {
    cluster: 'c',
    log: silentLog,
    etcd: { health: async () => (answers.etcd ? { healthy: true } : { healthy: false, why: 'no answer' }) },
    cloud: {
      findInstance: async () => instance,
      reboot: async (_: string, { before }: { before: () => Promise<void> }) => {
        await before();
        boot('reboot');
      },
      start: async () => boot('start'),
      runCommand: async () =>
        answers.agent
          ? { outcome: 'exited', exitCode: 0, output: 'boot' }
          : { outcome: 'agentSilent', code: 'ClientNotRunning' },
    },
    kubernetes: {
      version: async () => {
        if (!served) throw new Failure({ kind: 'retryable', code: 'Unreachable', message: 'nobody serves' });
        return 'v1.36.3';
      },
    },
    host: {
      lookAtData: async () =>
        answers.agent ? { kind: data, why: data } : { kind: 'unknown', why: 'its agent is silent' },
      startMember: async () => {
        if (!answers.agent) agentSilent();
        done.push('start etcd');
        answers.etcd = true;
      },
    },
  } as unknown as RecoveryWorld;
  const work = <T>(of: (signal: AbortSignal) => Promise<T>) =>
    passing(
      clock,
      onLiveMaster(world, master, { ...firstTry(), clock }, ({ signal }) => of(signal)),
    );
  return { clock, done, work };
}

test('while etcd answers the work goes on, however long it takes', async () => {
  const { clock, done, work } = scene();
  const result = await work(async (signal) => {
    await sleep(clock, 600_000, signal);
    return 'done';
  });
  expect([result, done]).toEqual(['done', []]);
});

test('a hung master is rebooted once, and the step tried again when it answers', async () => {
  const { clock, done, work } = scene({ etcd: false, agent: false });
  const began = clock.now();
  let ended = false;
  const failure = work(async (signal) => {
    await sleep(clock, 600_000, signal).catch(() => undefined);
    ended = true;
  });
  expect(await codeOf(failure)).toBe('MasterSilent');
  expect(done).toEqual(['reboot']);
  expect(ended).toBe(true);
  expect(clock.now() - began).toBeLessThan(180_000);
});

test('of a dead etcd whose agent answers only etcd is started', async () => {
  const { done, work, clock } = scene({ etcd: false });
  expect(await codeOf(work((signal) => sleep(clock, 600_000, signal)))).toBe('MasterSilent');
  expect(done).toEqual(['start etcd']);
});

test.each(['missing', 'broken'])('data that is %s was lost again: nothing is started on it', async (data) => {
  const { done, work, clock } = scene({ etcd: false, data });
  expect(await codeOf(work((signal) => sleep(clock, 600_000, signal)))).toBe('DataLost');
  expect(done).toEqual([]);
});

test('a stopped master is started', async () => {
  const { done, work, clock } = scene({ etcd: false, agent: false, status: 'Stopped' });
  expect(await codeOf(work((signal) => sleep(clock, 600_000, signal)))).toBe('MasterSilent');
  expect(done).toEqual(['start']);
});

test('an agent that takes no command is cured the same way, though etcd answers', async () => {
  const { done, work } = scene({ agent: false });
  expect(await codeOf(work(async () => agentSilent()))).toBe('MasterSilent');
  expect(done).toEqual(['reboot']);
});

test('safety 36: but not while an API is served, or once etcd answers again', async () => {
  const served = scene({ agent: false, served: true });
  expect(await codeOf(served.work(async () => agentSilent()))).toBe('MasterSilent');
  expect(served.done).toEqual([]);
});

test('what else fails is told as it is, and nothing is done', async () => {
  const { done, work } = scene();
  const damaged = new Failure({ kind: 'rejected', code: 'SegmentDamaged', message: 'it is damaged' });
  expect(await codeOf(work(() => Promise.reject(damaged)))).toBe('SegmentDamaged');
  expect(done).toEqual([]);
});
