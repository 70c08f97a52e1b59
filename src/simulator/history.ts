import { createHash } from 'node:crypto';
import type { ActorEvent } from '../runtime/types.ts';

/** Lines kept for a story around a violation; the digest is over all of them. */
const keptLines = 2_000;
/** Characters that the digest is given at a time. */
const digestedAtOnce = 8_192;
/** Faults that are told although they struck before all other lines of a story. */
const keptFaults = 30;
const isFault = /^fault \d+: /;

interface Line {
  readonly at: number;
  /** The slot that it concerns; null: everybody. */
  readonly slot: string | null;
  readonly text: string;
}

/** Everything that happened, in order: a digest of it all, and the newest of it to read. */
export class History {
  readonly #digest = createHash('sha256');
  /** Not in the digest yet: to give it a line at a time is dear. */
  #undigested = '';
  readonly #start: number;
  #lines: Line[] = [];
  #faults: Line[] = [];
  count = 0;

  constructor(startMs: number) {
    this.#start = startMs;
  }

  /** `slot`: the slot that it concerns, null for everybody. `at` in epoch ms. */
  add(at: number, slot: string | null, text: string): void {
    this.#undigested += `${at - this.#start} ${slot ?? ''} ${text}\n`;
    if (this.#undigested.length >= digestedAtOnce) this.#digestNow();
    this.count += 1;
    const line = { at, slot, text };
    this.#lines.push(line);
    if (isFault.test(text)) this.#faults = [...this.#faults.slice(1 - keptFaults), line];
    // Half of it at once: a shift for each line would move them all each time.
    if (this.#lines.length >= 2 * keptLines) this.#lines = this.#lines.slice(-keptLines);
  }

  /**
   * The newest lines that concern these slots, or everybody, at most so many, and before them the faults that struck earlier. Times are
   * relative to `at`: `-0:03:20.500` is three minutes before it. No slots: the lines of all.
   */
  story(slots: ReadonlySet<string>, at: number, most: number): readonly string[] {
    const told = (line: Line) =>
      `${before(at - line.at)}  ${line.slot === null ? '' : `${line.slot}: `}${line.text}`;
    const newest = this.#lines
      .slice(-keptLines)
      .filter(({ slot }) => slot === null || slots.size === 0 || slots.has(slot))
      .slice(-most);
    const earlier = this.#faults.filter((fault) => !newest.includes(fault));
    return [...earlier.map(told), ...(earlier.length > 0 ? ['…'] : []), ...newest.map(told)];
  }

  /** Of all lines so far. Call it once, at the end. */
  digest(): string {
    this.#digestNow();
    return this.#digest.digest('hex');
  }

  #digestNow(): void {
    this.#digest.update(this.#undigested);
    this.#undigested = '';
  }
}

function before(ms: number): string {
  const two = (value: number) => String(Math.floor(value) % 60).padStart(2, '0');
  const hours = Math.floor(ms / 3_600_000);
  const rest = String(ms % 1_000).padStart(3, '0');
  return `${ms === 0 ? ' ' : '-'}${hours}:${two(ms / 60_000)}:${two(ms / 1_000)}.${rest}`;
}

/** An event of a machine, for people: XState names its own after the state that asked. */
export function eventInWords({ type, error }: ActorEvent): string {
  const [, kind, what] = /^xstate\.(after|done\.actor|error\.actor)\.([^.]+)/.exec(type) ?? [];
  if (kind === 'after') return `the time of ${what} is over`;
  if (kind === 'done.actor') return `${what} is done`;
  if (kind !== 'error.actor') return type;
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  return `${what} failed${typeof code === 'string' ? ` with ${code}` : ''}`;
}
