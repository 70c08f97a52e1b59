import { Failure } from '../failure.ts';

/**
 * What wdrip needs of etcd, in its own words. All methods throw `Failure` (src/failure.ts), and every call has a deadline
 * (src/etcd/limits.ts), which `Asking.timeoutMs` replaces. Who is asked is the caller's choice: what concerns one member takes its
 * endpoint; what concerns the cluster takes several, asked in the order given, and goes on to the next one only after a failure that
 * was certainly without effect (a question, after any retryable one). Nothing else is ever tried again in here.
 *
 * Codes that callers may act on. Retryable and certainly without effect (`codesWithoutEffect`): `Unreachable`, `NotCaughtUp` (the
 * learner can't be promoted yet), `UnhealthyCluster` (etcd refuses a change of members while one of them has just come or is away),
 * `NotEnoughStarted` (the same, because members have not started), `NoLeader`. Retryable, and whether it took effect is open: `NoAnswer`,
 * `BadAnswer`. Rejected: `NoSpace`, `Corrupt`, `Compacted`, `FutureRevision`, `NotLeader`, `BadTransferee`, `NotLearner`,
 * `TooManyLearners`, `PeerUrlTaken`, `NotForLearner`, `TooLarge`, `SnapshotBroken`. Not found: `MemberNotFound`.
 */

/** What any call may be given besides. */
export interface Asking {
  /** Once it is aborted nothing is asked (again) and nothing is waited for: the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** The deadline of each single question, in ms. */
  readonly timeoutMs?: number | undefined;
}

/** Where a member answers clients, as a URL: `https://10.0.0.1:2379`. */
export type Endpoint = string;

export interface Member {
  /** In hexadecimal without leading zeros, as `etcdctl` prints it. */
  readonly id: string;
  /** Empty until it has started for the first time. */
  readonly name: string;
  /** It has been seen by the cluster since it was added. */
  readonly started: boolean;
  readonly peerUrls: readonly string[];
  /** Empty until it has started. */
  readonly clientUrls: readonly string[];
  /** It doesn't vote. */
  readonly learner: boolean;
}

/** The members as a quorum sees them (a linearizable read), or as one member alone remembers them. */
export interface Membership {
  /** In hexadecimal. Another one than before: another cluster, after a restore. */
  readonly clusterId: string;
  readonly members: readonly Member[];
  /** Who answered. */
  readonly answeredBy: Endpoint;
}

/** One member's own view. Sizes in bytes. */
export interface MemberStatus {
  readonly memberId: string;
  readonly clusterId: string;
  readonly version: string;
  /** Of its database file, and the part of it that is in use: the difference goes with `defragment`. */
  readonly databaseBytes: number;
  readonly databaseInUseBytes: number;
  /** Null: it knows of none. */
  readonly leader: string | null;
  readonly raftTerm: number;
  readonly raftIndex: number;
  readonly raftAppliedIndex: number;
  /** Of its own store, which may lag behind the leader's. */
  readonly revision: number;
  readonly learner: boolean;
  /** Of all members, as this one knows them: that needs no quorum, and may be old. */
  readonly alarms: readonly Alarm[];
}

export type Health =
  | { readonly healthy: true; readonly revision: number; readonly tookMs: number }
  | { readonly healthy: false; readonly code: string; readonly why: string };

export type AlarmKind = 'noSpace' | 'corrupt';

export interface Alarm {
  readonly memberId: string;
  readonly kind: AlarmKind;
}

/** A hash of all keys and their history since the compaction, up to a revision: equal on all healthy members. */
export interface KeysHash {
  /** 32 bits. Two of them compare only if `hashRevision` and `compactRevision` are equal. */
  readonly hash: number;
  readonly hashRevision: number;
  /** -1 if nothing was compacted yet. */
  readonly compactRevision: number;
}

/** A consistent copy of one member's database, as `etcdctl snapshot save` writes it: the database, then its SHA-256. */
export interface SnapshotStream {
  /** All that will come, the trailing SHA-256 included. */
  readonly sizeBytes: number;
  /** The version of etcd that must restore it, such as `3.6.0`. Empty if the server is older than 3.6. */
  readonly version: string;
  /**
   * The bytes, asked of the server as they are taken. Read once: a piece holds until the next is asked for, whose bytes take its place.
   * Ends only if all of them came and their SHA-256 is right; else it throws
   * `SnapshotBroken`, `NoAnswer` or `Unreachable`. Leaving the loop early ends the call.
   */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Of all bytes, in hex: they have been hashed on their way. Throws before `bytes` has come to its end without a failure. */
  sha256(): string;
}

/** One key's change. */
export type Change =
  | {
      readonly type: 'put';
      readonly key: Uint8Array;
      readonly value: Uint8Array;
      /** How often the key has been put since it was created, this one included. */
      readonly version: number;
      readonly createRevision: number;
      readonly modRevision: number;
      /** The lease that it goes with, in hexadecimal, or null. */
      readonly lease: string | null;
    }
  | { readonly type: 'delete'; readonly key: Uint8Array; readonly modRevision: number };

