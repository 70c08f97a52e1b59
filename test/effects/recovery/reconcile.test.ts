import { expect, test } from '@jest/globals';
import { reconcileCluster } from '../../../src/effects/recovery/steps.ts';
import type { RecoveryWorld } from '../../../src/effects/recovery/world.ts';
import { silentLog } from '../../../src/log.ts';
import { firstTry, source } from './stage.ts';

test('safety 47: of what the restored data says only Node objects go whose instance the cloud does not know, asked one by one', async () => {
  const master = { slot: 'control-plane-0', instanceId: 'i-9' };
  const done: string[] = [];
  const asked: string[] = [];
  const world = {
    cluster: 'c',
    log: silentLog,
    nodes: async () =>
      new Map([
        ['there', 'i-1'],
        ['gone', 'i-2'],
        ['younger-than-the-snapshot', 'i-3'],
        ['says-nothing', null],
      ]),
    cloud: {
      async findInstance(id: string) {
        asked.push(id);
        const tags = { 'wdrip.io/cluster': 'c' };
        return id === 'i-2' ? null : { id, tags, locks: [], privateIp: '10.0.0.9' };
      },
    },
    etcd: { health: async () => ({ healthy: true }) },
    kubernetes: {
      releasePods: async (name: string) => void done.push(`releasePods ${name}`),
      deleteNode: async (name: string) => void done.push(`deleteNode ${name}`),
    },
  } as unknown as RecoveryWorld;
  await reconcileCluster(world)({ cluster: 'c', source, master }, firstTry());
  expect(done).toEqual(['releasePods gone', 'deleteNode gone']);
  expect(asked).toEqual(['i-9', 'i-1', 'i-2', 'i-3']);
});
