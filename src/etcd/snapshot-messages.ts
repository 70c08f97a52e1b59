import { BYTES, NUMBER, PREFIX_BYTES, varintAt } from './protobuf.ts';

/** Fields of etcd's `SnapshotResponse` (api/etcdserverpb/rpc.proto). */
const REMAINING_BYTES = 2;
const BLOB = 3;
/** Of a field that is no blob: a header has some 40 bytes. More than that means that we read something else. */
const LONGEST_FIELD_BYTES = 1024;

/**
 * Takes the database's bytes out of a stream of gRPC messages, each a `SnapshotResponse`, wherever that is cut: without gathering a message,
 * and without a copy.
 */
export class SnapshotMessages {
  readonly #give: (bytes: Uint8Array) => void;
  /** The beginning of what can't be understood yet. */
  #begun: Buffer = Buffer.alloc(0);
  #messageLeft = 0;
  #blobLeft = 0;
  #remaining = 0;
  #databaseBytes: number | undefined;

  /** `give` gets what was taken out: views, which are read at once. */
  constructor(give: (bytes: Uint8Array) => void) {
    this.#give = give;
  }

  /** What the first message says of all that will come, without the SHA-256 after it; undefined before that has come. */
  get databaseBytes(): number | undefined {
    return this.#databaseBytes;
  }

  /** Nothing is half told. */
  get complete(): boolean {
    return this.#messageLeft === 0 && this.#begun.length === 0;
  }

  /** Takes what has come. Throws if these are no such messages. */
  take(data: Buffer): void {
    let left = this.#begun.length === 0 ? data : Buffer.concat([this.#begun, data]);
    while (left.length > 0) {
      const taken = this.#blobLeft > 0 ? this.#takeBlob(left) : this.#takeHead(left);
      if (taken === 0) break;
      left = left.subarray(taken);
    }
    if (left.length > LONGEST_FIELD_BYTES + PREFIX_BYTES)
      throw new Error('what came is no message of a snapshot: a field of it is too long');
    this.#begun = Buffer.from(left);
  }

  #takeBlob(from: Buffer): number {
    const bytes = from.subarray(0, this.#blobLeft);
    this.#blobLeft -= bytes.length;
    this.#messageLeft -= bytes.length;
    this.#give(bytes);
    return bytes.length;
  }

  /** A message's prefix, or a field of it as far as its blob. 0: it has not come as a whole. */
  #takeHead(from: Buffer): number {
    if (this.#messageLeft === 0) {
      if (from.length < PREFIX_BYTES) return 0;
      if (from.readUInt8() !== 0) throw new Error('what came is compressed, which was not asked for');
      this.#messageLeft = from.readUInt32BE(1);
      return PREFIX_BYTES;
    }
    const tag = from.readUInt8();
    const kind = tag & 7;
    const field = tag >> 3;
    if (kind !== NUMBER && kind !== BYTES)
      throw new Error(`what came is no message of a snapshot: tag ${tag}`);
    const number = varintAt(from, 1);
    if (number === undefined) return 0;
    let end = number.end;
    if (field === REMAINING_BYTES) this.#remaining = number.value;
    if (field === BLOB) {
      this.#blobLeft = number.value;
      this.#databaseBytes ??= number.value + this.#remaining;
    } else if (kind === BYTES) end += number.value;
    if (end > from.length) return 0;
    this.#messageLeft -= end;
    if (this.#messageLeft < this.#blobLeft)
      throw new Error('what came is no message of a snapshot: it ends too early');
    return end;
  }
}
