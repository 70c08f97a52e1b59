import { describe, expect, test } from '@jest/globals';
import { Failure } from '../../src/failure.ts';
import { etcdContract } from './contract.ts';
import { simulatedStage } from './simulated-stage.ts';

describe('the simulated etcd keeps the contract', () => {
  test.each(etcdContract.map(({ name, run }) => [name, run] as const))('%s', async (_, run) => {
    for (const seed of [1, 2, 3]) {
      const stage = simulatedStage(seed);
      await stage.play(() => run(stage));
    }
  });
});

describe('misfortunes that lie on requests to the simulated etcd', () => {
  const peerUrl = 'https://10.0.9.1:2380';
  const codeOf = (caught: unknown) => (caught instanceof Failure ? caught.code : String(caught));

  test.each([
    ['lost after its effect', { how: 'lost', afterEffect: true }, 'NoAnswer', 10_000, true],
    ['lost before it', { how: 'lost', afterEffect: false }, 'NoAnswer', 10_000, false],
    ['refused after its effect', { how: 'error', afterEffect: true }, 'NoAnswer', 0, true],
    ['slow', { how: 'slow', afterEffect: false }, 'done', 3_000, true],
  ] as const)('a change that is %s', async (_, fate, expected, tookMs, isDone) => {
    const stage = simulatedStage(1);
    const { etcd, clock, fates } = stage;
    await stage.play(async () => {
      const { endpoints } = await stage.cluster(3);
      await stage.until('the members are settled', async () => (clock.now() > 1_010_000 ? true : null));
      fates.push(fate);
      const began = clock.now();
      const came = await etcd.addLearner(endpoints, [peerUrl]).then(() => 'done', codeOf);
      expect(came).toBe(expected);
      expect(Math.floor((clock.now() - began) / 1_000) * 1_000).toBe(tookMs);
      const { members } = await etcd.members(endpoints);
      expect(members.some(({ peerUrls }) => peerUrls.includes(peerUrl))).toBe(isDone);
    });
  });

  test('a question that is lost at one member is put to the next', async () => {
    const stage = simulatedStage(1);
    const { etcd, fates } = stage;
    await stage.play(async () => {
      const { endpoints } = await stage.cluster(3);
      fates.push({ how: 'lost', afterEffect: true });
      expect((await etcd.members(endpoints)).answeredBy).toBe(endpoints[1]);
    });
  });
});
