import { expect, test } from '@jest/globals';
import type { Instance } from '../../../src/cloud/port.ts';
import type { DataFound, Master } from '../../../src/effects/quorum/world.ts';
import { prepareMaster } from '../../../src/effects/recovery/prepare-master.ts';
import type { RecoveryWorld } from '../../../src/effects/recovery/world.ts';
import { silentLog } from '../../../src/log.ts';
import type { Json } from '../../../src/runtime/record.ts';
import { createVirtualClock } from '../../../src/runtime/virtual-clock.ts';

const lost: DataFound = { kind: 'missing', why: 'empty', writesFail: '' };
const worn: DataFound = { kind: 'broken', why: 'input/output error', writesFail: 'Input/output error' };
const readOnly: DataFound = {
  kind: 'present',
  corrupt: false,
  writesFail: 'Read-only file system',
  memberId: 'm',
  clusterId: 'c',
  raftTerm: 1,
  raftIndex: 1,
};
const silent: DataFound = { kind: 'unknown', why: 'its agent does not answer' };
const backup = { kind: 'backup', key: 'b', region: 'r', revision: 1, passedOver: [] } as const;

const slots = ['control-plane-0', 'control-plane-1', 'control-plane-2'];

function masterOf(slot: string, id: string): Master {
  // The fields that a preparation reads.
  return { slot, instance: { id, status: 'Running', tags: {} } as unknown as Instance, ip: '10.0.0.1' };
}

/** A cluster whose masters were looked at; `hidden` exist, and are not in the cloud's list. */
function scene(found: Readonly<Record<string, DataFound>>, hidden: readonly string[] = []) {
  const clock = createVirtualClock();
  const done: string[] = [];
  const listed = slots.filter((slot) => slot in found && !hidden.includes(slot));
  const world = {
    cluster: 'c',
    log: silentLog,
    slots,
    masters: async () => listed.map((slot) => masterOf(slot, `i-${slot}`)),
    bodyOf: (slot: string) => `i-${slot}`,
    cloud: { findInstance: async (id: string) => (id.slice(2) in found ? masterOf('', id).instance : null) },
    host: {
      lookAtData: async (id: string) => found[id.slice(2)] ?? silent,
      untilSetUp: async (id: string) => void done.push(`set up ${id}`),
    },
    async createMaster(slot: string, context: { progress: Json; checkpoint(progress: Json): Promise<void> }) {
      if (context.progress === null) await context.checkpoint('asked');
      done.push(`create ${slot}, asked before: ${context.progress !== null}`);
      return masterOf(slot, 'i-new');
    },
    removeMaster: async (id: string) => void done.push(`remove ${id}`),
  } as unknown as RecoveryWorld;
  let progress: Json = null;
  const prepare = () =>
    prepareMaster(world)(
      { cluster: 'c', source: backup, master: null },
      {
        actor: 'recovery/1',
        attempt: 'a',
        signal: new AbortController().signal,
        clock,
        progress,
        async checkpoint(written) {
          progress = written;
          done.push('written down');
        },
      },
    );
  return { prepare, done };
}

test('the first master that answers and whose disk takes writes gets the data', async () => {
  const { prepare, done } = scene({
    [slots[0] ?? '']: silent,
    [slots[1] ?? '']: worn,
    [slots[2] ?? '']: lost,
  });
  expect(await prepare()).toMatchObject({ slot: 'control-plane-2', instanceId: 'i-control-plane-2' });
  expect(done).toEqual([]);
});

test('else a new body for a slot that has none, before one is taken away', async () => {
  const { prepare, done } = scene({ [slots[0] ?? '']: worn, [slots[2] ?? '']: silent });
  expect(await prepare()).toMatchObject({ slot: 'control-plane-1', instanceId: 'i-new' });
  expect(done).toEqual(['written down', 'create control-plane-1, asked before: false', 'set up i-new']);
});

test('safety 3: a slot whose body is only not in the list gets no second one', async () => {
  const { prepare, done } = scene(
    { [slots[0] ?? '']: silent, [slots[1] ?? '']: silent, [slots[2] ?? '']: silent },
    [slots[1] ?? ''],
  );
  await expect(prepare()).rejects.toMatchObject({ code: 'NoMaster', kind: 'retryable' });
  expect(done).toEqual([]);
});

test('else one whose data is lost and whose disk takes no writes is replaced, written down before; a crash carries it on', async () => {
  const { prepare, done } = scene({
    [slots[0] ?? '']: silent,
    [slots[1] ?? '']: worn,
    [slots[2] ?? '']: silent,
  });
  expect(await prepare()).toMatchObject({ slot: 'control-plane-1', instanceId: 'i-new' });
  const once = ['remove i-control-plane-1', 'written down'];
  expect(done).toEqual([
    'written down',
    ...once,
    'create control-plane-1, asked before: false',
    'set up i-new',
  ]);
  done.length = 0;
  expect(await prepare()).toMatchObject({ slot: 'control-plane-1', instanceId: 'i-new' });
  expect(done.filter((each) => each !== 'written down')).toEqual([
    'remove i-control-plane-1',
    'create control-plane-1, asked before: true',
    'set up i-new',
  ]);
});

test('safety 43: a body whose data can still be read is never taken away', async () => {
  const { prepare, done } = scene({
    [slots[0] ?? '']: readOnly,
    [slots[1] ?? '']: readOnly,
    [slots[2] ?? '']: readOnly,
  });
  await expect(prepare()).rejects.toMatchObject({ code: 'NoMaster' });
  expect(done).toEqual([]);
});
