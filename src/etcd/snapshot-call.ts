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
import { SnapshotMessages } from './snapshot-messages.ts';

/** Pieces are given on when they have so many bytes: of the server they come in 16 KiB, each of which would be awaited. */
const PIECE_BYTES = 256 * 1024;
/** An empty request in gRPC's frame: not compressed, no bytes. */
const emptyRequest = Buffer.alloc(5);
/** gRPC's own words, as far as `failureOf` knows them. */
const statusNames: Readonly<Record<string, string>> = {
  '3': 'INVALID_ARGUMENT',
  '9': 'FAILED_PRECONDITION',
  '11': 'OUT_OF_RANGE',
  '12': 'UNIMPLEMENTED',
  '14': 'UNAVAILABLE',
  '16': 'UNAUTHENTICATED',
};

/** Bytes of a snapshot, in order. */
export interface SnapshotPiece {
  readonly bytes: Buffer;
  /** What the server has announced, without the SHA-256 at the end. */
  readonly databaseBytes: number;
  /** They have been read: the next piece may be written over them. */
  release(): void;
}

/**
 * One call of etcd's `Snapshot`, on an HTTP/2 connection of its own: a stream of `SnapshotPiece`, as `messagesOf` reads them. gRPC's library
 * takes three times the processor for it: it puts each 32 KiB together, copies them, and makes objects of what is around them.
 */
export class SnapshotCall extends Readable {
  readonly #session: ClientHttp2Session;
  readonly #messages = new SnapshotMessages((bytes) => this.#gather(bytes));
  readonly #free: Buffer[] = [];
  #request: ClientHttp2Stream | undefined;
  #piece: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #filled = 0;

  constructor(endpoint: Endpoint, tls: TlsMaterial | null) {
    super({ objectMode: true, highWaterMark: 1 });
    this.#session = connect(endpoint, {
      ...tls,
      settings: { enablePush: false, initialWindowSize: windowBytes },
    });
    this.#session.on('error', (cause) => {
      const why = this.#request === undefined ? 'No connection established' : 'the connection broke';
      this.destroy(new Error(`${why}: ${cause.message}`, { cause }));
    });
    this.#session.on('close', () => this.destroy(new Error('the connection ended')));
    this.#session.once('connect', () => this.#ask(this.#session));
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

  #ask(session: ClientHttp2Session): void {
    session.setLocalWindowSize(windowBytes);
    const request = session.request({
      ':method': 'POST',
      ':path': '/etcdserverpb.Maintenance/Snapshot',
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
    request.on('data', (data: Buffer) => {
      try {
        this.#messages.take(data);
      } catch (caught) {
        this.destroy(caught instanceof Error ? caught : new Error(String(caught)));
      }
    });
    request.on('end', () => this.#finish(told));
    request.end(emptyRequest);
  }

  #gather(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length; ) {
      const size = Math.min(PIECE_BYTES - this.#filled, bytes.length - taken);
      this.#piece.set(bytes.subarray(taken, taken + size), this.#filled);
      taken += size;
      this.#filled += size;
      if (this.#filled === PIECE_BYTES) this.#give();
    }
  }

  #give(): void {
    const buffer = this.#piece;
    const piece: SnapshotPiece = {
      bytes: buffer.subarray(0, this.#filled),
      databaseBytes: this.#messages.databaseBytes ?? 0,
      release: () => void this.#free.push(buffer),
    };
    this.#piece = this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.#filled = 0;
    if (!this.push(piece)) this.#request?.pause();
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
    if (!this.#messages.complete) return void this.destroy(new Error('the call ended within a message'));
    if (this.#filled > 0) this.#give();
    this.push(null);
    this.emit('status', { code: 0 });
  }
}
