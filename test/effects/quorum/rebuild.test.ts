import { describe, expect, test } from '@jest/globals';
import { onlyOurs } from '../../../src/effects/only-ours.ts';
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
  /** Whether its own ladder finds it well: as heard now. */
  readonly well?: (cloud: FakeCloud) => boolean;
}) {
  const { well = () => true } = options;
  const stage = simulatedStage(1);
  const cloud = new FakeCloud();
  const done: string[] = [];
  let failure: string | null = null;
  let tookMs = 0;
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
      cloud: onlyOurs(cloud, 'test'),
      host,
      log: silentLog,
      masters: async () => masters,
      wellAt: () => (well(cloud) ? stage.clock.now() : null),
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
    const began = stage.clock.now();
    await rebuildMember(world)({ ...input, failedBefore: options.failedBefore ?? 1 }, context).catch(
      (caught: unknown) => {
        failure = caught instanceof Failure ? caught.code : String(caught);
      },
    );
    tookMs = stage.clock.now() - began;
  });
  return { failure, tookMs, done: [...done, ...cloud.effects] };
}

describe('a master that is no member of etcd and whose agent takes no command', () => {
  test('is rebooted when that has failed before, written down and said first; the attempt fails all the same', async () => {
    expect(await rebuild({})).toMatchObject({
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
    expect(await rebuild({ progress: 'rebooted' })).toMatchObject({ failure: 'AgentSilent', done: [] });
  });

  test('is not rebooted for what its agent did answer', async () => {
    const full = new Failure({ kind: 'retryable', code: 'CommandFailed', message: 'no space' });
    expect(await rebuild({ join: () => Promise.reject(full) })).toMatchObject({
      failure: 'CommandFailed',
      done: [],
    });
  });

  test('is not rebooted if its own ladder does something about it, from before or since', async () => {
    expect(await rebuild({ well: () => false })).toMatchObject({ failure: 'AgentSilent', done: [] });
    let asked = 0;
    const { failure, done } = await rebuild({ well: () => ++asked < 2 });
    expect(failure).toBe('UnderRepair');
    expect(done).not.toContain('forceReboot i-2');
  });

  test('safety 9, 41: keeps the permit until it is back, or three minutes after its reboot', async () => {
    const { tookMs } = await rebuild({});
    expect(tookMs).toBeLessThan(15_000);
    const hung = await rebuild({ well: ({ effects }) => effects.length === 0 });
    expect(Math.round(hung.tookMs / 10_000)).toBe(18);
    // A supervisor that was killed in that time waits anew, and reboots nothing.
    let asked = 0;
    const after = await rebuild({ progress: 'rebooted', well: () => ++asked > 4 });
    expect(after).toMatchObject({ done: [] });
    expect(Math.round(after.tookMs / 10_000)).toBe(4);
  });

  test('safety 9: is left alone once its tag is gone', async () => {
    const { failure, done } = await rebuild({ meanwhile: (cloud) => cloud.change('i-2', { tags: {} }) });
    expect(failure).toBe('ForeignInstance');
    expect(done).not.toContain('forceReboot i-2');
  });
});

test('a master that takes the command is rebuilt, and nothing is rebooted', async () => {
  expect(await rebuild({ join: async () => {} })).toMatchObject({ failure: null, done: [] });
});
