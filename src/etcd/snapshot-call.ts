import type { TlsMaterial } from './connections.ts';
import { GrpcCall } from './grpc-call.ts';
import type { Endpoint } from './port.ts';
import { SnapshotMessages } from './snapshot-messages.ts';

/** Pieces are given on when they have so many bytes: of the server they come in 16 KiB, each of which would be awaited. */
const PIECE_BYTES = 256 * 1024;

/** Bytes of a snapshot, in order. */
export interface SnapshotPiece {
  readonly bytes: Buffer;
  /** What the server has announced, without the SHA-256 at the end. */
  readonly databaseBytes: number;
  /** They have been read: the next piece may be written over them. */
  release(): void;
}

/** One call of etcd's `Snapshot`. */
export class SnapshotCall extends GrpcCall<SnapshotPiece> {
  readonly #messages = new SnapshotMessages((bytes) => this.#gather(bytes));
  readonly #free: Buffer[] = [];
  #piece: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #filled = 0;

  constructor(endpoint: Endpoint, tls: TlsMaterial | null) {
    const method = '/etcdserverpb.Maintenance/Snapshot';
    super({ endpoint, tls, method, request: Buffer.alloc(0), open: false });
  }

  protected override receive(data: Buffer): void {
    this.#messages.take(data);
  }

  protected override finish(): boolean {
    if (this.#messages.complete && this.#filled > 0) this.#give();
    return this.#messages.complete;
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
    this.give(piece);
  }
}