/** Everything that one revision changed, each key once, in etcd's order. */
export interface RevisionChanges {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** `revision`: nothing up to and including it is still to come. Revisions rise, and none is split over two items. */
export type WatchItem =
  | {
      readonly kind: 'changes';
      readonly revision: number;
      readonly revisions: readonly RevisionChanges[];
      /** Since when the oldest of them may have been waiting to be told, epoch ms. Those that the watch begins with may be older. */
      readonly since: number;
    }
  | { readonly kind: 'progress'; readonly revision: number }
  /** The last item: what was asked for is gone. Everything from `compactRevision` on can still be had. */
  | { readonly kind: 'compacted'; readonly compactRevision: number };

export interface Watching {
  /** The first revision that is wanted. */
  readonly fromRevision: number;
  /** How often progress is asked for, in ms. Without an answer to two of these the watch ends with `Quiet` (retryable). */
  readonly progressMs: number;
  /** Ends the watch: the iteration ends without an error. */
  readonly signal: AbortSignal;
}

/** What `apply` has done. */
export interface Applied {
  /** The cluster's revision after the last transaction. */
  readonly revision: number;
  readonly transactions: number;
}

export interface Etcd {
  /** The members as a quorum agrees on them. Fails (`NoAnswer`, `NoLeader`) without a quorum. */
  members(endpoints: readonly Endpoint[], asking?: Asking): Promise<Membership>;
  /** The members as this one remembers them, which needs no quorum and may be old. */
  rememberedMembers(endpoint: Endpoint, asking?: Asking): Promise<Membership>;
  status(endpoint: Endpoint, asking?: Asking): Promise<MemberStatus>;
  /**
   * A read through the quorum (`linearizable`), or of the member alone (`serializable`: all that a learner can do). Never throws but for
   * the signal.
   */
  health(endpoint: Endpoint, read: 'linearizable' | 'serializable', asking?: Asking): Promise<Health>;

  alarms(endpoints: readonly Endpoint[], asking?: Asking): Promise<readonly Alarm[]>;
  /** One that is not raised is no error. */
  disarm(endpoints: readonly Endpoint[], alarm: Alarm, asking?: Asking): Promise<void>;

  /** Returns the new member, not started yet. `PeerUrlTaken`: a member with that URL is there already, which may be this one. */
  addLearner(endpoints: readonly Endpoint[], peerUrls: readonly string[], asking?: Asking): Promise<Member>;
  /** `NotLearner`: it votes already. */
  promote(endpoints: readonly Endpoint[], id: string, asking?: Asking): Promise<void>;
  removeMember(endpoints: readonly Endpoint[], id: string, asking?: Asking): Promise<void>;
  updatePeerUrls(
    endpoints: readonly Endpoint[],
    id: string,
    peerUrls: readonly string[],
    asking?: Asking,
  ): Promise<void>;
  /** Asked of the leader itself (`NotLeader`): another voter leads when it returns. */
  moveLeader(leader: Endpoint, toId: string, asking?: Asking): Promise<void>;

  /** Of the keys up to `revision`; null: up to the newest that this member has. */
  hash(endpoint: Endpoint, revision: number | null, asking?: Asking): Promise<KeysHash>;
  /** The deadline is for its beginning, and then for each wait for more bytes. */
  snapshot(endpoint: Endpoint, asking?: Asking): Promise<SnapshotStream>;
  /** The member answers nothing meanwhile: one at a time, the leader last. */
  defragment(endpoint: Endpoint, asking?: Asking): Promise<void>;
  /** Forgets what is older than `revision`. `Compacted`: it is forgotten already. */
  compact(endpoints: readonly Endpoint[], revision: number, asking?: Asking): Promise<void>;

  /** All keys' changes. Bounded in memory: the server is asked for more as items are taken. */
  watch(endpoint: Endpoint, watching: Watching): AsyncIterable<WatchItem>;
  /**
   * Does the changes again, one transaction a revision, in order; a revision of more changes than etcd takes in one transaction is done
   * in several. The revisions, versions and times of creation become others. A lease that the cluster does not know is granted anew
   * under its id, for `leaseSeconds`. Doing the same again, as a whole, ends in the same keys and values.
   */
  apply(
    endpoints: readonly Endpoint[],
    revisions: readonly RevisionChanges[],
    options: Asking & { readonly leaseSeconds: number },
  ): Promise<Applied>;
}

/** Codes of `retryable` failures that prove that the call did nothing: it may be made again as it was. Any other may have taken effect. */
export const codesWithoutEffect: readonly string[] = [
  'Unreachable',
  'NotCaughtUp',
  'UnhealthyCluster',
  'NotEnoughStarted',
  'NoLeader',
];

/**
 * May the next endpoint be asked after this failure of one? A learner, which answers hardly anything, is passed over; a question goes on
 * after any retryable failure, a change only after one without effect.
 */
export function mayAskNext(
  { kind, code }: { readonly kind: string; readonly code: string },
  onlyReads: boolean,
): boolean {
  if (saysNothing({ code })) return true;
  return kind === 'retryable' && (onlyReads || codesWithoutEffect.includes(code));
}

/** That a learner answers hardly anything says nothing of the cluster: what another endpoint has answered is told instead. */
export function saysNothing({ code }: { readonly code: string }): boolean {
  return code === 'NotForLearner';
}

/**
 * Of an etcd whose store is full: compacts everything, defragments these members one after the other (one answers nothing meanwhile), and
 * lifts the alarm, which etcd does not do by itself.
 */
export async function makeRoom(
  etcd: Etcd,
  members: readonly Endpoint[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const asking = { signal };
  const found = await Promise.all(members.map((member) => etcd.status(member, asking)));
  const newest = Math.max(0, ...found.map(({ revision }) => revision));
  await etcd.compact(members, newest, asking).catch((caught: unknown) => {
    if (!(caught instanceof Failure) || caught.code !== 'Compacted') throw caught;
  });
  for (const member of members) await etcd.defragment(member, asking);
  for (const alarm of await etcd.alarms(members, asking))
    if (alarm.kind === 'noSpace') await etcd.disarm(members, alarm, asking);
}
