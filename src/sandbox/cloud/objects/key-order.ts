/** The keys of a bucket, in the order of their bytes in UTF-8, as listings have it. */
export interface KeyOrder {
  add(key: string): void;
  remove(key: string): void;
  /** Those that begin with `prefix` and come after `after`, in order. */
  from(prefix: string, after: string): Generator<string>;
}

export function createKeyOrder(keys: Iterable<string>): KeyOrder {
  const sorted = [...keys].sort(byBytes);
  /** Index of the first that is not before `key`. */
  const find = (key: string) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (byBytes(sorted[middle] ?? '', key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    add(key) {
      const at = find(key);
      if (sorted[at] !== key) sorted.splice(at, 0, key);
    },
    remove(key) {
      const at = find(key);
      if (sorted[at] === key) sorted.splice(at, 1);
    },
    *from(prefix, after) {
      const start = byBytes(prefix, after) > 0 ? find(prefix) : find(after);
      for (let at = start; at < sorted.length; at += 1) {
        const key = sorted[at] ?? '';
        if (!key.startsWith(prefix)) {
          if (byBytes(key, prefix) < 0) continue;
          return;
        }
        if (key !== after || after === '') yield key;
      }
    },
  };
}

/** Code units order as bytes do, but for what lies beyond the basic plane. */
export function byBytes(a: string, b: string): number {
  if (a === b) return 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
