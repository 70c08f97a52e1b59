/**
 * How many tokens, commands or events are remembered: far more than are asked for again, and few enough that a month of simulated time
 * takes no more memory than a day. The real ones forget by time.
 */
const mostRemembered = 2_000;

/** Sets the entry, and forgets the one that was set first if there are too many. */
export function remember<K, V>(entries: Map<K, V>, key: K, value: V): void {
  entries.set(key, value);
  if (entries.size <= mostRemembered) return;
  const [oldest] = entries.keys();
  if (oldest !== undefined) entries.delete(oldest);
}
