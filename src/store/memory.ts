import type { Store, StoreEntry, StoreWrite } from '../runtime/types.ts';

/** A store in memory, for tests and the simulator: it survives the runtimes that use it, and dies with the process. */
export function createMemoryStore(): Store {
  // Values are kept as text, so that nobody can change what was committed.
  const values = new Map<string, string>();
  const entry = (key: string, text: string): StoreEntry => ({ key, value: JSON.parse(text) });
  return {
    async commit(batch: readonly StoreWrite[]) {
      // Everything is turned into text first: a value that can't be must not leave half a batch behind.
      const texts = batch.map((write) => ('remove' in write ? undefined : JSON.stringify(write.value)));
      batch.forEach((write, index) => {
        const text = texts[index];
        if (text === undefined) values.delete(write.key);
        else values.set(write.key, text);
      });
    },
    async *entries(prefix) {
      const keys = [...values.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes);
      for (const key of keys) {
        const text = values.get(key);
        if (text !== undefined) yield entry(key, text);
      }
    },
    async get(key) {
      const text = values.get(key);
      return text === undefined ? undefined : entry(key, text);
    },
    async close() {},
  };
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
