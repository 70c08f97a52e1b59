import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
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
  readonly #session: ClientHttp2Session;
  #request: ClientHttp2Stream | undefined;

  constructor(calling: Calling) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#session = connect(calling.endpoint, {
      ...calling.tls,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    this.#session.on('error', (cause) => {
      const why = this.#request === undefined ? 'No connection established' : 'the connection broke';
      this.destroy(new Error(`${why}: ${cause.message}`, { cause }));
    });
    this.#session.on('close', () => this.destroy(new Error('the connection ended')));
    this.#session.once('connect', () => this.#ask(this.#session, calling));
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

  #ask(session: ClientHttp2Session, calling: Calling): void {
    session.setLocalWindowSize(windowBytes);
    const request = session.request({
      ':method': 'POST',
      ':path': calling.method,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    this.#request = request;
    // What is refused at once has its status where others have their headers.
    let told: IncomingHttpHeaders = {};
    const hear = (headers: IncomingHttpHeaders) => {
      told = { ...told, ...headers };
    };
    request.on('response', hear);
    request.on('trailers', hear);
    request.on('error', (cause) => this.destroy(cause));
    request.on('data', (data: Buffer) => this.orFail(() => this.receive(data)));
    request.on('end', () => this.orFail(() => this.#finish(told)));
    request.write(framed(calling.request));
    if (!calling.open) request.end();
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
