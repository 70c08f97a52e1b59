import { deepStrictEqual as equal, notEqual, rejects } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { applyChanges } from '../../src/backup/restore/replay.ts';
import type { Change, Endpoint, Etcd, RevisionChanges, WatchItem } from '../../src/etcd/port.ts';
import type { Failure } from '../../src/failure.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import type { EtcdStage, StagedCluster } from './stage.ts';

/** One thing that every implementation of the port does. */
export interface EtcdCase {
  readonly name: string;
  readonly run: (stage: EtcdStage) => Promise<void>;
}

/** As `assert.ok`, which without a message reads the sources to make one, and takes minutes for it where they are transpiled. */
function ok(holds: boolean, what = 'it does not hold'): asserts holds {
  if (!holds) throw new Error(what);
}

const utf8 = new TextEncoder();
const text = new TextDecoder();
const leaseSeconds = 60;
/** Long enough never to be the reason for an end. */
const longMs = 30_000;

function put(key: string, value: string, lease: string | null = null): Change {
  const rest = { version: 0, createRevision: 0, modRevision: 0, lease };
  return { type: 'put', key: utf8.encode(key), value: utf8.encode(value), ...rest };
}

function remove(key: string): Change {
  return { type: 'delete', key: utf8.encode(key), modRevision: 0 };
}

/** Each list of changes becomes a revision of its own. Returns the last one. */
async function write(etcd: Etcd, endpoints: readonly Endpoint[], ...lists: Change[][]): Promise<number> {
  const revisions = lists.map((changes): RevisionChanges => ({ revision: 0, changes }));
  return (await etcd.apply(endpoints, revisions, { leaseSeconds })).revision;
}

/** Takes items until `enough` says so. */
async function take(
  etcd: Etcd,
  endpoint: Endpoint,
  fromRevision: number,
  enough: (items: readonly WatchItem[]) => boolean,
): Promise<readonly WatchItem[]> {
  const items: WatchItem[] = [];
  const signal = AbortSignal.timeout(longMs);
  for await (const item of etcd.watch(endpoint, { fromRevision, progressMs: 500, signal })) {
    items.push(item);
    if (enough(items)) return items;
  }
  signal.throwIfAborted();
  return items;
}

function revisionsIn(items: readonly WatchItem[]): readonly RevisionChanges[] {
  return items.flatMap((item) => (item.kind === 'changes' ? item.revisions : []));
}

