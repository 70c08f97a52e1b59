import { createHash, type Hash } from 'node:crypto';
import { Failure } from '../failure.ts';
import { failureOf } from './failures.ts';
import type { SnapshotStream } from './port.ts';
import type { SnapshotPiece } from './snapshot-call.ts';

/** Of the SHA-256 that etcd sends after its database. */
const checksumBytes = 32;

/**
 * Gives the pieces on as they come, and throws at the end if they are not what the server read from its disk. They are hashed once:
 * the sum of the database, which the server sends after it, is on the way to that of all bytes.
 */
export function verified(
  first: SnapshotPiece,
  rest: AsyncGenerator<SnapshotPiece>,
  what: string,
  signal: AbortSignal | undefined,
): Pick<SnapshotStream, 'sizeBytes' | 'bytes' | 'sha256'> {
  const digest = new Digest(first.databaseBytes);
  let whole: string | undefined;
  async function* bytes(): AsyncGenerator<Uint8Array> {
    try {
      for (let piece: SnapshotPiece | undefined = first; piece !== undefined; ) {
        digest.take(piece.bytes);
        yield piece.bytes;
        piece.release();
        const next: IteratorResult<SnapshotPiece> = await rest.next();
        piece = next.done ? undefined : next.value;
      }
    } catch (caught) {
      throw failureOf(caught, what);
    } finally {
      await rest.return(undefined);
    }
    signal?.throwIfAborted();
    const wrong = digest.wrong();
    if (wrong !== null)
      throw new Failure({
        kind: 'rejected',
        code: 'SnapshotBroken',
        message: `${what}: ${wrong}. Take it anew, or of another member`,
      });
    whole = digest.ofAll();
  }
  return {
    sizeBytes: first.databaseBytes + checksumBytes,
    bytes: bytes(),
    sha256() {
      if (whole === undefined) throw new Error(`${what} has not been read to its end`);
      return whole;
    },
  };
}

/** A SHA-256 over the database, to be compared with the one that follows it, and over both. */
class Digest {
  readonly #hash: Hash = createHash('sha256');
  readonly #databaseBytes: number;
  readonly #told: Uint8Array[] = [];
  #taken = 0;

  constructor(databaseBytes: number) {
    this.#databaseBytes = databaseBytes;
  }

  take(piece: Uint8Array): void {
    const ofDatabase = Math.max(0, Math.min(piece.length, this.#databaseBytes - this.#taken));
    if (ofDatabase > 0) this.#hash.update(ofDatabase < piece.length ? piece.subarray(0, ofDatabase) : piece);
    if (ofDatabase < piece.length) this.#told.push(Buffer.from(piece.subarray(ofDatabase)));
    this.#taken += piece.length;
  }

  /** What is wrong with all that came, or null. */
  wrong(): string | null {
    const whole = this.#databaseBytes + checksumBytes;
    if (this.#taken !== whole) return `${this.#taken} bytes came, and ${whole} were announced`;
    return Buffer.concat(this.#told).equals(this.#hash.copy().digest())
      ? null
      : 'its SHA-256 is not the announced one';
  }

  ofAll(): string {
    for (const piece of this.#told) this.#hash.update(piece);
    return this.#hash.digest('hex');
  }
}
