import type { RevisionChanges } from '../../etcd/port.ts';
import type { DataKey } from '../keys/account-key.ts';
import { encodedBytes, writeRevision } from './encoding.ts';
import { digest, SEGMENT_BYTES, type SealedSegment, type SegmentHeader, sealSegment } from './segment.ts';

/** Revisions are written into buffers of so many bytes: one for each of thousands a second would be work for the garbage collector. */
const BUFFER_BYTES = 256 * 1024;

/** A revision, and the hash of what it changed. */
export type Tail = SegmentHeader['tail'];

export interface WriterOptions {
  readonly cluster: string;
  readonly history: string;
  readonly writer: string;
  readonly key: DataKey;
  /** Everything up to this revision is in the log (or in the backup that it begins at). */
  readonly after: number;
  /** The segment that is gone on from. */
  readonly previous: string | null;
}

/** Gathers changes, and makes segments of them, each of which names the one before. */
export class LogWriter {
  readonly #options: WriterOptions;
  /** Of buffers that are full, since the last segment. */
  #encoded: Buffer[] = [];
  /** The one that is being filled: up to `#from` it belongs to segments before. */
  #buffer: Buffer = Buffer.alloc(0);
  #from = 0;
  #filled = 0;
  #bytes = 0;
  #first: number;
  #last: number;
  #oldestAt: number | undefined;
  #newestAt = 0;
  /** The last revision taken in. It is hashed when that is asked for: of a busy etcd's thousands a second one counts. */
  #newest:
    | { readonly revision: number; readonly within: Buffer; readonly start: number; readonly end: number }
    | undefined;
  #tail: Tail | undefined;
  #sequence = 0;
  #previous: Promise<string | null>;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#first = options.after + 1;
    this.#last = options.after;
    this.#previous = Promise.resolve(options.previous);
  }

  /** Of changes that are in no segment yet. */
  get bytes(): number {
    return this.#bytes;
  }
  /** Since when the oldest of them may have been waiting to be seen, epoch ms. */
  get oldestAt(): number | undefined {
    return this.#oldestAt;
  }
  /** Everything up to here has been taken in. */
  get last(): number {
    return this.#last;
  }
  /** A segment more would be too large. */
  get full(): boolean {
    return this.#bytes >= SEGMENT_BYTES;
  }
  /** The last revision that changed anything; undefined until one did. */
  get tail(): Tail | undefined {
    const newest = this.#newest;
    if (newest !== undefined && newest.revision !== this.#tail?.revision)
      this.#tail = {
        revision: newest.revision,
        sha256: digest(newest.within.subarray(newest.start, newest.end)),
      };
    return this.#tail;
  }

  /** Takes in a revision that was seen at `now`, and may have been waiting for that `since`, epoch ms. One that is in the log already is left out. */
  add(revision: RevisionChanges, since: number, now: number): void {
    if (revision.revision <= this.#last) return;
    const bytes = encodedBytes(revision);
    if (bytes > this.#buffer.length - this.#filled) this.#open(Math.max(bytes, BUFFER_BYTES));
    const start = this.#filled;
    this.#filled = writeRevision(this.#buffer, start, revision);
    this.#bytes += bytes;
    this.#last = revision.revision;
    this.#oldestAt ??= since;
    this.#newestAt = now;
    this.#newest = { revision: revision.revision, within: this.#buffer, start, end: this.#filled };
  }

  /** Nothing up to and including `revision` is still to come. */
  reach(revision: number): void {
    this.#last = Math.max(this.#last, revision);
  }

  /** A segment of what there is; undefined if that is nothing. Several may be in the making: each waits for the one before. */
  cut(): Promise<SealedSegment> | undefined {
    const { tail } = this;
    if (tail === undefined || this.#oldestAt === undefined) return undefined;
    const { cluster, history, writer, key } = this.#options;
    const header = {
      cluster,
      history,
      writer,
      sequence: this.#sequence,
      first: this.#first,
      last: this.#last,
      oldestAt: this.#oldestAt,
      newestAt: this.#newestAt,
      tail,
    };
    this.#put();
    const encoded = this.#encoded;
    const sealing = this.#previous.then((previous) => sealSegment({ ...header, previous }, encoded, key));
    this.#previous = sealing.then(({ sha256 }) => sha256);
    this.#previous.catch(() => undefined);
    this.#sequence += 1;
    this.#first = this.#last + 1;
    this.#encoded = [];
    this.#bytes = 0;
    this.#oldestAt = undefined;
    return sealing;
  }

  #open(bytes: number): void {
    this.#put();
    this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#from = 0;
    this.#filled = 0;
  }

  /** What has been filled since the last segment goes into the next one. */
  #put(): void {
    if (this.#filled > this.#from) this.#encoded.push(this.#buffer.subarray(this.#from, this.#filled));
    this.#from = this.#filled;
  }
}
