import { expect, test } from '@jest/globals';
import { onlyOurs } from '../../../src/effects/only-ours.ts';
import { reviveMembers } from '../../../src/effects/quorum/revive.ts';
import type { QuorumWorld } from '../../../src/effects/quorum/world.ts';
import { Failure } from '../../../src/failure.ts';
import { silentLog } from '../../../src/log.ts';
import { createVirtualClock } from '../../../src/runtime/virtual-clock.ts';
import { passing } from '../../backup/stage.ts';
import { FakeCloud } from '../fake-cloud.ts';
import { firstTry } from '../recovery/stage.ts';

const ips = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
const peer = (ip: string) => `https://${ip}:2380`;
const client = (ip: string) => `https://${ip}:2379`;

/** Three masters without a leader; the agent of the last, whose etcd is silent, takes no command for a minute. `then` is when that has failed. */
async function revive(then: (up: Set<string>) => void) {
  const clock = createVirtualClock();
  const cloud = new FakeCloud();
  const up = new Set([client(ips[0] ?? '')]);
  const members = ips.map((ip) => ({
    id: ip,
    name: ip,
    started: true,
    learner: false,
    peerUrls: [peer(ip)],
    clientUrls: [client(ip)],
  }));
  const masters = ips.map((ip, index) => ({
    slot: `control-plane-${index}`,
    instance: cloud.add({ id: `i-${index}`, privateIp: ip }),
    ip,
  }));
  const noLeader = () => {
    throw new Failure({ kind: 'retryable', code: 'NoLeader', message: 'no leader' });
  };
  const world = {
    cluster: 'test',
    etcd: {
      members: async () => noLeader(),
      rememberedMembers: async (endpoint: string) =>
        up.has(endpoint) ? { clusterId: 'c', members, answeredBy: endpoint } : noLeader(),
      health: async (endpoint: string) =>
        up.has(endpoint) ? { healthy: true } : { healthy: false, why: 'nobody listens' },
      status: async (endpoint: string) =>
        up.has(endpoint) ? { memberId: new URL(endpoint).hostname, leader: null } : noLeader(),
    },
    cloud: onlyOurs(cloud, 'test'),
    host: {
      async restartEtcd(id: string) {
        if (id !== 'i-2') return;
        then(up);
        throw new Failure({ kind: 'retryable', code: 'AgentSilent', message: 'nobody took the command' });
      },
    },
    log: silentLog,
    masters: async () => masters,
    workedOn: () => [],
  } as unknown as QuorumWorld;
  const input = { forMs: 60_000 } as Parameters<ReturnType<typeof reviveMembers>>[0];
  await passing(clock, reviveMembers(world)(input, { ...firstTry(), clock }));
  return cloud.effects.filter((effect) => effect.startsWith('forceReboot'));
}

test('a master whose etcd is silent and whose agent takes no command is rebooted, once', async () => {
  expect(await revive(() => {})).toEqual(['forceReboot i-2']);
});

test('safety 36: it is not while enough members answer, which have only to agree on a leader', async () => {
  expect(await revive((up) => up.add(client(ips[1] ?? '')))).toEqual([]);
});
