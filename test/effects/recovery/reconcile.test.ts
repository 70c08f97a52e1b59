import { expect, test } from '@jest/globals';
import { reconcileCluster } from '../../../src/effects/recovery/steps.ts';
import type { RecoveryWorld } from '../../../src/effects/recovery/world.ts';
import { silentLog } from '../../../src/log.ts';
import { firstTry, source } from './stage.ts';

test('safety 47: of what the restored data says only Node objects go whose instance the cloud does not know, asked one by one', async () => {
  const done: string[] = [];
  const asked: string[] = [];
  const world = {
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
        return id === 'i-2' ? null : { id };
      },
    },
    kubernetes: {
      releasePods: async (name: string) => void done.push(`releasePods ${name}`),
      deleteNode: async (name: string) => void done.push(`deleteNode ${name}`),
    },
  } as unknown as RecoveryWorld;
  await reconcileCluster(world)({ cluster: 'c', source, master: null }, firstTry());
  expect(done).toEqual(['releasePods gone', 'deleteNode gone']);
  expect(asked).toEqual(['i-1', 'i-2', 'i-3']);
});
