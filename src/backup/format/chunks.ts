/** Buffers that are used again: a fresh MiB for each chunk of a large stream would be garbage faster than it is collected. */
export class BufferPool {
  readonly #bytes: number;
  readonly #free: Buffer[] = [];

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#bytes);
  }

  /** Nobody uses it any more. A piece of one is let go. */
  give(buffer: Buffer): void {
    if (buffer.length === this.#bytes) this.#free.push(buffer);
  }
}

/**
 * Cuts a stream into pieces of exactly `bytes` bytes, all but the last, which is never empty. The pieces are copies out of the pool:
 * nothing is shared with the source, and whoever is done with one gives it back.
 */
export async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
  pool: BufferPool,
): AsyncIterable<Buffer> {
  let chunk = pool.take();
  let filled = 0;
  for await (const piece of source) {
    for (let taken = 0; taken < piece.length; ) {
      const size = Math.min(bytes - filled, piece.length - taken);
      chunk.set(piece.subarray(taken, taken + size), filled);
      taken += size;
      filled += size;
      if (filled < bytes) continue;
      yield chunk;
      chunk = pool.take();
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** Takes exact numbers of bytes off a stream of pieces of any size. Holds one piece beyond what was asked for. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#pieces = source[Symbol.asyncIterator]();
  }

  /** The next `bytes` bytes; fewer only at the stream's end. */
  async take(bytes: number): Promise<Buffer> {
    const taken = Buffer.allocUnsafeSlow(bytes);
    let filled = 0;
    while (filled < bytes) {
      if (this.#at === this.#piece.length) {
        const next = await this.#pieces.next();
        if (next.done) break;
        this.#piece = next.value;
        this.#at = 0;
      }
      const size = Math.min(bytes - filled, this.#piece.length - this.#at);
      taken.set(this.#piece.subarray(this.#at, this.#at + size), filled);
      this.#at += size;
      filled += size;
    }
    return taken.subarray(0, filled);
  }

  /** Ends the stream early. */
  async leave(): Promise<void> {
    await this.#pieces.return?.();
  }
}
