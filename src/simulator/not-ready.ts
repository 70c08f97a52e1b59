/**
 * The watch tells what is there now a tenth of a second after a change, and the supervisor looks half as long after that, in ms: of a Ready
 * that does not last so long nobody can know.
 */
const toldWithinMs = 200;

/**
 * Since when nodes that were Ready have not been, or not been there, but for moments of which nobody was told. Times in the world's epoch
 * ms. One that came NotReady and never was Ready has lost nothing: whoever waits for it counts from its instance's start.
 */
export class NotReady {
  readonly #spans = new Map<string, { readonly since: number | null; readyAt: number | null }>();

  /** A Node object came, went or changed. */
  note(name: string, ready: boolean, now: number): void {
    const span = this.#spans.get(name);
    if (span === undefined) this.#spans.set(name, { since: null, readyAt: ready ? now : null });
    else if (ready) span.readyAt ??= now;
    else if (span.readyAt !== null && now - span.readyAt >= toldWithinMs)
      this.#spans.set(name, { since: now, readyAt: null });
    else span.readyAt = null;
  }

  /** Null of one that is Ready, or was never seen otherwise after it was. */
  since(name: string): number | null {
    const span = this.#spans.get(name);
    return span === undefined || span.readyAt !== null ? null : span.since;
  }
}
