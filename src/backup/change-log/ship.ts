import type { Endpoint, Etcd, WatchItem } from '../../etcd/port.ts';
import { Failure, type FailureData, toFailure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { AccountKey } from '../keys/account-key.ts';
import type { ObjectStore } from '../objects/port.ts';
import { encodeRevision } from './encoding.ts';
import { createRegionQueue, type RegionQueue, type RegionShipping } from './region-queue.ts';
import { lastSegment } from './resume.ts';
import { digest, logPurpose, type SealedSegment } from './segment.ts';
import { LogWriter, type Tail } from './writer.ts';

/** How often what has changed is shipped, in ms: what is lost with all masters is this and an upload. */
const SHIP_MS = 1_000;
/** Segments that no region has yet. Beyond that the next one grows instead: many small ones would be slower still. */
const MOST_UNSHIPPED = 2;
/** Bytes of changes that are in no region yet. Beyond that no more are taken from etcd, which keeps them. */
const MOST_UNSHIPPED_BYTES = 16 * 1024 * 1024;
/** A log that is so far behind, in ms, can't catch up: a new backup is the faster way. */
const BEHIND_MS = 120_000;
/** How often etcd is asked how far it has come, in ms: it tells a quiet cluster from a dead connection. */
const PROGRESS_MS = 5_000;
/** Before another member is asked, in ms. */
const AGAIN_MS = 1_000;
const WRITER_BYTES = 8;

export interface ShipOptions {
  readonly cluster: string;
  /** Whose revisions these are: the id of the etcd cluster, or what the recovery made of it when it forced a new one out of an old one. */
  readonly history: string;
  readonly etcd: Etcd;
  /** Where the members answer now, asked anew for each watch. Followers first: a watch costs the member that serves it. */
  readonly endpoints: () => readonly Endpoint[];
  readonly stores: readonly ObjectStore[];
  readonly key: AccountKey;
  /** The revision of the newest backup of this history: a log that can't be gone on with begins after it. */
  readonly after: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Ends it. What is not shipped by then is not; it is read again from etcd by the next one. */
  readonly signal: AbortSignal;
  /** Hears of each segment, when the first region has it. */
  readonly onShipped?: ((segment: ShippedSegment) => void) | undefined;
}

export interface ShippedSegment {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  readonly region: string;
  /** For how long its oldest change may have been waiting until it was stored, in ms. */
  readonly lagMs: number;
}

/** Why it ended. After all but `stopped` a new backup must be taken, and a new log begun after it. */
export type ShippingEnd =
  | { readonly kind: 'stopped' }
  /** Etcd has forgotten what comes next: it was away for too long. */
  | { readonly kind: 'compacted'; readonly compactRevision: number }
  /** The regions take less than etcd is given. */
  | { readonly kind: 'behind'; readonly lagMs: number }
  /** This etcd has not the changes that the log ends with: it was restored, or forced. A new history has to be named. */
  | { readonly kind: 'otherHistory'; readonly revision: number }
  | { readonly kind: 'failed'; readonly failure: FailureData };

/** How it does. */
export interface ShippingFigures {
  /** Everything up to here is in at least one region (or in the backup that the log begins at). */
  readonly revision: number;
  /** For how long the oldest change that is in no region has been waiting, in ms; or, while etcd can't be heard, since when it can't. */
  readonly lagMs: number;
  readonly connected: boolean;
  /** The last failure of the connection to etcd, null while connected. */
  readonly failure: FailureData | null;
  readonly regions: readonly RegionShipping[];
}

export interface ChangeLog {
  readonly ended: Promise<ShippingEnd>;
  figures(): ShippingFigures;
}

/**
 * Ships what changes in etcd to all regions, from where the log in them ends. Goes on from one member to the next by itself, and never
 * stops but for the reasons of `ShippingEnd`. Memory is bounded by `MOST_UNSHIPPED_BYTES` and the regions' queues, some 40 MiB with two
 * regions, when they are slow; some 100 KiB otherwise.
 */
export function shipChangeLog(options: ShipOptions): ChangeLog {
  const shipper = new Shipper(options);
  return { ended: shipper.run(), figures: () => shipper.figures() };
}

/** An end that is thrown through the loops. */
class Ended extends Error {
  readonly end: ShippingEnd;
  constructor(end: ShippingEnd) {
    super(end.kind);
    this.end = end;
  }
}

/** Changes on their way: from the cut until a region has them. */
interface OnItsWay {
  readonly bytes: number;
  readonly oldestAt: number;
}

class Shipper {
  readonly #options: ShipOptions;
  /** Ends what belongs to this run: the options' signal, or an end of its own. */
  readonly #own = new AbortController();
  readonly #unshipped = new Set<OnItsWay>();
  readonly #segments = new Map<SealedSegment, OnItsWay>();
  #queues: readonly RegionQueue[] = [];
  #writer: LogWriter | undefined;
  /** What the stored log ends with: the first thing that etcd must say again. */
  #tail: Tail | undefined;
  #shipped: number;
  #connected = false;
  #heardAt: number;
  #failure: FailureData | null = null;
  #roomMade = () => {};
  #cancelTick = () => {};

  constructor(options: ShipOptions) {
    this.#options = options;
    this.#shipped = options.after;
    this.#heardAt = options.clock.now();
  }

  figures(): ShippingFigures {
    return {
      revision: this.#shipped,
      lagMs: this.#lagMs(),
      connected: this.#connected,
      failure: this.#failure,
      regions: this.#queues.map((queue) => queue.figures()),
    };
  }

  async run(): Promise<ShippingEnd> {
    const { signal } = this.#options;
    const stop = () => this.#own.abort(new Ended({ kind: 'stopped' }));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      const writer = await this.#open();
      this.#writer = writer;
      this.#tick();
      return await this.#follow(writer);
    } catch (caught) {
      const cause = this.#own.signal.aborted ? this.#own.signal.reason : caught;
      return cause instanceof Ended ? cause.end : { kind: 'failed', failure: toFailure(cause) };
    } finally {
      signal.removeEventListener('abort', stop);
      this.#cancelTick();
      this.#own.abort(new Ended({ kind: 'stopped' }));
      this.#connected = false;
      await Promise.all(this.#queues.map(({ ended }) => ended));
    }
  }

  /** Goes on where the stored log ends. */
  async #open(): Promise<LogWriter> {
    const { cluster, history, stores, key, random, clock, after } = this.#options;
    const { signal } = this.#own;
    const last = await lastSegment(stores, cluster, history, key, signal);
    const writer = random.hex(WRITER_BYTES);
    const dataKey = await key.generate(logPurpose(cluster, writer), signal);
    this.#queues = stores.map((store) =>
      createRegionQueue({
        store,
        cluster,
        clock,
        signal,
        isSafe: (segment) => !this.#segments.has(segment),
        onShipped: (segment, region) => this.#onShipped(segment, region),
      }),
    );
    this.#tail = last?.header.tail;
    this.#shipped = last?.header.last ?? after;
    return new LogWriter({
      cluster,
      history,
      writer,
      key: dataKey,
      after: this.#shipped,
      previous: last?.sha256 ?? null,
    });
  }

  /** Follows etcd from member to member, until an end is thrown. */
  async #follow(opened: LogWriter): Promise<ShippingEnd> {
    const { endpoints, clock } = this.#options;
    let writer = opened;
    for (let turn = 0; ; turn += 1) {
      const members = endpoints();
      const endpoint = members[turn % members.length];
      try {
        if (endpoint === undefined)
          throw new Failure({ kind: 'retryable', code: 'NoHealthyMember', message: 'no member is known' });
        const again = await this.#followMember(endpoint, writer);
        // The log can't be gone on with, but a newer backup covers what is missing: it begins anew after that.
        if (again) writer = again;
      } catch (caught) {
        this.#own.signal.throwIfAborted();
        if (caught instanceof Ended) throw caught;
        this.#connected = false;
        this.#failure = toFailure(caught);
        if (this.#failure.kind === 'rejected') throw caught;
      }
      await sleep(clock, AGAIN_MS, this.#own.signal);
    }
  }

  /** Returns a new writer if the log has to begin anew; throws whatever else ends it. */
  async #followMember(endpoint: Endpoint, writer: LogWriter): Promise<LogWriter | undefined> {
    const { etcd, after } = this.#options;
    const { signal } = this.#own;
    let tail = writer.tail ?? this.#tail;
    if (tail) await this.#sameHistory(endpoint, tail);
    const fromRevision = Math.min(tail?.revision ?? Number.POSITIVE_INFINITY, writer.last + 1);
    for await (const item of etcd.watch(endpoint, { fromRevision, progressMs: PROGRESS_MS, signal })) {
      this.#connected = true;
      this.#failure = null;
      this.#heardAt = this.#options.clock.now();
      if (item.kind === 'compacted') {
        // The newest backup reaches beyond what is forgotten, and nothing is waiting: the log begins anew after that.
        if (after + 1 >= item.compactRevision && writer.bytes === 0 && this.#unshipped.size === 0)
          return this.#beginAnew(after);
        throw new Ended({ kind: 'compacted', compactRevision: item.compactRevision });
      }
      if (tail && item.revision >= tail.revision) {
        expectTail(item, tail);
        tail = undefined;
      }
      await this.#takeIn(writer, item);
    }
    signal.throwIfAborted();
    return undefined;
  }

  async #beginAnew(after: number): Promise<LogWriter> {
    const { cluster, history, key, random } = this.#options;
    const name = random.hex(WRITER_BYTES);
    const dataKey = await key.generate(logPurpose(cluster, name), this.#own.signal);
    this.#tail = undefined;
    this.#shipped = after;
    const writer = new LogWriter({ cluster, history, writer: name, key: dataKey, after, previous: null });
    this.#writer = writer;
    return writer;
  }

  /** An etcd that has not come as far as the log is another one: a watch of it would wait, and then tell of other changes. */
  async #sameHistory(endpoint: Endpoint, tail: Tail): Promise<void> {
    const { etcd } = this.#options;
    const health = await etcd.health(endpoint, 'linearizable', { signal: this.#own.signal });
    if (!health.healthy) throw new Failure({ kind: 'retryable', code: health.code, message: health.why });
    if (health.revision < tail.revision) throw new Ended({ kind: 'otherHistory', revision: tail.revision });
  }

  async #takeIn(writer: LogWriter, item: Exclude<WatchItem, { kind: 'compacted' }>): Promise<void> {
    const { clock } = this.#options;
    if (item.kind === 'changes')
      for (const revision of item.revisions) {
        writer.add(revision, item.since, clock.now());
        if (writer.full) {
          while (this.#unshipped.size >= MOST_UNSHIPPED && this.#waitingBytes() >= MOST_UNSHIPPED_BYTES)
            await this.#room();
          this.#cut();
        }
      }
    else if (writer.bytes === 0 && this.#unshipped.size === 0) {
      writer.reach(item.revision);
      this.#shipped = Math.max(this.#shipped, item.revision);
    } else writer.reach(item.revision);
  }

  /** Everything that has been seen and is in no region yet, in bytes. */
  #waitingBytes(): number {
    let bytes = this.#writer?.bytes ?? 0;
    for (const each of this.#unshipped) bytes += each.bytes;
    return bytes;
  }

  #room(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = this.#own;
      const onAbort = () => reject(signal.reason);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#roomMade = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
    });
  }

  #tick(): void {
    const { clock } = this.#options;
    this.#cancelTick = clock.after(SHIP_MS, () => {
      const lagMs = this.#lagMs();
      if (this.#connected && lagMs > BEHIND_MS) return this.#own.abort(new Ended({ kind: 'behind', lagMs }));
      if (this.#unshipped.size < MOST_UNSHIPPED) this.#cut();
      this.#tick();
    });
  }

  #cut(): void {
    const writer = this.#writer;
    const oldestAt = writer?.oldestAt;
    if (!writer || oldestAt === undefined) return;
    const onItsWay: OnItsWay = { bytes: writer.bytes, oldestAt };
    const sealing = writer.cut();
    if (!sealing) return;
    this.#unshipped.add(onItsWay);
    sealing.then(
      (segment) => {
        this.#segments.set(segment, onItsWay);
        for (const queue of this.#queues) queue.offer(segment);
      },
      (cause: unknown) => this.#own.abort(cause),
    );
  }

  #onShipped(segment: SealedSegment, region: string): void {
    const onItsWay = this.#segments.get(segment);
    // Another region was faster.
    if (!onItsWay) return;
    this.#segments.delete(segment);
    this.#unshipped.delete(onItsWay);
    const { first, last } = segment.header;
    this.#shipped = Math.max(this.#shipped, last);
    this.#roomMade();
    this.#options.onShipped?.({
      first,
      last,
      bytes: segment.stored.length,
      region,
      lagMs: this.#options.clock.now() - onItsWay.oldestAt,
    });
  }

  #lagMs(): number {
    const now = this.#options.clock.now();
    let oldest = this.#writer?.oldestAt ?? now;
    for (const each of this.#unshipped) oldest = Math.min(oldest, each.oldestAt);
    if (!this.#connected) oldest = Math.min(oldest, this.#heardAt);
    return Math.max(0, now - oldest);
  }
}

/** The log ends with a change that etcd must tell again, word for word. */
function expectTail(item: WatchItem, tail: Tail): void {
  const same =
    item.kind === 'changes' &&
    item.revisions.some(
      (each) => each.revision === tail.revision && digest(encodeRevision(each)) === tail.sha256,
    );
  if (!same) throw new Ended({ kind: 'otherHistory', revision: tail.revision });
}
