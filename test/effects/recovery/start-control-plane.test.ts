import { expect, test } from '@jest/globals';
import { startControlPlane } from '../../../src/effects/recovery/steps.ts';
import type { RecoveryWorld } from '../../../src/effects/recovery/world.ts';
import { Failure } from '../../../src/failure.ts';
import { silentLog } from '../../../src/log.ts';
import { cloud, firstTry, source } from './stage.ts';

test('safety 54: an etcd that has become full meanwhile is made room in, since the API takes no write before', async () => {
  const done: string[] = [];
  let isFull = true;
  const world = {
    cluster: 'c',
    log: silentLog,
    cloud,
    host: { startControlPlane: async () => void done.push('started') },
    etcd: {
      health: async () => ({ healthy: true }),
      status: async () => ({ memberId: 'm', revision: 9 }),
      alarms: async () => (isFull ? [{ memberId: 'm', kind: 'noSpace' }] : []),
      compact: async (_: unknown, revision: number) => void done.push(`compacted ${revision}`),
      defragment: async () => void done.push('defragmented'),
      async disarm() {
        isFull = false;
        done.push('disarmed');
      },
    },
    kubernetes: {
      async createBootstrapToken() {
        if (isFull)
          throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'the API is not there' });
        done.push('written');
      },
    },
  } as unknown as RecoveryWorld;
  const master = { slot: 'control-plane-0', instanceId: 'i-0' };
  await startControlPlane(world)({ cluster: 'c', source, master }, firstTry());
  expect(done).toEqual(['started', 'compacted 9', 'defragmented', 'disarmed', 'written']);
});
