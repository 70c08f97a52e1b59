import type { Store, StoreEntry, StoreWrite } from '../runtime/types.ts';

/**
 * A store in memory, for tests and the simulator: it survives the runtimes that use it, and dies with the process. What was committed is
 * kept as text, so that nobody can change it; or, with `asText` false, which is quicker, as it is: that nobody does is then the caller's
 * promise.
 */
export function createMemoryStore({ asText = true }: { readonly asText?: boolean } = {}): Store {
  const values = new Map<string, unknown>();
  const kept = (value: unknown) => (asText ? JSON.stringify(value) : value);
  const entry = (key: string, value: unknown): StoreEntry => ({
    key,
    value: JSON.parse(typeof value === 'string' && asText ? value : JSON.stringify(value)),
  });
  return {
    async commit(batch: readonly StoreWrite[]) {
      // Everything is turned into text first: a value that can't be must not leave half a batch behind.
      const all = batch.map((write) => ('remove' in write ? undefined : kept(write.value)));
      batch.forEach((write, index) => {
        const value = all[index];
        if (value === undefined) values.delete(write.key);
        else values.set(write.key, value);
      });
    },
    async *entries(prefix) {
      const keys = [...values.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes);
      for (const key of keys) {
        const value = values.get(key);
        if (value !== undefined) yield entry(key, value);
      }
    },
    async get(key) {
      const value = values.get(key);
      return value === undefined ? undefined : entry(key, value);
    },
    async close() {},
  };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
