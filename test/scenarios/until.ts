import { type Clock, sleep } from '../../src/runtime/clock.ts';

/** How often conditions are looked at, in ms: what a scenario measures is taken from logs, so this need not be finer. */
const lookMs = 50;

/** Waits for conditions, each within a deadline, and all of them only as long as nobody interrupts. */
export interface Patience {
  readonly clock: Clock;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * Waits until `look` gives something other than null or false. Throws an Error that says what was waited for and what was there
 * instead.
 */
export async function until<T>(
  patience: Patience,
  what: string,
  limitMs: number,
  look: () => Promise<T | null | false> | T | null | false,
  otherwise: () => string = () => '',
  everyMs: number = lookMs,
): Promise<T> {
  const { clock, signal } = patience;
  for (const deadline = clock.now() + limitMs; ; ) {
    signal.throwIfAborted();
    const found = await look();
    if (found !== null && found !== false) return found;
    if (clock.now() >= deadline) {
      const instead = otherwise();
      throw new Error(
        `waited ${limitMs / 1000} s for ${what}${instead === '' ? '' : `; instead: ${instead}`}`,
      );
    }
    await sleep(clock, everyMs, signal);
  }
}
