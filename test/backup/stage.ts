import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { CataloguedBackup } from '../../src/backup/catalog.ts';
import type { AccountKey } from '../../src/backup/keys/account-key.ts';
import { openManifest } from '../../src/backup/manifest.ts';
import { namesOf } from '../../src/backup/names.ts';
import type { ObjectStore } from '../../src/backup/objects/port.ts';
import { type TakenBackup, takeBackup } from '../../src/backup/take.ts';
import { writeVerification } from '../../src/backup/verification.ts';
import { Failure } from '../../src/failure.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { microtasksDone } from '../../src/runtime/clock.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { createVirtualClock, type VirtualClock } from '../../src/runtime/virtual-clock.ts';
import { type FakeEtcd, fakeEtcd } from './fake-etcd.ts';
import { type MemoryStore, memoryStore } from './memory-store.ts';
import { exampleMind } from './mind.ts';

/** A key that is only in memory. */
export function testKey(random: Random, name = 'test'): AccountKey {
  const secret = Buffer.from(random.hex(32), 'hex');
  return {
    name,
    async generate(purpose) {
      const plain = Buffer.from(random.hex(32), 'hex');
      const iv = Buffer.from(random.hex(12), 'hex');
      const cipher = createCipheriv('aes-256-gcm', secret, iv).setAAD(Buffer.from(purpose));
      const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      return { plain, wrapped: { with: name, wrapped: sealed.toString('hex') } };
    },
    async unwrap({ wrapped }, purpose) {
      const sealed = Buffer.from(wrapped, 'hex');
      const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, 12));
      decipher.setAAD(Buffer.from(purpose)).setAuthTag(sealed.subarray(-16));
      try {
        return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
      } catch {
        throw new Failure({ kind: 'rejected', code: 'WrongKey', message: 'the key does not open it' });
      }
    },
  };
}

/** Two regions, an etcd, a key, and a clock that is told to go on. */
export interface BackupStage {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly etcd: FakeEtcd;
  readonly stores: readonly [MemoryStore, MemoryStore];
  readonly key: AccountKey;
  take(changes?: Partial<Parameters<typeof takeBackup>[0]>): Promise<TakenBackup>;
  /** Notes that a rehearsal passed, or why it did not. */
  verify(backup: CataloguedBackup, failed?: string | null): Promise<void>;
}

/** 24 November 2026. */
export const START_MS = Date.UTC(2026, 10, 24, 12);

export function backupStage(seed = 1): BackupStage {
  const clock = createVirtualClock(START_MS);
  const random = seededRandom(seed);
  const etcd = fakeEtcd(clock);
  const stores = [memoryStore('cn-a', clock), memoryStore('cn-b', clock)] as const;
  const key = testKey(random);
  return {
    clock,
    random,
    etcd,
    stores,
    key,
    take: (changes = {}) =>
      takeBackup({
        cluster: 'demo',
        etcd,
        endpoints: etcd.endpoints,
        stores,
        key,
        mind: exampleMind,
        versions: { wdrip: '1', kubernetes: 'v1.36.3' },
        clock,
        random,
        ...changes,
      }),
    async verify(backup, failed = null) {
      const { id } = backup.manifest;
      const record = writeVerification(
        { format: 1, id, at: clock.now(), tookMs: 1, region: 'cn-a', failed, restored: null },
        await openManifest(backup, key),
      );
      for (const store of stores)
        if (backup.regions.includes(store.region))
          await store.put(namesOf('demo').verification(id, clock.now(), failed === null), record);
    },
  };
}

/** Lets virtual time pass until the work has settled. Needs `instant-zstd.ts`. */
export async function passing<T>(clock: VirtualClock, work: Promise<T>, limitMs = 3_600_000): Promise<T> {
  let settled = false;
  const watched = work.finally(() => {
    settled = true;
  });
  watched.catch(() => {});
  const until = clock.now() + limitMs;
  for (;;) {
    for (let turn = 0; turn < TURNS && !settled; turn += 1) await microtasksDone();
    if (settled) return watched;
    if (clock.now() > until || !clock.step()) throw new Error('time stands still, and it has not settled');
  }
}

/** Between two timers all promises have run. A few turns more, for what goes through a stream's own queue. */
const TURNS = 5;

/** The code of what it fails with. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing failed',
    (caught: unknown) => (caught instanceof Failure ? caught.code : String(caught)),
  );
}

export type { Clock, ObjectStore };
