import { expect, test } from '@jest/globals';
import { restoreData } from '../../../src/effects/recovery/steps.ts';
import type { RecoveryWorld } from '../../../src/effects/recovery/world.ts';
import { Failure } from '../../../src/failure.ts';
import { silentLog } from '../../../src/log.ts';
import { virtualClock } from '../../cloud/virtual-clock.ts';
import { cloud, firstTry, source } from './stage.ts';

const master = { slot: 'control-plane-0', instanceId: 'i-0' };
const damaged = new Failure({ kind: 'rejected', code: 'BackupDamaged', message: 'the master says so' });
const silent = new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer' });

/** A restore of which each part does what it is told, and what was done. */
function scene(parts: { readonly host?: Failure; readonly withdraw?: Failure } = {}) {
  const done: string[] = [];
  const fail = (failure: Failure | undefined) => {
    if (failure !== undefined) throw failure;
  };
  const world = {
    cluster: 'c',
    log: silentLog,
    restoredUpTo: () => 0,
    cloud,
    async shareSnapshot() {
      done.push('shared');
      return {
        object: {},
        revision: 7,
        async withdraw() {
          done.push('withdrawn');
          fail(parts.withdraw);
        },
      };
    },
    host: {
      async restoreSnapshot() {
        done.push('told the master');
        fail(parts.host);
      },
    },
    etcd: {
      health: async () => ({ healthy: true }),
      status: async () => ({ memberId: 'm', revision: 9 }),
      alarms: async () => [],
    },
  } as unknown as RecoveryWorld;
  return { world, done, run: () => restoreData(world)({ cluster: 'c', source, master }, firstTry()) };
}

test('a master is given a ticket for as long as it takes, and what can’t be taken away does not undo the restore', async () => {
  for (const parts of [{}, { withdraw: silent }]) {
    const { done, run } = scene(parts);
    expect(await run()).toMatchObject({ revision: 9 });
    expect(done).toEqual(['shared', 'told the master', 'withdrawn']);
  }
});

test('safety 49: the ticket is withdrawn when the master finds the snapshot damaged, and that gets out', async () => {
  for (const parts of [{ host: damaged }, { host: damaged, withdraw: silent }]) {
    const { done, run } = scene(parts);
    await expect(run()).rejects.toBe(damaged);
    expect(done).toEqual(['shared', 'told the master', 'withdrawn']);
  }
});

test('etcd that is stopped right after the restore is started again: it must not come back later without the changes since', async () => {
  const clock = virtualClock();
  const done: string[] = [];
  let isRunning = false;
  const { world } = scene();
  const own = {
    ...world,
    etcd: { ...world.etcd, health: async () => ({ healthy: isRunning }) },
    host: {
      ...world.host,
      lookAtData: async () => ({ kind: 'present' }),
      async startMember() {
        done.push('started');
        isRunning = true;
      },
    },
  } as unknown as RecoveryWorld;
  const began = clock.now();
  const restored = restoreData(own)({ cluster: 'c', source, master }, { ...firstTry(), clock });
  expect(await clock.runUntil(restored)).toMatchObject({ revision: 9 });
  expect(done).toEqual(['started']);
  expect(clock.now() - began).toBeLessThan(90_000);
});

test('safety 54: of a snapshot that was taken of a full and corrupt cluster the old members’ alarms go first: no room can be made under them', async () => {
  const { world } = scene();
  let alarms = [
    { memberId: 'old', kind: 'corrupt' },
    { memberId: 'old', kind: 'noSpace' },
  ];
  const done: string[] = [];
  const etcd = {
    ...world.etcd,
    alarms: async () => alarms,
    async compact() {
      if (alarms.some(({ kind }) => kind === 'corrupt'))
        throw new Failure({ kind: 'rejected', code: 'Corrupt', message: 'corrupt cluster' });
      done.push('compacted');
    },
    defragment: async () => void done.push('defragmented'),
    async disarm(_: unknown, alarm: { readonly kind: string }) {
      alarms = alarms.filter(({ kind }) => kind !== alarm.kind);
      done.push(`lifted ${alarm.kind}`);
    },
  };
  const run = restoreData({ ...world, etcd } as unknown as RecoveryWorld);
  await run({ cluster: 'c', source, master }, firstTry());
  expect(done).toEqual(['lifted corrupt', 'compacted', 'defragmented', 'lifted noSpace']);
});
