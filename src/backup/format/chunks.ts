/**
 * Cuts a stream into pieces of exactly `bytes` bytes, all but the last, which is never empty. The pieces are copies: nothing is shared
 * with the source.
 */
export async function* chunksOf(source: AsyncIterable<Uint8Array>, bytes: number): AsyncIterable<Buffer> {
  let chunk = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  for await (const piece of source) {
    for (let taken = 0; taken < piece.length; ) {
      const size = Math.min(bytes - filled, piece.length - taken);
      chunk.set(piece.subarray(taken, taken + size), filled);
      taken += size;
      filled += size;
      if (filled < bytes) continue;
      yield chunk;
      chunk = Buffer.allocUnsafeSlow(bytes);
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
