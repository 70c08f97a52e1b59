import { createHash } from 'node:crypto';
import type { Change, Etcd, RevisionChanges, WatchItem } from '../../src/etcd/port.ts';
import { Failure } from '../../src/failure.ts';
import type { Clock } from '../../src/runtime/clock.ts';

/** One etcd of three members in memory, as far as backups ask. */
export interface FakeEtcd extends Etcd {
  readonly endpoints: readonly string[];
  /** By name; a value's own revision beside it. */
  readonly keys: Map<string, { value: string; revision: number }>;
  readonly log: RevisionChanges[];
  /** One revision: null removes a key. */
  write(changes: Readonly<Record<string, string | null>>): void;
  compactTo(revision: number): void;
  /** Members that don't answer, by endpoint. */
  readonly down: Set<string>;
  /** Calls after which the watch breaks off, as a connection does. */
  breakWatches(): void;
  clusterId: string;
  /** Spoils the next snapshot. */
  spoil: 'not' | 'short' | 'broken' | 'changed';
  readonly asked: string[];
}

const unused = (): never => {
  throw new Error('backups do not ask this');
};

/** A snapshot's length, besides what is in it. */
const PADDING_BYTES = 300_000;

export function fakeEtcd(clock: Clock): FakeEtcd {
  const endpoints = ['m0', 'm1', 'm2'];
  const keys: FakeEtcd['keys'] = new Map();
  const log: RevisionChanges[] = [];
  let revision = 1;
  let compacted = -1;
  let wakers: (() => void)[] = [];
  let epoch = 0;
  const wake = () => {
    for (const each of wakers) each();
    wakers = [];
  };
  const answer = (endpoint: string) => {
    if (etcd.down.has(endpoint))
      throw new Failure({ kind: 'retryable', code: 'Unreachable', message: `${endpoint} is down` });
  };
  const etcd: FakeEtcd = {
    endpoints,
    keys,
    log,
    down: new Set(),
    clusterId: 'c1',
    spoil: 'not',
    asked: [],
    write(changes) {
      revision += 1;
      const all = Object.entries(changes).map(([name, value]): Change => {
        if (value === null) keys.delete(name);
        else keys.set(name, { value, revision });
        const key = Buffer.from(name);
        return value === null
          ? { type: 'delete', key, modRevision: revision }
          : {
              type: 'put',
              key,
              value: Buffer.from(value),
              version: 1,
              createRevision: revision,
              modRevision: revision,
              lease: null,
            };
      });
      log.push({ revision, changes: all });
      wake();
    },
    compactTo(to) {
      compacted = to;
      while (log[0] && log[0].revision < to) log.shift();
    },
    breakWatches() {
      epoch += 1;
      wake();
    },
    async status(endpoint) {
      answer(endpoint);
      return {
        memberId: `id-${endpoint}`,
        clusterId: etcd.clusterId,
        version: '3.6.16',
        databaseBytes: 1,
        databaseInUseBytes: 1,
        leader: 'id-m0',
        raftTerm: 2,
        raftIndex: revision + 10,
        raftAppliedIndex: revision + 10,
        revision,
        learner: false,
        alarms: [],
      };
    },
    async health(endpoint) {
      if (etcd.down.has(endpoint)) return { healthy: false, code: 'Unreachable', why: `${endpoint} is down` };
      return { healthy: true, revision, tookMs: 1 };
    },
    async hash(endpoint, at) {
      answer(endpoint);
      return { hash: (at ?? revision) % 1000, hashRevision: at ?? revision, compactRevision: compacted };
    },
    async snapshot(endpoint) {
      answer(endpoint);
      etcd.asked.push(`snapshot of ${endpoint}`);
      const content = Buffer.from(JSON.stringify({ revision, keys: [...keys] }));
      const bytes = Buffer.concat([Buffer.alloc(PADDING_BYTES, 'page'), content]);
      const { spoil } = etcd;
      async function* pieces(): AsyncIterable<Buffer> {
        for (let at = 0; at < bytes.length; at += 50_000) {
          if (spoil === 'broken' && at > 100_000)
            throw new Failure({ kind: 'rejected', code: 'SnapshotBroken', message: 'its SHA-256 is wrong' });
          if (spoil !== 'short') yield bytes.subarray(at, at + 50_000);
        }
      }
      return {
        sizeBytes: spoil === 'short' ? 0 : bytes.length,
        version: '3.6.0',
        bytes: pieces(),
        sha256: () =>
          createHash('sha256')
            .update(spoil === 'changed' ? 'others' : bytes)
            .digest('hex'),
      };
    },
    async *watch(endpoint, { fromRevision, signal }): AsyncIterable<WatchItem> {
      answer(endpoint);
      etcd.asked.push(`watch of ${endpoint} from ${fromRevision}`);
      if (fromRevision < compacted) {
        yield { kind: 'compacted', compactRevision: compacted };
        return;
      }
      const mine = epoch;
      const woken = () =>
        new Promise<void>((resolve) => {
          wakers.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      for (let told = fromRevision - 1; !signal.aborted; ) {
        if (epoch !== mine)
          throw new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'it broke off' });
        const next = log.filter((each) => each.revision > told).slice(0, 10);
        const last = next.at(-1);
        if (last) {
          told = last.revision;
          yield { kind: 'changes', revision: told, revisions: next, since: clock.now() };
        } else {
          if (revision >= fromRevision - 1) yield { kind: 'progress', revision };
          await woken();
        }
      }
    },
    async apply(_, revisions) {
      for (const { changes } of revisions) {
        const record: Record<string, string | null> = {};
        for (const change of changes)
          record[Buffer.from(change.key).toString()] =
            change.type === 'put' ? Buffer.from(change.value).toString() : null;
        etcd.write(record);
      }
      return { revision, transactions: revisions.length };
    },
    members: unused,
    rememberedMembers: unused,
    alarms: unused,
    disarm: unused,
    addLearner: unused,
    promote: unused,
    removeMember: unused,
    updatePeerUrls: unused,
    moveLeader: unused,
    defragment: unused,
    compact: unused,
  };
  return etcd;
}

/** What a snapshot of a fake etcd holds. */
export function contentOfSnapshot(snapshot: Buffer): { revision: number; keys: FakeEtcd['keys'] } {
  const { revision, keys } = JSON.parse(snapshot.subarray(PADDING_BYTES).toString());
  return { revision, keys: new Map(keys) };
}

/** Names and values only. */
export function valuesOf(etcd: FakeEtcd): Readonly<Record<string, string>> {
  return Object.fromEntries([...etcd.keys].map(([name, { value }]) => [name, value]).sort());
}
