import { describe, expect, test } from '@jest/globals';
import { rebuildMember } from '../../../src/effects/quorum/change-members.ts';
import type { MasterHost, QuorumWorld } from '../../../src/effects/quorum/world.ts';
import { Failure } from '../../../src/failure.ts';
import { silentLog } from '../../../src/log.ts';
import type { EffectContext } from '../../../src/runtime/types.ts';
import { simulatedStage } from '../../etcd/simulated-stage.ts';
import { FakeCloud } from '../fake-cloud.ts';

const silent = new Failure({ kind: 'retryable', code: 'AgentSilent', message: 'nobody took the command' });
const input = { slot: 'control-plane-2', instanceId: 'i-2', memberId: null, because: 'it is no member' };

/** A cluster of etcd of two, and a third master, `i-2`, that is no member of it. Gives what the rebuilding did, in order. */
async function rebuild(options: {
  readonly failedBefore?: number;
  readonly progress?: EffectContext['progress'];
  readonly join?: () => Promise<void>;
  /** Right before the announcement. */
  readonly meanwhile?: (cloud: FakeCloud) => void;
}) {
  const stage = simulatedStage(1);
  const cloud = new FakeCloud();
  const done: string[] = [];
  let failure: string | null = null;
  await stage.play(async () => {
    const cluster = await stage.cluster(2);
    const ips = [...cluster.endpoints.map((endpoint) => new URL(endpoint).hostname), '10.9.9.9'];
    const masters = ips.map((ip, index) => ({
      slot: `control-plane-${index}`,
      instance: cloud.add({ id: `i-${index}`, privateIp: ip }),
      ip,
    }));
    const host: Partial<MasterHost> = { joinExisting: options.join ?? (() => Promise.reject(silent)) };
    const world = {
      cluster: 'test',
      etcd: stage.etcd,
      cloud,
      host,
      log: silentLog,
      masters: async () => masters,
      async announceReboot(slot: string) {
        done.push(`announce ${slot}`);
        options.meanwhile?.(cloud);
      },
    } as unknown as QuorumWorld;
    const context = {
      attempt: 'a1',
      clock: stage.clock,
      signal: new AbortController().signal,
      progress: options.progress,
      checkpoint: async (progress: unknown) => void done.push(`checkpoint ${progress}`),
    } as unknown as EffectContext;
    await rebuildMember(world)({ ...input, failedBefore: options.failedBefore ?? 1 }, context).catch(
      (caught: unknown) => {
        failure = caught instanceof Failure ? caught.code : String(caught);
      },
    );
  });
  return { failure, done: [...done, ...cloud.effects] };
}

describe('a master that is no member of etcd and whose agent takes no command', () => {
  test('is rebooted when that has failed before, written down and said first; the attempt fails all the same', async () => {
    expect(await rebuild({})).toEqual({
      failure: 'AgentSilent',
      done: ['checkpoint rebooted', 'announce control-plane-2', 'forceReboot i-2'],
    });
  });

  test.each([
    [0, false],
    [1, true],
    [2, false],
    [10, false],
    [11, true],
  ])('after %d failed repairs: a reboot is %s', async (failedBefore, expected) => {
    const { done } = await rebuild({ failedBefore });
    expect(done.includes('forceReboot i-2')).toBe(expected);
  });

  test('is not rebooted a second time by an attempt that is asked again after a crash', async () => {
    expect(await rebuild({ progress: 'rebooted' })).toEqual({ failure: 'AgentSilent', done: [] });
  });

  test('is not rebooted for what its agent did answer', async () => {
    const full = new Failure({ kind: 'retryable', code: 'CommandFailed', message: 'no space' });
    expect(await rebuild({ join: () => Promise.reject(full) })).toEqual({
      failure: 'CommandFailed',
      done: [],
    });
  });

  test('safety 9: is left alone once its tag is gone', async () => {
    const { failure, done } = await rebuild({ meanwhile: (cloud) => cloud.change('i-2', { tags: {} }) });
    expect(failure).toBe('ForeignInstance');
    expect(done).not.toContain('forceReboot i-2');
  });
});

test('a master that takes the command is rebuilt, and nothing is rebooted', async () => {
  expect(await rebuild({ join: async () => {} })).toEqual({ failure: null, done: [] });
});
