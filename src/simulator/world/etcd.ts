import { createHash } from 'node:crypto';
import {
  type Alarm,
  type Applied,
  type Asking,
  type Endpoint,
  type Etcd,
  type Health,
  type KeysHash,
  type Member,
  type MemberStatus,
  type Membership,
  mayAskNext,
  type RevisionChanges,
  type SnapshotStream,
  saysNothing,
  type WatchItem,
  type Watching,
} from '../../etcd/port.ts';
import { Failure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { Misfortune } from './calls.ts';
import { Group } from './etcd/group.ts';
import { Log } from './etcd/log.ts';
import { type EtcdDisk, EtcdProcess } from './etcd/process.ts';

/** A question and its answer on the way, and a write to the quorum's disks, in ms. */
const askMs = 5;
/** The way of a request that is slow. */
const slowMs = 3_000;
const writeMs = 10;
/** How often what a call waits for is looked at, in ms. */
const lookMs = 100;
/** Deadlines, as the adapter has them, in ms. */
const questionMs = 5_000;
const changeMs = 10_000;
/** etcd changes its members only while all that vote have been connected for so long, in ms (HealthInterval). */
const settledMs = 5_000;
/** etcd's own default for `--quota-backend-bytes`. */
const defaultQuotaBytes = 2 * 1024 ** 3;
/** Changes in one transaction: etcd's `--max-txn-ops`. */
const mostOperations = 128;
/** A piece of a snapshot, in bytes. */
const pieceBytes = 32 * 1024;
const version = '3.6.16';

/** What a cluster has acknowledged: an invariant looks at it later. */
export interface Acknowledged {
  readonly group: Group;
  readonly revision: number;
}

/** A change of the members that somebody has asked for, with the voters as they were and as they are: all, and those that run. */
export interface MembershipChange {
  readonly what: 'add' | 'promote' | 'remove';
  readonly id: string;
  readonly group: Group;
  readonly before: Voters;
  readonly after: Voters;
}
export interface Voters {
  readonly voters: number;
  readonly healthy: number;
}

/**
 * etcd in memory, on a virtual clock: members with terms and indexes, elections that take time, writes that need a quorum, learners that
 * catch up, data that lies on disks. Whoever owns the places (a test, or the simulated instances) starts and ends the processes.
 */
export class SimulatedEtcd implements Etcd {
  readonly processes = new Map<Endpoint, EtcdProcess>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onChange: () => void;
  readonly #onAcknowledged: (acknowledged: Acknowledged) => void;
  readonly #onMembership: (change: MembershipChange) => void;
  readonly #misfortune: () => Misfortune | null;
  readonly #listeners = new Set<() => void>();
  #ids = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly random: Random;
    /** Some member, leader or membership has changed. */
    readonly onChange?: () => void;
    readonly onAcknowledged?: (acknowledged: Acknowledged) => void;
    readonly onMembership?: (change: MembershipChange) => void;
    /** Draws the fate of one request to a member. Default: all are answered. */
    readonly misfortune?: () => Misfortune | null;
  }) {
    this.#misfortune = options.misfortune ?? (() => null);
    this.#clock = options.clock;
    this.#random = options.random;
    this.#onChange = options.onChange ?? (() => {});
    this.#onAcknowledged = options.onAcknowledged ?? (() => {});
    this.#onMembership = options.onMembership ?? (() => {});
  }

  /** A place for an etcd, which does not run yet. */
  place(
    name: string,
    address: { readonly endpoint: Endpoint; readonly peerUrl: string },
    disk: EtcdDisk,
  ): EtcdProcess {
    const process = new EtcdProcess({ name, ...address, disk, clock: this.#clock });
    this.processes.set(address.endpoint, process);
    return process;
  }

  /** These, whose disks are empty, are a new cluster's voters as soon as they run. */
  found(processes: readonly EtcdProcess[], quotaBytes = defaultQuotaBytes): Group {
    const members = processes.map(
      (process): Member => ({
        ...this.#memberOn(process, false),
        name: process.name,
        started: true,
        clientUrls: [process.endpoint],
      }),
    );
    const group = this.#group(this.#id(), new Log(), 1, members, quotaBytes);
    for (const [index, process] of processes.entries())
      process.disk.data = dataOf(group, members[index]?.id ?? '');
    return group;
  }

  /** Its process starts: with data as the member that it was, without it as soon as a member with its peer URL is wanted. */
  start(process: EtcdProcess): void {
    if (process.isRunning) return;
    process.run();
    this.#join(process);
  }

  /** Its process ends: it was asked to, and writes down what it knows, or it was not. */
  end(process: EtcdProcess, how: 'stopped' | 'killed'): void {
    const { data } = process;
    const group = data?.group;
    if (data !== null && how === 'stopped') data.committed = data.index;
    process.end();
    group?.processes.delete(process);
    group?.changed();
    this.#changed();
  }

  setFrozen(process: EtcdProcess, frozen: boolean): void {
    process.setFrozen(frozen);
    process.data?.group.changed();
    this.#changed();
  }

  /** Starts it with `--force-new-cluster`: what it has is a cluster of its own. Without data it does nothing. */
  forceNewCluster(process: EtcdProcess): void {
    const { data } = process;
    if (data === null || process.isRunning) return;
    const { group } = data;
    const self = group.log.membersAt(data.committed).find(({ id }) => id === data.memberId);
    const member = { ...(self ?? this.#memberOn(process, false)), id: data.memberId, learner: false };
    const alone = this.#group(
      group.clusterId,
      group.log.fork(data.committed),
      data.term + 1,
      [member],
      group.quotaBytes,
    );
    for (const [id, kinds] of group.alarms) alone.alarms.set(id, new Set(kinds));
    process.disk.data = { ...dataOf(alone, member.id), rotten: data.rotten };
    this.start(process);
  }

  /** Lays what `etcdutl snapshot restore` makes on its disk: another cluster, of which it is the only member. Throws for broken bytes. */
  restore(process: EtcdProcess, snapshot: Uint8Array, bumpRevisions: number): void {
    const member = {
      ...this.#memberOn(process, false),
      name: process.name,
      started: true,
      clientUrls: [process.endpoint],
    };
    const { log, alarms } = Log.restore(snapshot, bumpRevisions);
    const group = this.#group(this.#id(), log, 1, [member], defaultQuotaBytes);
    for (const { memberId, kind } of alarms) this.#raise(group, memberId, kind);
    process.disk.data = dataOf(group, member.id);
  }

  /** A bit rots in its database: its hash is another from now on, and etcd's own check says so. */
  rot(process: EtcdProcess): void {
    const { data } = process;
    if (data === null) return;
    data.rotten = true;
    this.#raise(data.group, data.memberId, 'corrupt');
  }

  /** Its database has no room left: nothing is written before somebody makes some. */
  fill(process: EtcdProcess): void {
    const { data } = process;
    if (data !== null) this.#raise(data.group, data.memberId, 'noSpace');
  }

  async members(endpoints: readonly Endpoint[], asking?: Asking): Promise<Membership> {
    return this.#oneOf(endpoints, true, async (endpoint) => {
      const { process, group } = await this.#through(endpoint, asking, questionMs);
      return { clusterId: group.clusterId, members: group.members, answeredBy: process.endpoint };
    });
  }

  async rememberedMembers(endpoint: Endpoint, asking?: Asking): Promise<Membership> {
    const { data } = await this.#at(endpoint, asking, questionMs);
    const { clusterId, log } = data.group;
    return { clusterId, members: log.membersAt(data.index), answeredBy: endpoint };
  }

  async status(endpoint: Endpoint, asking?: Asking): Promise<MemberStatus> {
    const { process, data } = await this.#at(endpoint, asking, questionMs);
    const { group } = data;
    const led = group.leader !== null && process.isActive;
    return {
      memberId: data.memberId,
      clusterId: group.clusterId,
      version,
      databaseBytes: process.databaseBytes,
      databaseInUseBytes: Math.min(process.databaseBytes, group.log.usedBytes),
      leader: led ? (group.leader?.data?.memberId ?? null) : null,
      raftTerm: led ? group.term : data.term,
      raftIndex: data.index,
      raftAppliedIndex: data.index,
      revision: group.log.revisionAt(data.index),
      learner: group.memberOf(process)?.learner ?? false,
      alarms: group.alarmList,
    };
  }

  async health(endpoint: Endpoint, read: 'linearizable' | 'serializable', asking?: Asking): Promise<Health> {
    const since = this.#clock.now();
    try {
      const { data } =
        read === 'serializable'
          ? await this.#at(endpoint, asking, questionMs)
          : await this.#through(endpoint, asking, questionMs);
      const revision = data.group.log.revisionAt(data.index);
      return { healthy: true, revision, tookMs: this.#clock.now() - since };
    } catch (caught) {
      if (!(caught instanceof Failure)) throw caught;
      return { healthy: false, code: caught.code, why: caught.message };
    }
  }

  async alarms(endpoints: readonly Endpoint[], asking?: Asking): Promise<readonly Alarm[]> {
    return this.#oneOf(endpoints, true, async (endpoint) => {
      const { group } = await this.#through(endpoint, asking, questionMs);
      return group.alarmList;
    });
  }

  async disarm(endpoints: readonly Endpoint[], { memberId, kind }: Alarm, asking?: Asking): Promise<void> {
    await this.#change(endpoints, asking, ({ group }) => {
      group.alarms.get(memberId)?.delete(kind);
      group.configure(group.members);
    });
    this.#changed();
  }

  async addLearner(
    endpoints: readonly Endpoint[],
    peerUrls: readonly string[],
    asking?: Asking,
  ): Promise<Member> {
    return this.#change(endpoints, asking, ({ group }) => {
      if (group.members.some((each) => each.peerUrls.some((url) => peerUrls.includes(url))))
        throw rejected('PeerUrlTaken', 'Peer URLs already exists');
      if (group.members.some(({ learner }) => learner))
        throw rejected('TooManyLearners', 'too many learner members in cluster');
      this.#needSettled(group);
      const member: Member = {
        id: this.#id(),
        name: '',
        started: false,
        peerUrls: [...peerUrls],
        clientUrls: [],
        learner: true,
      };
      this.#reconfigure(group, 'add', member.id, [...group.members, member]);
      return member;
    });
  }

  async promote(endpoints: readonly Endpoint[], id: string, asking?: Asking): Promise<void> {
    await this.#change(endpoints, asking, ({ group }) => {
      const member = find(group, id);
      if (!member.learner) throw rejected('NotLearner', 'can only promote a learner member');
      const process = [...group.processes].find(({ data }) => data?.memberId === id);
      if (process?.synced !== true)
        throw retryable('NotCaughtUp', `learner ${id} is not in sync with the leader`);
      this.#reconfigure(
        group,
        'promote',
        id,
        group.members.map((each) => (each.id === id ? { ...each, learner: false } : each)),
      );
    });
  }

  async removeMember(endpoints: readonly Endpoint[], id: string, asking?: Asking): Promise<void> {
    await this.#change(endpoints, asking, ({ group }) => {
      const member = find(group, id);
      const voters = group.members.filter(({ learner }) => !learner);
      const active = group.activeVoters.filter((each) => this.#clock.now() - each.activeSince >= settledMs);
      const isActive = group.activeVoters.some(({ data }) => data?.memberId === id);
      if (!member.learner && isActive && active.length - 1 < 1 + Math.floor((voters.length - 1) / 2))
        throw retryable('UnhealthyCluster', 'unhealthy cluster');
      this.#reconfigure(
        group,
        'remove',
        id,
        group.members.filter((each) => each.id !== id),
      );
    });
  }

  async updatePeerUrls(
    endpoints: readonly Endpoint[],
    id: string,
    peerUrls: readonly string[],
    asking?: Asking,
  ): Promise<void> {
    await this.#change(endpoints, asking, ({ group }) => {
      find(group, id);
      group.configure(
        group.members.map((each) => (each.id === id ? { ...each, peerUrls: [...peerUrls] } : each)),
      );
    });
  }

  async moveLeader(leader: Endpoint, toId: string, asking?: Asking): Promise<void> {
    const { process, group, answered } = await this.#through(leader, asking, changeMs, true);
    if (group.leader !== process) throw rejected('NotLeader', `${leader} is not leader`);
    const to = group.activeVoters.find(({ data, synced }) => synced && data?.memberId === toId);
    if (to === undefined) throw rejected('BadTransferee', `bad leader transferee ${toId}`);
    await sleep(this.#clock, writeMs);
    group.lead(to);
    await answered();
  }

  async hash(endpoint: Endpoint, revision: number | null, asking?: Asking): Promise<KeysHash> {
    const { data } = await this.#at(endpoint, asking, questionMs);
    const { log } = data.group;
    const newest = log.revisionAt(data.index);
    const hashRevision = revision ?? newest;
    if (hashRevision > newest) throw rejected('FutureRevision', `${hashRevision} is a future revision`);
    if (hashRevision < log.compactRevision) throw rejected('Compacted', `${hashRevision} has been compacted`);
    const { compactRevision } = log;
    return { hash: log.hashAt(hashRevision) ^ (data.rotten ? 1 : 0), hashRevision, compactRevision };
  }

  async snapshot(endpoint: Endpoint, asking?: Asking): Promise<SnapshotStream> {
    const { process, data } = await this.#at(endpoint, asking, questionMs);
    const bytes = data.group.log.serialize(data.index, data.group.alarmList);
    return {
      sizeBytes: bytes.length,
      version,
      bytes: this.#pieces(process, bytes, asking?.signal),
      sha256: () => createHash('sha256').update(bytes).digest('hex'),
    };
  }

  async defragment(endpoint: Endpoint, asking?: Asking): Promise<void> {
    const { data, answered } = await this.#at(endpoint, asking, changeMs, true);
    const { log } = data.group;
    await sleep(this.#clock, writeMs);
    data.freedBytes = log.writtenBytes - log.usedBytes;
    await answered();
  }

  async compact(endpoints: readonly Endpoint[], revision: number, asking?: Asking): Promise<void> {
    await this.#change(endpoints, asking, ({ group }) => {
      const { log } = group;
      if (group.isCorrupt) throw rejected('Corrupt', 'corrupt cluster');
      if (revision <= log.compactRevision) throw rejected('Compacted', `${revision} has been compacted`);
      if (revision > log.revision) throw rejected('FutureRevision', `${revision} is a future revision`);
      log.compact(revision);
    });
    this.#changed();
  }

  async *watch(
    endpoint: Endpoint,
    { fromRevision, progressMs, signal }: Watching,
  ): AsyncGenerator<WatchItem> {
    if (signal.aborted) return;
    const { process, data } = await this.#at(endpoint, {}, questionMs);
    const { log } = data.group;
    let told = fromRevision - 1;
    let silentUntil = this.#clock.now() + progressMs;
    for (let starts = process.starts; ; ) {
      if (signal.aborted) return;
      if (process.starts !== starts || process.data !== data)
        throw retryable('NoAnswer', `the watch of ${endpoint} has broken`);
      if (told + 1 < log.compactRevision) {
        yield { kind: 'compacted', compactRevision: log.compactRevision };
        return;
      }
      const revisions = process.isFrozen ? [] : log.changes(told + 1, data.index);
      const last = revisions.at(-1);
      if (last !== undefined) {
        told = last.revision;
        yield { kind: 'changes', revision: told, revisions, since: this.#clock.now() };
      } else if (!process.isFrozen && this.#clock.now() >= silentUntil) {
        silentUntil = this.#clock.now() + progressMs;
        const revision = log.revisionAt(data.index);
        if (revision >= told) yield { kind: 'progress', revision };
      } else if (this.#clock.now() >= silentUntil + 2 * progressMs)
        throw retryable('Quiet', `the watch of ${endpoint} says nothing`);
      else await this.#somethingOr(silentUntil + (process.isFrozen ? 2 * progressMs : 0), signal);
    }
  }

  async apply(
    endpoints: readonly Endpoint[],
    revisions: readonly RevisionChanges[],
    options: Asking & { readonly leaseSeconds: number },
  ): Promise<Applied> {
    let [revision, transactions] = [0, 0];
    for (const { changes } of revisions)
      for (let from = 0; from < changes.length; from += mostOperations) {
        const some = changes.slice(from, from + mostOperations);
        revision = await this.#change(endpoints, options, ({ group }) => {
          if (group.isCorrupt) throw rejected('Corrupt', 'corrupt cluster');
          const full = group.isFull;
          const puts = some.some(({ type }) => type === 'put');
          if (puts && !full && group.isTooMuch(some))
            this.#raise(group, group.leader?.data?.memberId ?? '', 'noSpace');
          if (puts && (full || group.isTooMuch(some)))
            throw rejected('NoSpace', 'mvcc: database space exceeded');
          const written = group.write(some);
          this.#onAcknowledged({ group, revision: written });
          return written;
        });
        transactions += 1;
      }
    return { revision, transactions };
  }

  #group(clusterId: string, log: Log, term: number, members: readonly Member[], quotaBytes: number): Group {
    return new Group({
      clusterId,
      log,
      term,
      members,
      quotaBytes,
      clock: this.#clock,
      random: this.#random,
      onChange: () => this.#changed(),
    });
  }

  #memberOn({ peerUrl }: EtcdProcess, learner: boolean): Member {
    return { id: this.#id(), name: '', started: false, peerUrls: [peerUrl], clientUrls: [], learner };
  }

  /** Gives a process its part among the members, if it has one. */
  #join(process: EtcdProcess): void {
    if (process.isServing || !process.isRunning) return;
    const { data } = process;
    if (data === null) {
      const group = this.#groups().find(({ members }) => members.some((each) => wants(each, process)));
      const member = group?.members.find((each) => wants(each, process));
      if (group === undefined || member === undefined || !group.writable) return;
      process.disk.data = dataOf(group, member.id);
      this.#enter(process, group);
      const { name, endpoint } = process;
      group.configure(
        group.members.map((each) =>
          each.id === member.id ? { ...each, name, started: true, clientUrls: [endpoint] } : each,
        ),
      );
      return;
    }
    if (data.group.memberOf(process) === undefined) {
      // It was removed while it was away: with this data it is nobody's member, ever.
      process.end();
      return;
    }
    this.#enter(process, data.group);
    data.group.changed();
  }

  #enter(process: EtcdProcess, group: Group): void {
    process.activate();
    group.processes.add(process);
  }

  /** Those that wait to be added to a cluster look whether they have been. */
  #seekPlaces(): void {
    for (const process of this.processes.values())
      if (process.isRunning && process.data === null) this.#join(process);
  }

  #groups(): readonly Group[] {
    return [
      ...new Set(
        [...this.processes.values()].flatMap(({ data, isServing }) =>
          data && isServing ? [data.group] : [],
        ),
      ),
    ];
  }

  #raise(group: Group, memberId: string, kind: Alarm['kind']): void {
    group.alarms.set(memberId, (group.alarms.get(memberId) ?? new Set()).add(kind));
    this.#changed();
  }

  /** The process at this endpoint, as soon as it answers; `acts`: what is asked changes something, and its answer may be lost after that. */
  async #at(endpoint: Endpoint, asking: Asking | undefined, defaultMs: number, acts = false) {
    const { signal } = asking ?? {};
    signal?.throwIfAborted();
    const until = this.#clock.now() + (asking?.timeoutMs ?? defaultMs);
    const fate = this.#misfortune();
    const lost = fate?.how === 'slow' ? null : fate;
    await sleep(this.#clock, fate?.how === 'slow' ? slowMs : askMs, signal);
    if (lost !== null && !(acts && lost.afterEffect)) await this.#noAnswer(endpoint, lost, until, signal);
    const process = this.processes.get(endpoint);
    if (process === undefined || !process.isServing || process.data === null)
      throw retryable('Unreachable', `nobody listens at ${endpoint}`);
    const { starts, data } = process;
    while (process.isFrozen) await this.#wait(endpoint, until, signal, process, starts);
    /** Of what has been done: its answer arrives, or does not. */
    const answered = () => (lost === null ? undefined : this.#noAnswer(endpoint, lost, until, signal));
    return { process, data, until, starts, answered };
  }

  async #noAnswer(
    endpoint: Endpoint,
    { how }: Misfortune,
    until: number,
    signal: AbortSignal | undefined,
  ): Promise<never> {
    if (how === 'lost') await sleep(this.#clock, Math.max(0, until - this.#clock.now()), signal);
    throw retryable('NoAnswer', `${endpoint} did not answer`);
  }

  /** The same, as soon as a quorum answers through it. */
  async #through(endpoint: Endpoint, asking: Asking | undefined, defaultMs: number, acts = false) {
    const at = await this.#at(endpoint, asking, defaultMs, acts);
    const { process, data, until, starts } = at;
    const { group } = data;
    if (group.memberOf(process)?.learner) throw rejected('NotForLearner', 'rpc not supported for learner');
    while (!group.writable || !process.synced)
      await this.#wait(endpoint, until, asking?.signal, process, starts);
    return { ...at, group };
  }

  async #wait(
    endpoint: Endpoint,
    until: number,
    signal: AbortSignal | undefined,
    process: EtcdProcess,
    starts: number,
  ): Promise<void> {
    const left = until - this.#clock.now();
    if (process.starts !== starts || left <= 0) throw retryable('NoAnswer', `${endpoint} did not answer`);
    await sleep(this.#clock, Math.min(lookMs, left), signal);
  }

  #change<T>(
    endpoints: readonly Endpoint[],
    asking: Asking | undefined,
    act: (at: { readonly group: Group; readonly process: EtcdProcess }) => T,
  ): Promise<T> {
    return this.#oneOf(endpoints, false, async (endpoint) => {
      const at = await this.#through(endpoint, asking, changeMs, true);
      const done = act(at);
      await sleep(this.#clock, writeMs);
      await at.answered();
      return done;
    });
  }

  async #oneOf<T>(
    endpoints: readonly Endpoint[],
    onlyReads: boolean,
    ask: (endpoint: Endpoint) => Promise<T>,
  ): Promise<T> {
    let last: Failure | null = null;
    for (const endpoint of endpoints)
      try {
        return await ask(endpoint);
      } catch (caught) {
        if (!(caught instanceof Failure)) throw caught;
        if (last === null || !saysNothing(caught)) last = caught;
        if (!mayAskNext(caught, onlyReads)) break;
      }
    throw last ?? rejected('NoEndpoint', 'no endpoint was given to ask');
  }

  #reconfigure(group: Group, what: MembershipChange['what'], id: string, members: readonly Member[]): void {
    const before = votersOf(group);
    group.configure(members);
    this.#onMembership({ what, id, group, before, after: votersOf(group) });
  }

  #needSettled(group: Group): void {
    const settled = group.activeVoters.filter((each) => this.#clock.now() - each.activeSince >= settledMs);
    if (settled.length < group.members.filter(({ learner }) => !learner).length)
      throw retryable('UnhealthyCluster', 'unhealthy cluster');
  }

  async *#pieces(
    process: EtcdProcess,
    bytes: Uint8Array,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    const { starts } = process;
    for (let from = 0; from < bytes.length; from += pieceBytes) {
      await sleep(this.#clock, 1, signal);
      if (process.starts !== starts)
        throw retryable('NoAnswer', `the snapshot of ${process.endpoint} broke off`);
      yield bytes.subarray(from, from + pieceBytes);
    }
  }

  #somethingOr(until: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#listeners.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const cancel = this.#clock.after(Math.max(1, until - this.#clock.now()), done);
      this.#listeners.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #changed(): void {
    this.#seekPlaces();
    for (const listener of [...this.#listeners]) listener();
    this.#onChange();
  }

  #id(): string {
    this.#ids += 1;
    return `${this.#ids.toString(16)}${this.#random.hex(7)}`.slice(0, 16);
  }
}

function votersOf(group: Group): Voters {
  return {
    voters: group.members.filter(({ learner }) => !learner).length,
    healthy: group.activeVoters.length,
  };
}

function dataOf(group: Group, memberId: string) {
  return { group, memberId, index: 0, committed: 0, term: 0, freedBytes: 0, rotten: false };
}

function wants(member: Member, process: EtcdProcess): boolean {
  return !member.started && member.peerUrls.includes(process.peerUrl);
}

function find(group: Group, id: string): Member {
  const member = group.members.find((each) => each.id === id);
  if (member === undefined)
    throw new Failure({ kind: 'notFound', code: 'MemberNotFound', message: `member not found: ${id}` });
  return member;
}

function rejected(code: string, message: string): Failure {
  return new Failure({ kind: 'rejected', code, message });
}

function retryable(code: string, message: string): Failure {
  return new Failure({ kind: 'retryable', code, message });
}
