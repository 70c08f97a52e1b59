/** A map that tells of every key that is set or taken away: what lives on it is looked at only then. */
export class ObservedMap<K, V> extends Map<K, V> {
  readonly #changed: (key: K) => void;

  constructor(changed: (key: K) => void) {
    super();
    this.#changed = changed;
  }

  override set(key: K, value: V): this {
    super.set(key, value);
    this.#changed(key);
    return this;
  }

  override delete(key: K): boolean {
    const had = super.delete(key);
    if (had) this.#changed(key);
    return had;
  }

  override clear(): void {
    const keys = [...this.keys()];
    super.clear();
    for (const key of keys) this.#changed(key);
  }
}

/** The same of a set. */
export class ObservedSet<T> extends Set<T> {
  readonly #changed: (item: T) => void;

  constructor(changed: (item: T) => void) {
    super();
    this.#changed = changed;
  }

  override add(item: T): this {
    if (this.has(item)) return this;
    super.add(item);
    this.#changed(item);
    return this;
  }

  override delete(item: T): boolean {
    const had = super.delete(item);
    if (had) this.#changed(item);
    return had;
  }

  override clear(): void {
    const items = [...this];
    super.clear();
    for (const item of items) this.#changed(item);
  }
}
