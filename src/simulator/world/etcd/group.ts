import { quorumOf } from '../../../../machines/quorum.ts';
import type { Alarm, AlarmKind, Change, Member } from '../../../etcd/port.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';
import { type Log, sizeOf } from './log.ts';
import type { EtcdProcess } from './process.ts';

/** How long it takes, in ms, at least and at most: an election, a voter that was away, a learner that begins with nothing. */
const electionMs = [1_000, 2_500] as const;
const catchUpMs = [200, 1_000] as const;
const learnMs = [4_000, 15_000] as const;

/**
 * The members that share one history. What it acknowledges, a quorum of the voters that run has: whoever loses it later has lost what
 * was acknowledged. Raft itself is not played, but what can be seen of it: terms, indexes, elections that take time, members that lag.
 */
export class Group {
  readonly clusterId: string;
  readonly log: Log;
  /** By member: what is wrong with it, in etcd's eyes. */
  readonly alarms = new Map<string, Set<AlarmKind>>();
  readonly processes = new Set<EtcdProcess>();
  readonly quotaBytes: number;
  term: number;
  leader: EtcdProcess | null = null;
  members: readonly Member[];
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onChange: () => void;
  #electing = false;

  constructor(options: {
    readonly clusterId: string;
    readonly log: Log;
    readonly term: number;
    readonly members: readonly Member[];
    readonly quotaBytes: number;
    readonly clock: Clock;
    readonly random: Random;
    readonly onChange: () => void;
  }) {
    this.clusterId = options.clusterId;
    this.log = options.log;
    this.term = options.term;
    this.members = options.members;
    this.quotaBytes = options.quotaBytes;
    this.#clock = options.clock;
    this.#random = options.random;
    this.#onChange = options.onChange;
    this.log.configure(options.members);
  }

  /** It has a leader, and enough voters have everything. */
  get writable(): boolean {
    return this.leader !== null && this.#voters(true).length >= this.quorum;
  }

  get alarmList(): readonly Alarm[] {
    return [...this.alarms].flatMap(([memberId, kinds]) => [...kinds].map((kind) => ({ memberId, kind })));
  }

  /** A member has no room left: nothing is written. */
  get isFull(): boolean {
    return [...this.alarms.values()].some((kinds) => kinds.has('noSpace'));
  }

  /** A member's data is not what the others have: etcd takes no change any more, but of the membership. */
  get isCorrupt(): boolean {
    return [...this.alarms.values()].some((kinds) => kinds.has('corrupt'));
  }

  get quorum(): number {
    return quorumOf(this.members.filter(({ learner }) => !learner).length);
  }

  /** Voters that run and hear each other. */
  get activeVoters(): readonly EtcdProcess[] {
    return this.#voters(false);
  }

  memberOf(process: EtcdProcess): Member | undefined {
    return this.members.find(({ id }) => id === process.data?.memberId);
  }

  /** Needs `writable`. Returns the revision. */
  write(changes: readonly Change[]): number {
    const revision = this.log.write(changes);
    this.#replicate();
    return revision;
  }

  /** Needs `writable`. */
  configure(members: readonly Member[]): void {
    this.members = members;
    this.log.configure(members);
    this.#replicate();
    for (const process of [...this.processes])
      if (this.memberOf(process) === undefined) {
        process.removed();
        this.processes.delete(process);
      }
    this.changed();
  }

  /** What these changes would add does not fit. */
  isTooMuch(changes: readonly Change[]): boolean {
    const grows = changes.reduce((sum, change) => sum + sizeOf(change), 0);
    return (this.leader?.databaseBytes ?? 0) + grows > this.quotaBytes;
  }

  /** A member came, went, froze or thawed, or the members are others. */
  changed(): void {
    const standing = this.activeVoters;
    if (this.leader !== null && (!standing.includes(this.leader) || standing.length < this.quorum))
      this.leader = null;
    if (this.leader === null && standing.length >= this.quorum && !this.#electing) {
      this.#electing = true;
      this.#clock.after(this.#between(electionMs), () => {
        this.#electing = false;
        this.#elect();
      });
    }
    if (this.leader !== null)
      for (const process of this.processes) if (process.isActive && !process.synced) this.#catchUp(process);
    this.#onChange();
  }

  /** Another voter, which must have everything, leads from now on. */
  lead(process: EtcdProcess): void {
    this.term += 1;
    this.leader = process;
    this.log.configure(this.members);
    process.synced = true;
    this.#replicate();
    this.changed();
  }

  #elect(): void {
    const standing = this.activeVoters;
    if (this.leader !== null || standing.length < this.quorum) {
      this.#onChange();
      return;
    }
    // Whoever lacks what a quorum has gets no votes; of the others any may win, and here the first does.
    const [best] = [...standing].sort((a, b) => (b.data?.index ?? 0) - (a.data?.index ?? 0));
    if (best !== undefined) this.lead(best);
  }

  #catchUp(process: EtcdProcess): void {
    if (process.catchingUp) return;
    process.catchingUp = true;
    const learner = this.memberOf(process)?.learner ?? false;
    const starts = process.starts;
    this.#clock.after(this.#between(learner ? learnMs : catchUpMs), () => {
      if (process.starts !== starts) return;
      process.catchingUp = false;
      if (!process.isActive || this.leader === null || process.data?.group !== this) return;
      process.synced = true;
      this.#replicate();
      this.#onChange();
    });
  }

  #replicate(): void {
    for (const process of this.processes)
      if (process.isActive && process.synced) process.has(this.log.lastIndex, this.term);
    this.#onChange();
  }

  #voters(synced: boolean): readonly EtcdProcess[] {
    return [...this.processes].filter(
      (process) =>
        process.isActive && (!synced || process.synced) && this.memberOf(process)?.learner === false,
    );
  }

  #between([least, most]: readonly [number, number]): number {
    return Math.ceil(least + this.#random.next() * (most - least));
  }
}
