/** What nodes' bundles need of an object store: a part of the port in src/backup/objects/port.ts, whose adapter it is. Throws `Failure`. */
export interface ObjectStore {
  /** Writes an object, over an older one of that name. */
  put(key: string, content: Buffer): Promise<unknown>;
  /** Removes an object. One that does not exist is no error. */
  delete(key: string): Promise<void>;
}
