import { expect, test } from '@jest/globals';
import { reconcileCluster } from '../../../src/effects/recovery/steps.ts';
import type { RecoveryWorld } from '../../../src/effects/recovery/world.ts';
import { silentLog } from '../../../src/log.ts';
import { createVirtualClock } from '../../../src/runtime/virtual-clock.ts';

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
  const context = {
    actor: 'recovery/1',
    attempt: 'a',
    signal: new AbortController().signal,
    clock: createVirtualClock(),
    progress: null,
    checkpoint: async () => {},
  };
  const source = { kind: 'backup', key: 'b', region: 'r', revision: 1, passedOver: [] } as const;
  await reconcileCluster(world)({ cluster: 'c', source, master: null }, context);
  expect(done).toEqual(['releasePods gone', 'deleteNode gone']);
  expect(asked).toEqual(['i-1', 'i-2', 'i-3']);
});
