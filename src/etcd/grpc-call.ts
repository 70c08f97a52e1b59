import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { Readable } from 'node:stream';
import type { TlsMaterial } from './connections.ts';
import { windowBytes } from './limits.ts';
import type { Endpoint } from './port.ts';
import { PREFIX_BYTES } from './protobuf.ts';

/** gRPC's own words, as far as `failureOf` knows them. */
const statusNames: Readonly<Record<string, string>> = {
  '3': 'INVALID_ARGUMENT',
  '9': 'FAILED_PRECONDITION',
  '11': 'OUT_OF_RANGE',
  '12': 'UNIMPLEMENTED',
  '14': 'UNAVAILABLE',
  '16': 'UNAUTHENTICATED',
};

export interface Calling {
  readonly endpoint: Endpoint;
  readonly tls: TlsMaterial | null;
  /** Such as `/etcdserverpb.Watch/Watch`. */
  readonly method: string;
  /** The first request. */
  readonly request: Buffer;
  /** Others may follow, with `send`. */
  readonly open: boolean;
}

/**
 * One call of etcd's that answers with a stream, on an HTTP/2 connection of its own: what comes is given as `Item`s, as `messagesOf` reads
 * them. gRPC's library takes several times the processor for it (docs/decisions/etcd-adapter.md).
 */
export abstract class GrpcCall<Item> extends Readable {
  readonly #calling: Calling;
  readonly #session: ClientHttp2Session;
  #isConnected = false;
  #request: ClientHttp2Stream | undefined;

  constructor(calling: Calling) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#calling = calling;
    this.#session = connect(calling.endpoint, {
      ...calling.tls,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    this.#session.on('error', (cause) => {
      const why = this.#isConnected ? 'the connection broke' : 'No connection established';
      this.destroy(new Error(`${why}: ${cause.message}`, { cause }));
    });
    this.#session.on('close', () => this.destroy(new Error('the connection ended')));
    this.#session.once('connect', () => {
      this.#isConnected = true;
      this.#session.setLocalWindowSize(windowBytes);
      this.#ask(calling.request);
    });
  }

  /** Takes bytes as they come: gRPC's frames, cut anywhere. Throws if these are not what was asked for. */
  protected abstract receive(data: Buffer): void;
  /** All has come: gives what was kept back. False: it ended within a message. */
  protected abstract finish(): boolean;

  protected give(item: Item): void {
    if (!this.push(item)) this.#request?.pause();
  }

  /** What is thrown ends the call: it is no message of the server's. */
  protected orFail(run: () => void): void {
    try {
      run();
    } catch (caught) {
      this.destroy(caught instanceof Error ? caught : new Error(String(caught)));
    }
  }

  /** Another request. Nothing happens if the call has not begun, or has ended. */
  protected send(request: Buffer): void {
    if (this.#request?.writable) this.#request.write(framed(request));
  }

  /** Ends what is under way; the connection stays, for `askAgain`. */
  protected hangUp(): void {
    const request = this.#request;
    this.#request = undefined;
    request?.close(constants.NGHTTP2_CANCEL);
  }

  /** After `hangUp`: the same method with another request. */
  protected askAgain(request: Buffer): void {
    if (!this.destroyed) this.#ask(request);
  }

  /** Ends it from our side. */
  cancel(): void {
    this.destroy();
  }

  override _read(): void {
    this.#request?.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#session.destroy();
    callback(error);
  }

  #ask(first: Buffer): void {
    const { method, open } = this.#calling;
    const request = this.#session.request({
      ':method': 'POST',
      ':path': method,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#request = request;
    // What is refused at once has its status where others have their headers.
    let told: IncomingHttpHeaders = {};
    const hear = (headers: IncomingHttpHeaders) => {
      told = { ...told, ...headers };
    };
    const ifCurrent = (run: () => void) => {
      if (this.#request === request) this.orFail(run);
    };
    request.on('response', hear);
    request.on('trailers', hear);
    request.on('error', (cause) => ifCurrent(() => this.destroy(cause)));
    request.on('data', (data: Buffer) => ifCurrent(() => this.receive(data)));
    request.on('end', () => ifCurrent(() => this.#finish(told)));
    request.write(framed(first));
    if (!open) request.end();
  }

  #finish(told: IncomingHttpHeaders): void {
    const { ':status': http, 'grpc-status': code, 'grpc-message': words } = told;
    if (code !== '0')
      return void this.destroy(
        new Error(
          code === undefined
            ? `the call ended without a status (HTTP ${http})`
            : `${code} ${statusNames[String(code)] ?? 'status'}: ${decodeURIComponent(String(words ?? ''))}`,
        ),
      );
    if (!this.finish()) return void this.destroy(new Error('the call ended within a message'));
    this.push(null);
  }
}

/** In gRPC's frame: not compressed, and its length. */
function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}
