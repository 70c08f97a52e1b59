import type { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { GrpcCall } from './grpc-call.ts';

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
 * caller that leaves its loop) ends the call. Errors are the call's, as they are.
 */
export async function* messagesOf<T>(call: GrpcCall<T>, listening: Listening): AsyncGenerator<T> {
  const inbox = new Inbox(call);
  try {
    for (;;) {
      const message = await inbox.next(listening);
      if (message === null) return;
      yield message.value;
    }
  } finally {
    call.cancel();
  }
}

class Inbox<T> {
  readonly #call: GrpcCall<T>;
  readonly #waiting: T[] = [];
  #ended = false;
  #error: Error | null = null;
  #wake: () => void = () => {};

  constructor(call: GrpcCall<T>) {
    this.#call = call;
    call.on('data', (message: T) => {
      this.#waiting.push(message);
      if (this.#waiting.length >= fewWaiting) call.pause();
      this.#wake();
    });
    call.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
    call.on('end', () => {
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
      if (this.#ended) return null;
      this.#call.resume();
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
