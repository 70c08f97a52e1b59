import { Readable } from 'node:stream';
import type { IResponseStream } from 'etcd3';
import type { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';

/** Messages that wait in here before the server is asked to pause: one to give, one to come. */
const fewWaiting = 2;

export interface Listening {
  readonly clock: Clock;
  /** Without a message for so long while one is waited for, in ms, it fails with what `idle` gives. */
  readonly idleMs: number;
  readonly idle: () => Failure;
  /** Once it is aborted the iteration ends, without an error. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The messages of a call, asked of the server as they are taken. Whatever ends the iteration (the server, an error, the signal, the
 * caller that leaves its loop) ends the call. Errors are those of gRPC, as they are.
 */
export async function* messagesOf<T>(stream: IResponseStream<T>, listening: Listening): AsyncGenerator<T> {
  const inbox = new Inbox(stream);
  try {
    for (;;) {
      const message = await inbox.next(listening);
      if (message === null) return;
      yield message.value;
    }
  } finally {
    endCall(stream);
  }
}

/** Ends a call from our side. */
export function endCall(stream: IResponseStream<unknown>): void {
  if ('cancel' in stream && typeof stream.cancel === 'function') stream.cancel();
}

class Inbox<T> {
  readonly #stream: IResponseStream<T>;
  readonly #waiting: T[] = [];
  #ended = false;
  #succeeded = false;
  #error: Error | null = null;
  #wake: () => void = () => {};

  constructor(stream: IResponseStream<T>) {
    this.#stream = stream;
    stream.on('data', (message) => {
      this.#waiting.push(message);
      if (this.#waiting.length >= fewWaiting && stream instanceof Readable) stream.pause();
      this.#wake();
    });
    stream.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
    // The status may come while messages are still in the stream's own buffer: only both together are the end.
    stream.on('status', ({ code }) => {
      this.#succeeded = code === 0;
      this.#wake();
    });
    stream.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The next message; null at the end. */
  async next({ clock, idleMs, idle, signal }: Listening): Promise<{ readonly value: T } | null> {
    for (;;) {
      if (signal?.aborted) return null;
      const value = this.#waiting.shift();
      if (value !== undefined) return { value };
      if (this.#error !== null) throw this.#error;
      if (this.#ended && this.#succeeded) return null;
      if (this.#stream instanceof Readable) this.#stream.resume();
      const timely = await new Promise<boolean>((resolve) => {
        const cancel = clock.after(idleMs, () => resolve(false));
        const wake = () => {
          cancel();
          signal?.removeEventListener('abort', wake);
          resolve(true);
        };
        this.#wake = wake;
        signal?.addEventListener('abort', wake, { once: true });
      });
      this.#wake = () => {};
      if (!timely) throw idle();
    }
  }
}
