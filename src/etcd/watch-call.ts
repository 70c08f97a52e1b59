import type { Clock } from '../runtime/clock.ts';
import type { TlsMaterial } from './connections.ts';
import { GrpcCall } from './grpc-call.ts';
import type { Endpoint } from './port.ts';
import { createRequest, progressRequest, type WatchMessage, WatchMessages } from './watch-messages.ts';

/**
 * What comes is read so long after its first byte, in ms, all of it at once: of a busy etcd's thousands of messages a second each would be
 * read and awaited by itself.
 */
const GATHER_MS = 100;
/** The same, in bytes: at three thousand writes a second no more come in that time. */
const GATHER_BYTES = 512 * 1024;
/** A member that tells so many changes in that time is busy: each that it tells by itself costs it twice what one of many does. */
const BUSY_CHANGES = 20;
/** For so long a busy member is not asked, in ms. At three thousand writes a second it tells the rest in one message (of 1,000 revisions at most). */
const PAUSE_MS = 200;

export interface Calling {
  readonly endpoint: Endpoint;
  readonly tls: TlsMaterial | null;
  readonly clock: Clock;
  readonly startRevision: number;
}

/** What has been read at once. */
export interface Heard {
  readonly messages: readonly WatchMessage[];
  /** Since when the oldest change in it may have been waiting, epoch ms. */
  readonly since: number;
}

/**
 * A watch of all keys. While a member is busy it is not listened to all the time, but asked several times a second what has happened
 * since: it reads that from its database at once, where a listener costs it a message and its encryption for each write. It tells the
 * last revision again then.
 */
export class WatchCall extends GrpcCall<Heard> {
  readonly #clock: Clock;
  #messages = new WatchMessages();
  #gathered: Buffer[] = [];
  #bytes = 0;
  /** Of a busy member that has been asked again and has told nothing yet: until when it was listened to. */
  #listenedAt: number | undefined;
  /** When the first byte of what has been gathered came. */
  #begunAt = 0;
  #cancelTimer = () => {};

  constructor({ endpoint, tls, clock, startRevision }: Calling) {
    const method = '/etcdserverpb.Watch/Watch';
    super({ endpoint, tls, method, request: createRequest(startRevision), open: true });
    this.#clock = clock;
  }

  askForProgress(): void {
    this.send(progressRequest);
  }

  protected override receive(data: Buffer): void {
    if (this.#gathered.length === 0) {
      this.#begunAt = this.#clock.now();
      this.#cancelTimer = this.#after(GATHER_MS, () => this.#read());
    }
    this.#gathered.push(data);
    this.#bytes += data.length;
    if (this.#listenedAt !== undefined || this.#bytes >= GATHER_BYTES) this.#read();
  }

  protected override finish(): boolean {
    this.#take();
    return this.#messages.complete;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#cancelTimer();
    super._destroy(error, callback);
  }

  /** Gives what is whole of what has been gathered. */
  #take(): readonly WatchMessage[] {
    this.#cancelTimer();
    const data = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#bytes = 0;
    const messages = this.#messages.take(data);
    if (messages.length > 0) this.give({ messages, since: this.#listenedAt ?? this.#begunAt });
    return messages;
  }

  #read(): void {
    const telling = this.#take().filter((message) => message.changes.length > 0);
    const last = telling.at(-1);
    const told = last?.changes.at(-1)?.modRevision;
    if (last === undefined || told === undefined) return;
    this.#listenedAt = undefined;
    const changes = telling.reduce((sum, message) => sum + message.changes.length, 0);
    // While a message does not reach the revision that its member has, another follows by itself.
    if (changes >= BUSY_CHANGES && told >= last.revision && !last.fragment) this.#pause(told);
  }

  #pause(told: number): void {
    this.hangUp();
    this.#messages = new WatchMessages();
    const listenedAt = this.#clock.now();
    this.#cancelTimer = this.#after(PAUSE_MS, () => {
      this.#listenedAt = listenedAt;
      // From what it has told, not from what comes next: etcd tells no progress of a watch that begins in the future.
      this.askAgain(createRequest(told));
    });
  }

  #after(ms: number, run: () => void): () => void {
    return this.#clock.after(ms, () => this.orFail(run));
  }
}
