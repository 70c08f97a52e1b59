import type { Clock } from '../../runtime/clock.ts';
import { span } from '../table.ts';

/** Between two lines, in ms: as often as an eye takes in. */
const everyMs = 250;

/** One line on a terminal that says how far a run is. */
export class Progress {
  readonly #clock: Clock;
  readonly #out: { write(text: string): unknown };
  readonly #seeds: number;
  readonly #startedAt: number;
  #shownAt = 0;

  constructor(clock: Clock, out: { write(text: string): unknown }, seeds: number) {
    this.#clock = clock;
    this.#out = out;
    this.#seeds = seeds;
    this.#startedAt = clock.now();
  }

  show(done: number, failed: number): void {
    const now = this.#clock.now();
    if (now - this.#shownAt < everyMs && done < this.#seeds) return;
    this.#shownAt = now;
    this.#line(progressText(done, this.#seeds, now - this.#startedAt, failed));
  }

  say(text: string): void {
    this.#line(text);
  }

  /** Takes the line away, so that the report begins on an empty one. */
  end(): void {
    this.#line('');
  }

  #line(text: string): void {
    this.#out.write(`\r\u001b[K${text}`);
  }
}

/** `37 of 1000 seeds, 3.1 a second, 5m10s left, no violation`. */
export function progressText(done: number, seeds: number, elapsedMs: number, failed: number): string {
  const perSecond = elapsedMs === 0 ? 0 : (done / elapsedMs) * 1_000;
  const left = perSecond === 0 ? '' : `, ${span(Math.round((seeds - done) / perSecond) * 1_000)} left`;
  const news = failed === 0 ? 'no violation' : `${failed} FAILED`;
  return `${done} of ${seeds} seeds, ${perSecond.toFixed(1)} a second${left}, ${news}`;
}
