import { describe, expect, test } from '@jest/globals';
import { letJoin, takeOut } from '../../../src/effects/quorum/membership.ts';
import type { Master } from '../../../src/effects/quorum/world.ts';
import { silentLog } from '../../../src/log.ts';
import { type SimulatedStage, simulatedStage } from '../../etcd/simulated-stage.ts';
import type { StagedCluster } from '../../etcd/stage.ts';
import { FakeCloud } from '../fake-cloud.ts';

const utf8 = new TextEncoder();

async function writes({ etcd }: SimulatedStage, cluster: StagedCluster): Promise<string> {
  const change = { key: utf8.encode('k'), value: utf8.encode('v'), version: 0, createRevision: 0 };
  const put = { type: 'put', modRevision: 0, lease: null, ...change } as const;
  try {
    await etcd.apply(cluster.endpoints, [{ revision: 0, changes: [put] }], { leaseSeconds: 60 });
    return 'written';
  } catch (caught) {
    return String(Reflect.get(Object(caught), 'code'));
  }
}

/** Three masters, of which the second one is corrupt. */
async function corrupted(stage: SimulatedStage) {
  const { etcd, clock } = stage;
  const cluster = await stage.cluster(3);
  const bodies = new FakeCloud();
  const masters = cluster.endpoints.map((endpoint, index): Master => {
    const ip = new URL(endpoint).hostname;
    return { slot: `control-plane-${index}`, instance: bodies.add({ id: `i-${index}`, privateIp: ip }), ip };
  });
  const { members } = await etcd.members(cluster.endpoints);
  const id = members.find(({ name }) => name === 'm1')?.id ?? '';
  await cluster.declareCorrupt('m1');
  const world = { etcd, log: silentLog, masters: async () => masters };
  const context = { clock, signal: new AbortController().signal };
  return { cluster, world, context, id, ip: masters[1]?.ip ?? '' };
}

describe('safety 42, 52: a corrupt member', () => {
  test('goes although it answers and votes, and its alarm with it: etcd takes writes again', async () => {
    const stage = simulatedStage(1);
    await stage.play(async () => {
      const { cluster, world, context, id } = await corrupted(stage);
      expect(await writes(stage, cluster)).toBe('Corrupt');
      await takeOut(world, { id }, context);
      expect(await stage.etcd.alarms(cluster.endpoints)).toEqual([]);
      expect(await writes(stage, cluster)).toBe('written');
    });
  });

  test.each(['the removal asked again', 'its successor that joins'])(
    'whose removal was cut off before the alarm was lifted: %s lifts it',
    async (who) => {
      const stage = simulatedStage(1);
      await stage.play(async () => {
        const { cluster, world, context, id, ip } = await corrupted(stage);
        await stage.until('it is removed', () =>
          stage.etcd.removeMember(cluster.endpoints, id).then(
            () => true,
            () => null,
          ),
        );
        expect(await writes(stage, cluster)).toBe('Corrupt');
        if (who === 'the removal asked again') await takeOut(world, { id }, context);
        else await letJoin(world, ip, context);
        expect(await stage.etcd.alarms(cluster.endpoints)).toEqual([]);
        expect(await writes(stage, cluster)).toBe('written');
      });
    },
  );
});
