import { describe, expect, test } from '@jest/globals';
import { restartMember } from '../../../src/effects/quorum/change-members.ts';
import { assertSpare } from '../../../src/effects/quorum/membership.ts';
import type { QuorumWorld } from '../../../src/effects/quorum/world.ts';
import { Failure } from '../../../src/failure.ts';
import { silentLog } from '../../../src/log.ts';
import { virtualClock } from '../../cloud/virtual-clock.ts';
import { firstTry } from '../recovery/stage.ts';

/** Members by their names; `well` is asked at each look, from 1 on. */
function scene(names: readonly string[], well: (name: string, look: number) => boolean) {
  const clock = virtualClock();
  const host = (name: string) => `10.0.0.${names.indexOf(name) + 1}`;
  const nameAt = (endpoint: string) => names.find((name) => endpoint.includes(`${host(name)}:`)) ?? '';
  let looks = 0;
  const members = names.map((name) => ({
    id: name,
    name,
    started: true,
    learner: false,
    peerUrls: [`https://${host(name)}:2380`],
    clientUrls: [`https://${host(name)}:2379`],
  }));
  const held = () => names.filter((name) => well(name, looks)).length * 2 > names.length;
  const membership = { clusterId: 'c', members, answeredBy: 'https://10.0.0.1:2379' };
  const etcd = {
    async members() {
      looks += 1;
      if (!held()) throw new Failure({ kind: 'retryable', code: 'NoLeader', message: 'no leader' });
      return membership;
    },
    rememberedMembers: async () => membership,
    alarms: async () => [],
    health: async (endpoint: string) => ({ healthy: well(nameAt(endpoint), looks), why: 'silent' }),
    status: async (endpoint: string) => ({ memberId: nameAt(endpoint), leader: null }),
  };
  const world = {
    etcd,
    log: silentLog,
    masters: async () =>
      names.map((name) => ({ slot: name, instance: { id: name, status: 'Running' }, ip: host(name) })),
  } as unknown as QuorumWorld;
  const { signal } = new AbortController();
  return {
    world,
    clock,
    wait: (name: string) =>
      clock.runUntil(assertSpare(world, { instanceId: name, ip: host(name) }, { clock, signal })),
    looks: () => looks,
  };
}

describe('safety 39: a master is booted only while the quorum can do without it', () => {
  test('the others are there: at once', async () => {
    const { wait, looks } = scene(['a', 'b', 'c'], () => true);
    await wait('a');
    expect(looks()).toBe(1);
  });

  test('another has failed since admission looked: not before it is back', async () => {
    const { wait } = scene(['a', 'b', 'c'], (name, look) => name !== 'b' || look > 1);
    await expect(wait('a')).rejects.toMatchObject({ code: 'QuorumAtRisk', kind: 'retryable' });
    await wait('a');
  });

  test.each<[string, readonly string[], (name: string) => boolean]>([
    ['it is the one that has failed', ['a', 'b', 'c'], (name) => name !== 'a'],
    ['it is the only voter, of which admission has decided', ['a'], () => true],
  ])('%s: at once', async (_, names, well) => {
    const { wait, looks } = scene(names, well);
    await wait('a');
    expect(looks()).toBe(1);
  });

  test('the quorum is lost, which four looks in a row say', async () => {
    const { wait, looks } = scene(['a', 'b', 'c'], (name) => name === 'a');
    await wait('a');
    expect(looks()).toBe(4);
  });

  test('one look finds no quorum, and the next one that another is missing: not yet', async () => {
    const { wait } = scene(['a', 'b', 'c'], (name, look) => look > 1 && name !== 'b');
    await expect(wait('a')).rejects.toMatchObject({ code: 'QuorumAtRisk' });
  });
});

test('safety 39: etcd that seems silent is restarted only while no ladder is at work on a master, and the others are a quorum', async () => {
  const { world, clock, looks } = scene(
    ['a', 'b', 'c'],
    (name, look) => name === 'c' || (name === 'b' && look !== 1),
  );
  const restarts: { readonly id: string; readonly looks: number; readonly at: number }[] = [];
  const atWorkUntil = clock.now() + 20_000;
  const own: Partial<QuorumWorld> = {
    cluster: 'c',
    cloud: {
      findInstance: async (id: string) => ({ id, tags: { 'wdrip.io/cluster': 'c' }, locks: [] }),
    } as unknown as QuorumWorld['cloud'],
    workedOn: () => (clock.now() < atWorkUntil ? ['b'] : []),
    host: {
      restartEtcd: async (id: string) => void restarts.push({ id, looks: looks(), at: clock.now() }),
    } as unknown as QuorumWorld['host'],
  };
  const restart = restartMember({ ...world, ...own });
  const input = { slot: 'a', memberId: 'a', because: 'it is silent' };
  await clock.runUntil(restart(input as Parameters<typeof restart>[0], { ...firstTry(), clock }));
  expect(restarts).toMatchObject([{ id: 'a', looks: 2 }]);
  expect(restarts[0]?.at).toBeGreaterThanOrEqual(atWorkUntil);
});
