import type { Transition } from '../runtime/types.ts';
import { inWords, type Tone } from './story.ts';

/** One line of what happened. `number` counts the lines from 1; `at` is epoch ms of the cluster's clock. */
export interface ChronicleLine {
  readonly number: number;
  readonly at: number;
  /** Null: of the whole cluster. */
  readonly slot: string | null;
  readonly text: string;
  readonly tone: Tone;
}

/** Lines kept of each node, and of the cluster: three whole climbs, which is what a person reads. */
const linesEach = 60;
/** Lines kept in all: 10,000 nodes can't fill the memory with their stories. The oldest node's story goes first. */
const linesInAll = 20_000;

/** What happened of late, in words, by node and for the whole cluster. It begins anew with the process: the record itself is the log. */
export class Chronicle {
  readonly #bySlot = new Map<string | null, ChronicleLine[]>();
  #kept = 0;
  #count = 0;

  /** Listens to a runtime: `runtime.onTransition((t) => chronicle.heard(t))`. */
  heard(transition: Transition): void {
    const words = inWords(transition);
    if (words !== null) this.add(transition.at, words);
  }

  add(at: number, words: { readonly slot: string | null; readonly text: string; readonly tone: Tone }): void {
    this.#count += 1;
    const lines = this.#bySlot.get(words.slot) ?? [];
    // Put at the end of the map again, so that its first is the one that was silent for longest.
    this.#bySlot.delete(words.slot);
    this.#bySlot.set(words.slot, lines);
    lines.push({ number: this.#count, at, ...words });
    this.#kept += 1;
    if (lines.length > linesEach) {
      lines.shift();
      this.#kept -= 1;
    }
    while (this.#kept > linesInAll) this.#forgetOldest();
  }

  /** Newest last. */
  of(slot: string | null): readonly ChronicleLine[] {
    return this.#bySlot.get(slot) ?? [];
  }

  /** The newest of all, cluster and nodes, newest last. */
  newest(count: number): readonly ChronicleLine[] {
    return [...this.#bySlot.values()]
      .flatMap((lines) => lines.slice(-count))
      .sort((a, b) => a.number - b.number)
      .slice(-count);
  }

  /** Number of the newest line of a node: whoever has seen that one has seen all. 0 before the first. */
  newestNumber(slot: string | null): number {
    return this.#bySlot.get(slot)?.at(-1)?.number ?? 0;
  }

  /** Number of the newest line of all. */
  get count(): number {
    return this.#count;
  }

  #forgetOldest(): void {
    const oldest = this.#bySlot.entries().next().value;
    if (oldest === undefined) return;
    this.#bySlot.delete(oldest[0]);
    this.#kept -= oldest[1].length;
  }
}
