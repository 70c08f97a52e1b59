import { describe, test } from '@jest/globals';
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
