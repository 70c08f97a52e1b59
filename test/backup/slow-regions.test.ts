import { expect, test } from '@jest/globals';
import { sleep } from '../../src/runtime/clock.ts';
import './instant-zstd.ts';

const { backupStage, passing } = await import('./stage.ts');

test('a region that hangs at any step holds the others up for a bounded time only', async () => {
  for (const step of ['upload', 'part', 'read', 'put']) {
    const { take, stores, clock } = backupStage();
    const began = clock.now();
    stores[0].before = (call) => (call === step ? new Promise(() => {}) : undefined);
    const taken = await passing(clock, take());
    expect(taken.regions).toEqual(['cn-b']);
    expect(taken.problems).toMatchObject([{ region: 'cn-a', failure: { code: 'RegionTooSlow' } }]);
    expect(clock.now() - began).toBeLessThanOrEqual(100_000);
  }
});

test('a region that is slow, but not too slow, is waited for', async () => {
  const { take, stores, clock } = backupStage();
  stores[0].before = (call) => (call === 'part' ? sleep(clock, 500) : undefined);
  expect((await passing(clock, take())).regions).toEqual(['cn-a', 'cn-b']);
});
