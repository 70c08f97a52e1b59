/** One bucket of an object store, as far as nodes' bundles need it. All methods throw `Failure` (src/failure.ts). */
export interface ObjectStore {
  /** Writes an object, over an older one of that name. */
  put(key: string, content: Buffer): Promise<void>;
  /** Reads an object. `notFound` if there is none. */
  get(key: string): Promise<Buffer>;
  /** Removes an object. One that does not exist is no error. */
  delete(key: string): Promise<void>;
}
