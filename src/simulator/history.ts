import { createHash } from 'node:crypto';

/** Lines kept for a story around a violation; the digest is over all of them. */
const keptLines = 200;

/** Everything that happened, in order: a digest of it all, and the newest of it to read. */
export class History {
  readonly #digest = createHash('sha256');
  readonly #start: number;
  readonly #lines: string[] = [];
  count = 0;

  constructor(startMs: number) {
    this.#start = startMs;
  }

  add(at: number, text: string): void {
    const line = `${this.#time(at)} ${text}`;
    this.#digest.update(`${line}\n`);
    this.count += 1;
    this.#lines.push(line);
    if (this.#lines.length > keptLines) this.#lines.shift();
  }

  /** The newest lines. */
  newest(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }

  /** Of all lines so far. Call it once, at the end. */
  digest(): string {
    return this.#digest.digest('hex');
  }

  /** Since the start, as `hh:mm:ss.mmm`. */
  #time(at: number): string {
    const ms = at - this.#start;
    const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
    const rest = String(ms % 1_000).padStart(3, '0');
    return `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1_000) % 60)}.${rest}`;
  }
}
