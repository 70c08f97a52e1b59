import type { Clock } from '../../../runtime/clock.ts';
import type { Group } from './group.ts';

/** What a data directory holds: whose it is, and how far it has come. */
export interface EtcdData {
  readonly group: Group;
  readonly memberId: string;
  index: number;
  /** How far it has written down that all had agreed: `--force-new-cluster` discards the rest. */
  committed: number;
  term: number;
  /** What was written before the last defragmentation and is away since, in bytes. */
  freedBytes: number;
  /** A bit has rotted: its keys are not the others'. */
  rotten: boolean;
}

/** Where a data directory lies: a system disk. A new one is empty. */
export interface EtcdDisk {
  data: EtcdData | null;
}

/** One etcd: a place, a disk below it, and a process that runs or not. */
export class EtcdProcess {
  readonly name: string;
  readonly endpoint: string;
  readonly peerUrl: string;
  disk: EtcdDisk;
  /** It has all that is acknowledged, as long as it runs and there is a leader. */
  synced = false;
  catchingUp = false;
  /** How often it was started. */
  starts = 0;
  activeSince = 0;
  readonly #clock: Clock;
  #running = false;
  #active = false;
  #frozen = false;

  constructor(place: {
    readonly name: string;
    readonly endpoint: string;
    readonly peerUrl: string;
    readonly disk: EtcdDisk;
    readonly clock: Clock;
  }) {
    this.name = place.name;
    this.endpoint = place.endpoint;
    this.peerUrl = place.peerUrl;
    this.disk = place.disk;
    this.#clock = place.clock;
  }

  get data(): EtcdData | null {
    return this.disk.data;
  }

  /** The process is there, though perhaps only waiting to be added to a cluster. */
  get isRunning(): boolean {
    return this.#running;
  }

  /** It serves clients, if it isn't frozen. */
  get isServing(): boolean {
    return this.#active;
  }

  get isFrozen(): boolean {
    return this.#frozen;
  }

  /** It takes part. */
  get isActive(): boolean {
    return this.#active && !this.#frozen;
  }

  get databaseBytes(): number {
    return this.data === null ? 0 : this.data.group.log.writtenBytes - this.data.freedBytes;
  }

  run(): void {
    this.#running = true;
    this.starts += 1;
    this.catchingUp = false;
  }

  /** It has a place among the members. */
  activate(): void {
    this.#active = true;
    this.activeSince = this.#clock.now();
    this.synced = this.data !== null && this.data.index === this.data.group.log.lastIndex;
  }

  end(): void {
    this.#running = false;
    this.#active = false;
    this.#frozen = false;
    this.synced = false;
    this.catchingUp = false;
    this.starts += 1;
  }

  removed(): void {
    this.end();
  }

  setFrozen(frozen: boolean): void {
    this.#frozen = frozen && this.#running;
    if (!frozen) this.activeSince = this.#clock.now();
    if (frozen) this.synced = false;
  }

  has(index: number, term: number): void {
    if (this.data === null) return;
    // That an entry is committed is written down with the next one.
    this.data.committed = Math.max(this.data.committed, Math.min(this.data.index, index));
    this.data.index = index;
    this.data.term = term;
  }
}