/** The keys and values that these changes leave. */
function replay(revisions: readonly RevisionChanges[]): Record<string, string> {
  const state = new Map<string, string>();
  for (const { changes } of revisions)
    for (const change of changes)
      if (change.type === 'delete') state.delete(text.decode(change.key));
      else state.set(text.decode(change.key), text.decode(change.value));
  return Object.fromEntries([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function contents(etcd: Etcd, endpoint: Endpoint, upTo: number): Promise<Record<string, string>> {
  const reached = (items: readonly WatchItem[]) =>
    (items.at(-1)?.kind ?? '') !== 'compacted' && revisionOf(items) >= upTo;
  return replay(revisionsIn(await take(etcd, endpoint, 1, reached)));
}

function revisionOf(items: readonly WatchItem[]): number {
  const last = items.at(-1);
  return last === undefined || last.kind === 'compacted' ? 0 : last.revision;
}

function failing(code: string | readonly string[], kind?: Failure['kind']) {
  const codes = typeof code === 'string' ? [code] : code;
  return (caught: unknown) => {
    ok(caught instanceof Error && 'code' in caught && 'kind' in caught, String(caught));
    ok(codes.includes(String(caught.code)), `${caught.code}: ${caught.message}`);
    if (kind !== undefined) equal(caught.kind, kind);
    return true;
  };
}

const idOf = async (etcd: Etcd, cluster: StagedCluster, name: string) =>
  (await etcd.status(cluster.endpoint(name))).memberId;

async function leaderOf(stage: EtcdStage, cluster: StagedCluster, names: readonly string[]): Promise<string> {
  return stage.until('there is a leader', async () => {
    for (const name of names) {
      const status = await stage.etcd.status(cluster.endpoint(name)).catch(() => null);
      if (status !== null && status.leader === status.memberId) return name;
    }
    return null;
  });
}

/** Adds, as soon as etcd takes it: for some seconds after a start it says that the cluster is unhealthy. */
function add(stage: EtcdStage, cluster: StagedCluster, endpoints: readonly Endpoint[], name: string) {
  return stage.until(`${name} is added`, () =>
    stage.etcd.addLearner(endpoints, [cluster.peerUrl(name)]).catch((caught: Failure) => {
      failing(['UnhealthyCluster', 'NotEnoughStarted'], 'retryable')(caught);
      return null;
    }),
  );
}

/** Promotes, as soon as it has caught up. */
function promote(stage: EtcdStage, endpoints: readonly Endpoint[], id: string) {
  return stage.until(`${id} is promoted`, () =>
    stage.etcd.promote(endpoints, id).then(
      () => true,
      (caught: Failure) => {
        failing(['NotCaughtUp', 'UnhealthyCluster'], 'retryable')(caught);
        return null;
      },
    ),
  );
}

function healthy(stage: EtcdStage, endpoint: Endpoint) {
  return stage.until(`${endpoint} is healthy`, async () => {
    const health = await stage.etcd.health(endpoint, 'linearizable', { timeoutMs: 2_000 });
    return health.healthy ? true : null;
  });
}

/** The port's promises, one by one. */
export const etcdContract: readonly EtcdCase[] = [
  {
    name: 'members and status: every member tells the same cluster, and one of them leads',
    async run({ etcd, cluster: start }) {
      const cluster = await start(3);
      const { members, clusterId, answeredBy } = await etcd.members(cluster.endpoints);
      equal(answeredBy, cluster.endpoints[0]);
      equal(members.map(({ name }) => name).sort(), ['m0', 'm1', 'm2']);
      ok(members.every(({ started, learner }) => started && !learner));
      const m1 = members.find(({ name }) => name === 'm1');
      equal(m1?.peerUrls, [cluster.peerUrl('m1')]);
      equal(m1?.clientUrls, [cluster.endpoint('m1')]);
      for (const name of ['m0', 'm1', 'm2']) {
        const status = await etcd.status(cluster.endpoint(name));
        equal(status.memberId, members.find((member) => member.name === name)?.id);
        equal(status.clusterId, clusterId);
        ok(members.some(({ id }) => id === status.leader));
        ok(status.raftTerm > 0 && status.raftIndex >= status.raftAppliedIndex && status.raftAppliedIndex > 0);
        ok(status.databaseBytes >= status.databaseInUseBytes && status.databaseInUseBytes > 0);
        ok(/^3\.\d+\.\d+/.test(status.version));
        equal([status.learner, status.alarms], [false, []]);
      }
      const remembered = await etcd.rememberedMembers(cluster.endpoint('m2'));
      equal(remembered.members.map(({ id }) => id).sort(), members.map(({ id }) => id).sort());
    },
  },
  {
    name: 'writes raise the revision one by one, and come to every member',
    async run({ etcd, cluster: start, until }) {
      const cluster = await start(3);
      const before = await etcd.status(cluster.endpoint('m0'));
      const applied = await etcd.apply(
        cluster.endpoints,
        [1, 2, 3].map((n) => ({ revision: n, changes: [put('counter', `${n}`)] })),
        { leaseSeconds },
      );
      equal(applied, { revision: before.revision + 3, transactions: 3 });
      for (const endpoint of cluster.endpoints)
        await until('it has them all', async () =>
          (await etcd.status(endpoint)).revision === applied.revision ? true : null,
        );
      ok((await etcd.status(cluster.endpoint('m0'))).raftIndex >= before.raftIndex + 3);
    },
  },
  {
    name: 'watch: every change in order, revision by revision, then progress',
    async run({ etcd, cluster: start }) {
      const cluster = await start(1);
      const [endpoint = ''] = cluster.endpoints;
      const first = await write(etcd, cluster.endpoints, [put('a', '1'), put('b', '1')]);
      const last = await write(etcd, cluster.endpoints, [put('a', '2')], [remove('b'), put('c', '1', '1f')]);
      const items = await take(etcd, endpoint, first, (seen) => seen.at(-1)?.kind === 'progress');
      const revisions = revisionsIn(items);
      equal(
        revisions.map(({ revision }) => revision),
        [first, first + 1, last],
      );
      const told = revisions
        .flatMap(({ changes }) => changes)
        .map((change) =>
          change.type === 'put'
            ? [
                text.decode(change.key),
                text.decode(change.value),
                change.version,
                change.createRevision,
                change.modRevision,
                change.lease,
              ]
            : [text.decode(change.key), change.modRevision],
        );
      equal(told, [
        ['a', '1', 1, first, first, null],
        ['b', '1', 1, first, first, null],
        ['a', '2', 2, first, first + 1, null],
        ['b', last],
        ['c', '1', 1, last, last, '1f'],
      ]);
      equal(items.at(-1), { kind: 'progress', revision: last });
    },
  },
  {
    name: 'watch: what comes later is told as it comes, and the signal ends it without an error',
    async run({ etcd, cluster: start }) {
      const cluster = await start(1);
      const [endpoint = ''] = cluster.endpoints;
      const abort = new AbortController();
      const { revision } = await etcd.status(endpoint);
      const items: WatchItem[] = [];
      const watching = { fromRevision: revision + 1, progressMs: 200, signal: abort.signal };
      for await (const item of etcd.watch(endpoint, watching)) {
        items.push(item);
        if (items.length === 1) {
          equal(item, { kind: 'progress', revision });
          await write(etcd, cluster.endpoints, [put('later', 'x')]);
        }
        if (item.kind === 'changes') abort.abort();
      }
      equal(replay(revisionsIn(items)), { later: 'x' });
    },
  },
  {
    name: 'watch: of a member that is written to without a pause each revision once, and progress when that is over',
    async run({ etcd, cluster: start }) {
      const cluster = await start(1);
      const [endpoint = ''] = cluster.endpoints;
      const { revision: before } = await etcd.status(endpoint);
      let last = 0;
      const writing = Promise.all(
        Array.from({ length: 8 }, async (_, writer) => {
          for (let count = 0; count < 250; count += 1)
            last = Math.max(last, await write(etcd, cluster.endpoints, [put(`busy/${writer}`, `${count}`)]));
        }),
      );
      let isOver = false;
      writing.finally(() => {
        isOver = true;
      });
      const items = await take(
        etcd,
        endpoint,
        before + 1,
        (seen) => isOver && seen.at(-1)?.kind === 'progress' && revisionOf(seen) >= last,
      );
      await writing;
      equal(
        revisionsIn(items).map(({ revision }) => revision),
        Array.from({ length: 2_000 }, (_, at) => before + 1 + at),
      );
    },
  },
  {
    name: 'watch across a compaction: it ends, and says from where it can go on',
    async run({ etcd, cluster: start }) {
      const cluster = await start(1);
      const [endpoint = ''] = cluster.endpoints;
      const first = await write(etcd, cluster.endpoints, [put('k', '1')]);
      const last = await write(etcd, cluster.endpoints, [put('k', '2')], [put('k', '3')], [put('k', '4')]);
      await etcd.compact(cluster.endpoints, last - 1);
      await rejects(etcd.compact(cluster.endpoints, first), failing('Compacted', 'rejected'));
      await rejects(etcd.compact(cluster.endpoints, last + 100), failing('FutureRevision', 'rejected'));
      const items = await take(etcd, endpoint, first, () => false);
      equal(items, [{ kind: 'compacted', compactRevision: last - 1 }]);
      const after = await take(etcd, endpoint, last - 1, (seen) => revisionOf(seen) >= last);
      equal(
        revisionsIn(after).map(({ revision }) => revision),
        [last - 1, last],
      );
    },
  },
  {
    name: 'watch: its member dies: it fails, and another member goes on from the revision that was told',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const leader = await leaderOf(stage, cluster, ['m0', 'm1', 'm2']);
      const [victim = '', other = ''] = ['m0', 'm1', 'm2'].filter((name) => name !== leader);
      await write(etcd, cluster.endpoints, [put('before', '1')]);
      let told = 0;
      const watching = async () => {
        const signal = new AbortController().signal;
        for await (const item of etcd.watch(cluster.endpoint(victim), {
          fromRevision: 1,
          progressMs: 500,
          signal,
        })) {
          if (item.kind !== 'compacted') told = item.revision;
          if (item.kind === 'progress') await cluster.kill(victim);
        }
      };
      await rejects(watching(), failing(['NoAnswer', 'Unreachable', 'WatchCancelled', 'Quiet'], 'retryable'));
      const survivors = [cluster.endpoint(other), cluster.endpoint(leader)];
      const last = await write(etcd, survivors, [put('after', '2')]);
      const items = await take(etcd, cluster.endpoint(other), told + 1, (seen) => revisionOf(seen) >= last);
      equal(replay(revisionsIn(items)), { after: '2' });
    },
  },
  {
    name: 'apply: a revision of many changes, and doing the same again ends in the same keys and values',
    async run({ etcd, cluster: start }) {
      const cluster = await start(1);
      const [endpoint = ''] = cluster.endpoints;
      const many = Array.from({ length: 300 }, (_, n) => put(`many/${n}`, `${n}`));
      const revisions: RevisionChanges[] = [
        { revision: 11, changes: many },
        { revision: 12, changes: [remove('many/7'), put('leased', 'x', '7b'), put('many/8', 'eight')] },
        { revision: 13, changes: [remove('never there')] },
      ];
      const first = await etcd.apply(cluster.endpoints, revisions, { leaseSeconds });
      equal(first.transactions, 5);
      const once = await contents(etcd, endpoint, first.revision);
      equal(
        [once['many/7'], once['many/8'], once.leased, Object.keys(once).length],
        [undefined, 'eight', 'x', 300],
      );
      const second = await etcd.apply(cluster.endpoints, revisions, { leaseSeconds });
      equal(await contents(etcd, endpoint, second.revision), once);
    },
  },
  {
    name: 'health: linearizable with a quorum, and only serializable without; nothing else needs one that should not',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      for (const endpoint of cluster.endpoints) ok((await etcd.health(endpoint, 'linearizable')).healthy);
      await cluster.kill('m1');
      await healthy(stage, cluster.endpoint('m0'));
      const last = await write(etcd, [cluster.endpoint('m0')], [put('written', 'by two')]);
      const dead = await etcd.health(cluster.endpoint('m1'), 'linearizable');
      ok(!dead.healthy && dead.code === 'Unreachable');
      await cluster.kill('m2');
      const [alone] = [cluster.endpoint('m0')];
      await stage.until('it notices', async () =>
        (await etcd.health(alone, 'linearizable', { timeoutMs: 1_000 })).healthy ? null : true,
      );
      const serializable = await etcd.health(alone, 'serializable');
      ok(serializable.healthy && serializable.revision === last);
      await rejects(
        etcd.members([alone], { timeoutMs: 1_000 }),
        failing(['NoAnswer', 'NoLeader'], 'retryable'),
      );
      equal((await etcd.rememberedMembers(alone)).members.length, 3);
      await stage.until('it knows no leader', async () =>
        (await etcd.status(alone)).leader === null ? true : null,
      );
      equal((await etcd.hash(alone, last)).hashRevision, last);
      await rejects(
        etcd.apply([alone], [{ revision: 1, changes: [put('lost', '?')] }], {
          leaseSeconds,
          timeoutMs: 1_000,
        }),
        failing(['NoAnswer', 'NoLeader'], 'retryable'),
      );
      await cluster.start('m2');
      await healthy(stage, alone);
      await write(etcd, [alone], [put('again', 'by two')]);
    },
  },
  {
    name: 'a learner: added, not started, not caught up; then promoted; then it votes and has the same keys',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(1);
      const [first = ''] = cluster.endpoints;
      await write(etcd, [first], [put('k', 'v')]);
      await cluster.prepare('m1');
      const added = await add(stage, cluster, [first], 'm1');
      equal([added.name, added.started, added.learner], ['', false, true]);
      equal(added.peerUrls, [cluster.peerUrl('m1')]);
      const { members } = await etcd.members([first]);
      equal(
        members.find(({ id }) => id === added.id),
        added,
      );
      // safety 37: what is left behind blocks every later join.
      await cluster.prepare('m2');
      await rejects(
        etcd.addLearner([first], [cluster.peerUrl('m2')]),
        failing(['TooManyLearners', 'UnhealthyCluster', 'NotEnoughStarted']),
      );
      await rejects(
        etcd.addLearner([first], [cluster.peerUrl('m1')]),
        failing(['PeerUrlTaken', 'UnhealthyCluster', 'TooManyLearners']),
      );
      await rejects(
        etcd.promote([first], added.id),
        failing(['NotCaughtUp', 'NotEnoughStarted'], 'retryable'),
      );
      await rejects(etcd.promote([first], 'abc'), failing('MemberNotFound', 'notFound'));
      await cluster.start('m1');
      await stage.until('the learner answers', async () =>
        (await etcd.health(cluster.endpoint('m1'), 'serializable')).healthy ? true : null,
      );
      ok((await etcd.status(cluster.endpoint('m1'))).learner);
      ok(!(await etcd.health(cluster.endpoint('m1'), 'linearizable')).healthy);
      await promote(stage, [first], added.id);
      await rejects(etcd.promote([first], added.id), failing('NotLearner', 'rejected'));
      await healthy(stage, cluster.endpoint('m1'));
      const after = await etcd.members(cluster.endpoints);
      equal(after.members.map(({ name, learner, started }) => [name, learner, started]).sort(), [
        ['m0', false, true],
        ['m1', false, true],
      ]);
      const { revision } = await etcd.status(first);
      const hashes = await Promise.all(
        [first, cluster.endpoint('m1')].map((each) => etcd.hash(each, revision)),
      );
      equal(hashes[0], hashes[1]);
    },
  },
  {
    name: 'that a learner answers hardly anything does not hide what the voters have said',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(1);
      await cluster.prepare('m1');
      await add(stage, cluster, cluster.endpoints.slice(0, 1), 'm1');
      await cluster.start('m1');
      await stage.until('the learner answers', async () =>
        (await etcd.health(cluster.endpoint('m1'), 'serializable')).healthy ? true : null,
      );
      await cluster.kill('m0');
      const endpoints = [cluster.endpoint('m0'), cluster.endpoint('m1')];
      await rejects(etcd.members(endpoints), failing(['Unreachable', 'NoAnswer'], 'retryable'));
      await rejects(etcd.removeMember(endpoints, 'abc'), failing(['Unreachable', 'NoAnswer'], 'retryable'));
    },
  },
  {
    name: 'safety 42, 43: a dead member is removed with the quorum, its data can never come back, and its replacement can',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const id = await idOf(etcd, cluster, 'm2');
      await cluster.kill('m2');
      const rest = [cluster.endpoint('m0'), cluster.endpoint('m1')];
      await healthy(stage, cluster.endpoint('m0'));
      await stage.until('it is removed', () =>
        etcd.removeMember(rest, id).then(
          () => true,
          (caught: Failure) => {
            failing('UnhealthyCluster', 'retryable')(caught);
            return null;
          },
        ),
      );
      await rejects(etcd.removeMember(rest, id), failing('MemberNotFound', 'notFound'));
      equal((await etcd.members(rest)).members.length, 2);
      // With its old data it is nobody's member.
      await cluster.start('m2').catch(() => undefined);
      ok(!(await etcd.health(cluster.endpoint('m2'), 'linearizable', { timeoutMs: 2_000 })).healthy);
      await cluster.kill('m2');
      await cluster.wipe('m2');
      const added = await add(stage, cluster, rest, 'm2');
      notEqual(added.id, id);
      await cluster.start('m2');
      await promote(stage, rest, added.id);
      for (const endpoint of cluster.endpoints) await healthy(stage, endpoint);
      const { members } = await etcd.members(rest);
      equal(members.filter(({ learner }) => !learner).length, 3);
    },
  },
  {
    name: 'a member that is stopped and started again is the same one, and has caught up',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const id = await idOf(etcd, cluster, 'm1');
      await cluster.kill('m1');
      await healthy(stage, cluster.endpoint('m0'));
      const last = await write(etcd, [cluster.endpoint('m0')], [put('meanwhile', '1')]);
      await cluster.start('m1');
      await healthy(stage, cluster.endpoint('m1'));
      const status = await etcd.status(cluster.endpoint('m1'));
      equal([status.memberId, status.revision], [id, last]);
    },
  },
  {
    name: 'the lead is moved by the leader, and by nobody else',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const leader = await leaderOf(stage, cluster, ['m0', 'm1', 'm2']);
      const [follower = '', other = ''] = ['m0', 'm1', 'm2'].filter((name) => name !== leader);
      const to = await idOf(etcd, cluster, follower);
      await rejects(etcd.moveLeader(cluster.endpoint(other), to), failing('NotLeader', 'rejected'));
      await rejects(etcd.moveLeader(cluster.endpoint(leader), 'abc'), failing('BadTransferee', 'rejected'));
      await etcd.moveLeader(cluster.endpoint(leader), to);
      equal((await etcd.status(cluster.endpoint(follower))).leader, to);
      await write(etcd, cluster.endpoints, [put('written', 'under the new leader')]);
    },
  },
  {
    name: 'the leader dies: another is elected in a higher term, and writes go on',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const leader = await leaderOf(stage, cluster, ['m0', 'm1', 'm2']);
      const { raftTerm } = await etcd.status(cluster.endpoint(leader));
      await cluster.kill(leader);
      const rest = ['m0', 'm1', 'm2'].filter((name) => name !== leader);
      const next = await leaderOf(stage, cluster, rest);
      ok((await etcd.status(cluster.endpoint(next))).raftTerm > raftTerm);
      await write(etcd, rest.map(cluster.endpoint), [put('written', 'in another term')]);
    },
  },
  {
    name: 'peer URLs can be changed',
    async run(stage) {
      const cluster = await stage.cluster(1);
      const id = await idOf(stage.etcd, cluster, 'm0');
      await cluster.prepare('m1');
      await stage.etcd.updatePeerUrls(cluster.endpoints.slice(0, 1), id, [cluster.peerUrl('m1')]);
      const { members } = await stage.etcd.members(cluster.endpoints);
      equal(members[0]?.peerUrls, [cluster.peerUrl('m1')]);
      await rejects(
        stage.etcd.updatePeerUrls(cluster.endpoints.slice(0, 1), 'abc', [cluster.peerUrl('m1')]),
        failing('MemberNotFound', 'notFound'),
      );
    },
  },
  {
    name: 'safety 54: a full database raises an alarm and takes no writes, until it is compacted, defragmented and disarmed',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(1, { quotaBytes: 4 * 1024 * 1024 });
      const [endpoint = ''] = cluster.endpoints;
      equal(await etcd.alarms(cluster.endpoints), []);
      const memberId = await idOf(etcd, cluster, 'm0');
      const value = 'x'.repeat(512 * 1024);
      const fill = async () => {
        for (let n = 0; n < 32; n++) await write(etcd, cluster.endpoints, [put('big', value)]);
      };
      await rejects(fill(), failing('NoSpace', 'rejected'));
      equal(await etcd.alarms(cluster.endpoints), [{ memberId, kind: 'noSpace' }]);
      const full = await etcd.status(endpoint);
      equal(full.alarms, [{ memberId, kind: 'noSpace' }]);
      await etcd.compact(cluster.endpoints, full.revision);
      await etcd.defragment(endpoint);
      ok((await etcd.status(endpoint)).databaseBytes < full.databaseBytes / 2);
      await rejects(write(etcd, cluster.endpoints, [put('k', 'v')]), failing('NoSpace', 'rejected'));
      await etcd.disarm(cluster.endpoints, { memberId, kind: 'noSpace' });
      await etcd.disarm(cluster.endpoints, { memberId, kind: 'noSpace' });
      equal(await etcd.alarms(cluster.endpoints), []);
      await write(etcd, cluster.endpoints, [put('k', 'v')]);
    },
  },
  {
    name: 'safety 54: the store becomes full while a change log is brought back: room is made, and all of it comes back',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(1, { quotaBytes: 4 * 1024 * 1024 });
      const [endpoint = ''] = cluster.endpoints;
      const { revision: before } = await etcd.status(endpoint);
      const value = (n: number) => `${n} `.padEnd(512 * 1024, 'x');
      const log = Array.from({ length: 24 }, (_, n) => ({ revision: n, changes: [put('big', value(n))] }));
      await applyChanges(
        { etcd, endpoints: cluster.endpoints, clock: systemClock(), signal: undefined },
        log,
      );
      equal(await etcd.alarms(cluster.endpoints), []);
      const { compactRevision } = await etcd.hash(endpoint, null);
      ok(compactRevision > before, 'room was made');
      const last = before + log.length;
      equal((await etcd.status(endpoint)).revision, last);
      const told = await take(etcd, endpoint, compactRevision, (seen) => revisionOf(seen) >= last);
      equal(replay(revisionsIn(told)), { big: value(log.length - 1) });
      // What is truly too much is refused, and said.
      const more = Array.from({ length: 40 }, (_, n) => ({
        revision: n,
        changes: [put(`big/${n}`, value(n))],
      }));
      await rejects(
        applyChanges({ etcd, endpoints: cluster.endpoints, clock: systemClock(), signal: undefined }, more),
        failing('NoSpace', 'rejected'),
      );
    },
  },
  {
    name: 'safety 52: a corrupt member raises an alarm and nobody takes a write, until it was removed and its alarm, which stays, disarmed',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const memberId = await idOf(etcd, cluster, 'm1');
      const last = await write(etcd, cluster.endpoints, [put('k', 'v')]);
      await cluster.declareCorrupt('m1');
      const alarm = { memberId, kind: 'corrupt' } as const;
      equal(await etcd.alarms(cluster.endpoints), [alarm]);
      // Each tells of it by itself, without a quorum.
      for (const endpoint of cluster.endpoints)
        await stage.until('its status tells of it', async () =>
          (await etcd.status(endpoint)).alarms.length > 0 ? true : null,
        );
      equal((await etcd.status(cluster.endpoint('m0'))).alarms, [alarm]);
      await rejects(write(etcd, cluster.endpoints, [put('k', 'w')]), failing('Corrupt', 'rejected'));
      await rejects(write(etcd, cluster.endpoints, [remove('k')]), failing('Corrupt', 'rejected'));
      await rejects(etcd.compact(cluster.endpoints, last), failing('Corrupt', 'rejected'));
      // Reads are answered all the same, also by the corrupt one: it votes, and looks well.
      for (const endpoint of cluster.endpoints) await healthy(stage, endpoint);
      const rest = [cluster.endpoint('m0'), cluster.endpoint('m2')];
      await stage.until('it is removed', () =>
        etcd.removeMember(rest, memberId).then(
          () => true,
          (caught: Failure) => {
            failing('UnhealthyCluster', 'retryable')(caught);
            return null;
          },
        ),
      );
      equal(await etcd.alarms(rest), [alarm]);
      await rejects(write(etcd, rest, [put('k', 'w')]), failing('Corrupt', 'rejected'));
      await etcd.disarm(rest, alarm);
      equal(await etcd.alarms(rest), []);
      await write(etcd, rest, [put('k', 'w')]);
    },
  },
  {
    name: 'hashes: equal on all members at one revision, another one after a write, none of what is not there',
    async run({ etcd, cluster: start, until }) {
      const cluster = await start(3);
      const revision = await write(etcd, cluster.endpoints, [put('a', '1')], [put('b', '2')]);
      for (const endpoint of cluster.endpoints)
        await until('it has it', async () =>
          (await etcd.status(endpoint)).revision >= revision ? true : null,
        );
      const hashes = await Promise.all(cluster.endpoints.map((endpoint) => etcd.hash(endpoint, revision)));
      equal(new Set(hashes.map(({ hash }) => hash)).size, 1);
      equal([hashes[0]?.hashRevision, hashes[0]?.compactRevision], [revision, -1]);
      const [endpoint = ''] = cluster.endpoints;
      const last = await write(etcd, [endpoint], [put('a', '2')]);
      const newest = await etcd.hash(endpoint, null);
      equal(newest.hashRevision, last);
      notEqual(newest.hash, hashes[0]?.hash);
      equal((await etcd.hash(endpoint, revision)).hash, hashes[0]?.hash, 'the past does not change');
      await rejects(etcd.hash(endpoint, last + 10), failing('FutureRevision', 'rejected'));
      await etcd.compact([endpoint], last);
      await rejects(etcd.hash(endpoint, revision), failing('Compacted', 'rejected'));
      equal((await etcd.hash(endpoint, null)).compactRevision, last);
    },
  },
  {
    name: 'a snapshot: as many bytes as announced, with their SHA-256, and what is restored from it has the same hash',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(1);
      const [endpoint = ''] = cluster.endpoints;
      for (let n = 0; n < 20; n++) await write(etcd, [endpoint], [put(`key/${n}`, `${n}`.repeat(10_000))]);
      const before = await etcd.hash(endpoint, null);
      const { sizeBytes, version, bytes, sha256 } = await etcd.snapshot(endpoint);
      ok(/^3\.\d+/.test(version));
      const pieces: Uint8Array[] = [];
      for await (const piece of bytes) pieces.push(Buffer.from(piece));
      const whole = Buffer.concat(pieces);
      equal(whole.length, sizeBytes);
      const sum = createHash('sha256').update(whole.subarray(0, -32)).digest();
      ok(sum.equals(whole.subarray(-32)));
      equal(sha256(), createHash('sha256').update(whole).digest('hex'));

      const restored = await stage.restore(whole);
      const [scratch = ''] = restored.endpoints;
      equal(await etcd.hash(scratch, null), before);
      notEqual((await etcd.status(scratch)).clusterId, (await etcd.status(endpoint)).clusterId);
      equal((await etcd.members([scratch])).members.length, 1);
    },
  },
  {
    name: 'safety 45: restored with a revision bump, revisions go on far above, and the past is compacted',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(1);
      const [endpoint = ''] = cluster.endpoints;
      const last = await write(etcd, [endpoint], [put('k', '1')], [put('k', '2')]);
      const pieces: Uint8Array[] = [];
      for await (const piece of (await etcd.snapshot(endpoint)).bytes) pieces.push(Buffer.from(piece));
      const restored = await stage.restore(Buffer.concat(pieces), { bumpRevisions: 1_000_000 });
      const [scratch = ''] = restored.endpoints;
      const { revision } = await etcd.status(scratch);
      ok(revision >= last + 1_000_000);
      const [item] = await take(etcd, scratch, last, () => true);
      equal(item?.kind, 'compacted');
      const next = await write(etcd, [scratch], [put('k', '3')]);
      equal(next, revision + 1);
      const items = await take(etcd, scratch, next, (seen) => revisionOf(seen) >= next);
      equal(replay(revisionsIn(items)), { k: '3' });
    },
  },
  {
    name: 'safety 54: a snapshot that was taken under an alarm brings it back, and nobody takes a write until it is disarmed',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const memberId = await idOf(etcd, cluster, 'm1');
      await write(etcd, cluster.endpoints, [put('k', '1')]);
      await cluster.declareCorrupt('m1');
      const pieces: Uint8Array[] = [];
      for await (const piece of (await etcd.snapshot(cluster.endpoint('m1'))).bytes)
        pieces.push(Buffer.from(piece));
      const { endpoints } = await stage.restore(Buffer.concat(pieces), { bumpRevisions: 1_000 });
      const alarm = { memberId, kind: 'corrupt' } as const;
      equal(await etcd.alarms(endpoints), [alarm]);
      await rejects(write(etcd, endpoints, [put('k', '2')]), failing('Corrupt', 'rejected'));
      await etcd.disarm(endpoints, alarm);
      equal(await etcd.alarms(endpoints), []);
      await write(etcd, endpoints, [put('k', '2')]);
    },
  },
  {
    name: 'two of three are lost with their data: the survivor alone carries on with everything, as the same member',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const last = await write(etcd, cluster.endpoints, [put('acknowledged', '1')]);
      await stage.until('m0 has it', async () =>
        (await etcd.status(cluster.endpoint('m0'))).revision === last ? true : null,
      );
      await cluster.kill('m1');
      await cluster.kill('m2');
      // Asked to end, it writes down how far all had agreed. What it had not written down when it was killed, etcd discards.
      await cluster.stop('m0');
      await cluster.wipe('m1');
      await cluster.wipe('m2');
      await cluster.forceNewCluster('m0');
      await healthy(stage, cluster.endpoint('m0'));
      const { members } = await etcd.members([cluster.endpoint('m0')]);
      equal(
        members.map(({ name, learner }) => [name, learner]),
        [['m0', false]],
      );
      equal((await etcd.status(cluster.endpoint('m0'))).revision, last);
      equal((await contents(etcd, cluster.endpoint('m0'), last)).acknowledged, '1');
    },
  },
  {
    name: 'the survivor was killed too: it carries on, though it may lack what was written in its last 100 ms',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(3);
      const { revision: before } = await etcd.status(cluster.endpoint('m0'));
      const last = await write(etcd, cluster.endpoints, [put('last', '2')]);
      await stage.until('m0 has it', async () =>
        (await etcd.status(cluster.endpoint('m0'))).revision === last ? true : null,
      );
      for (const name of ['m0', 'm1', 'm2']) await cluster.kill(name);
      await cluster.forceNewCluster('m0');
      await healthy(stage, cluster.endpoint('m0'));
      const { revision } = await etcd.status(cluster.endpoint('m0'));
      ok(revision === before || revision === last, `${revision} is neither ${before} nor ${last}`);
      await write(etcd, [cluster.endpoint('m0')], [put('next', '3')]);
    },
  },
  {
    name: 'nobody listens: Unreachable, at once, and the next endpoint is asked',
    async run({ etcd, cluster: start, nobody }) {
      const cluster = await start(1);
      const away = await nobody();
      await rejects(etcd.status(away), failing('Unreachable', 'retryable'));
      await rejects(etcd.members([away]), failing('Unreachable', 'retryable'));
      await rejects(etcd.snapshot(away), failing('Unreachable', 'retryable'));
      await rejects(
        take(etcd, away, 1, () => true),
        failing('Unreachable', 'retryable'),
      );
      equal((await etcd.members([away, ...cluster.endpoints])).answeredBy, cluster.endpoints[0]);
      await write(etcd, [away, ...cluster.endpoints], [put('k', 'v')]);
      await rejects(etcd.members([]), failing('NoEndpoint', 'rejected'));
    },
  },
  {
    name: 'a member that hangs: no question outlives its deadline, and whether a change took effect is open',
    async run({ etcd, cluster: start }) {
      const cluster = await start(1);
      const [endpoint = ''] = cluster.endpoints;
      const memberId = await idOf(etcd, cluster, 'm0');
      cluster.freeze('m0');
      try {
        const timeoutMs = 300;
        const asked: Readonly<Record<string, Promise<unknown>>> = {
          status: etcd.status(endpoint, { timeoutMs }),
          members: etcd.members([endpoint], { timeoutMs }),
          remembered: etcd.rememberedMembers(endpoint, { timeoutMs }),
          alarms: etcd.alarms([endpoint], { timeoutMs }),
          disarm: etcd.disarm([endpoint], { memberId, kind: 'corrupt' }, { timeoutMs }),
          add: etcd.addLearner([endpoint], ['https://127.0.0.1:1'], { timeoutMs }),
          promote: etcd.promote([endpoint], memberId, { timeoutMs }),
          remove: etcd.removeMember([endpoint], memberId, { timeoutMs }),
          move: etcd.moveLeader(endpoint, memberId, { timeoutMs }),
          hash: etcd.hash(endpoint, null, { timeoutMs }),
          snapshot: etcd.snapshot(endpoint, { timeoutMs }),
          defragment: etcd.defragment(endpoint, { timeoutMs }),
          compact: etcd.compact([endpoint], 1, { timeoutMs }),
          apply: etcd.apply([endpoint], [{ revision: 1, changes: [put('k', 'v')] }], {
            leaseSeconds,
            timeoutMs,
          }),
        };
        await Promise.all(
          Object.entries(asked).map(([name, promise]) =>
            rejects(promise, failing(['NoAnswer', 'Unreachable'], 'retryable'), name),
          ),
        );
        const health = await etcd.health(endpoint, 'serializable', { timeoutMs });
        ok(!health.healthy && ['NoAnswer', 'Unreachable'].includes(health.code));
      } finally {
        cluster.thaw('m0');
      }
    },
  },
  {
    name: 'a member that is killed in the middle of each call: it fails as retryable, and nothing hangs',
    async run(stage) {
      const { etcd } = stage;
      const cluster = await stage.cluster(1);
      const [endpoint = ''] = cluster.endpoints;
      const memberId = await idOf(etcd, cluster, 'm0');
      const calls: Readonly<Record<string, () => Promise<unknown>>> = {
        status: () => etcd.status(endpoint),
        members: () => etcd.members([endpoint]),
        alarms: () => etcd.alarms([endpoint]),
        add: () => etcd.addLearner([endpoint], ['https://127.0.0.1:1']),
        promote: () => etcd.promote([endpoint], memberId),
        remove: () => etcd.removeMember([endpoint], memberId),
        move: () => etcd.moveLeader(endpoint, memberId),
        hash: () => etcd.hash(endpoint, null),
        snapshot: () => etcd.snapshot(endpoint),
        defragment: () => etcd.defragment(endpoint),
        compact: () => etcd.compact([endpoint], 1),
        apply: () => etcd.apply([endpoint], [{ revision: 1, changes: [put('k', 'v')] }], { leaseSeconds }),
        watch: () => take(etcd, endpoint, 1, () => false),
      };
      cluster.freeze('m0');
      const asked = Object.entries(calls).map(([name, call]) =>
        rejects(call(), failing(['NoAnswer', 'Unreachable'], 'retryable'), name),
      );
      await cluster.kill('m0');
      await Promise.all(asked);
      await cluster.start('m0');
      await healthy(stage, endpoint);
    },
  },
  {
    name: 'the signal ends the wait for any answer',
    async run({ etcd, cluster: start }) {
      const cluster = await start(1);
      const [endpoint = ''] = cluster.endpoints;
      const aborted = AbortSignal.abort(new Error('moved on'));
      await rejects(etcd.status(endpoint, { signal: aborted }), /moved on/);
      cluster.freeze('m0');
      try {
        const abort = new AbortController();
        const asked = rejects(etcd.members([endpoint], { signal: abort.signal }), /moved on/);
        abort.abort(new Error('moved on'));
        await asked;
      } finally {
        cluster.thaw('m0');
      }
    },
  },
];
