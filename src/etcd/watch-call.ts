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

export interface Calling {
  readonly endpoint: Endpoint;
  readonly tls: TlsMaterial | null;
  readonly clock: Clock;
  readonly startRevision: number;
}

/** One call of etcd's `Watch`, of all keys. */
export class WatchCall extends GrpcCall<readonly WatchMessage[]> {
  readonly #clock: Clock;
  readonly #messages = new WatchMessages();
  #gathered: Buffer[] = [];
  #bytes = 0;
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
    if (this.#gathered.length === 0)
      this.#cancelTimer = this.#clock.after(GATHER_MS, () => this.orFail(() => this.#read()));
    this.#gathered.push(data);
    this.#bytes += data.length;
    if (this.#bytes >= GATHER_BYTES) this.#read();
  }

  protected override finish(): boolean {
    this.#read();
    return this.#messages.complete;
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#cancelTimer();
    super._destroy(error, callback);
  }

  #read(): void {
    this.#cancelTimer();
    const data = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#bytes = 0;
    const messages = this.#messages.take(data);
    if (messages.length > 0) this.give(messages);
  }
}
