/**
 * One bucket in one region, as backups need it. All methods throw `Failure` (src/failure.ts); once
 * `signal` is aborted they reject with its reason. Adapters try again by themselves what a retry can help, so a `retryable` failure
 * that gets out has lasted.
 *
 * Nothing here reads, changes and writes back: object storage has no such write (see `onlyIfAbsent`). What several writers share must
 * be objects of different names, and the listing their index: `list` is strongly consistent.
 *
 * Codes (more may come from the vendor, as `rejected`):
 * - `NoSuchKey` (notFound): there is no such object (or version). Nothing else is `notFound`.
 * - `NoSuchBucket`, `AccessDenied` (rejected): check the configuration. A bucket that is addressed in the wrong region is `AccessDenied`.
 * - `FileAlreadyExists` (rejected): `onlyIfAbsent`, and another object has the name. Nothing was written.
 * - `CannotForbidOverwrite` (rejected): `onlyIfAbsent` on a bucket that has or had versioning. Nothing was written.
 * - `FileImmutable` (rejected): the bucket's retention policy (WORM) does not allow to overwrite or delete the object yet.
 * - `ChecksumMismatch` (retryable after a write, rejected after a read): the CRC64 of what we sent or got is not the server's. After a
 * write, what stands under the name is not to be trusted; after a read, the stored object is damaged, and so are the bytes that were
 * given.
 * - `ObjectChanged` (rejected): the object was replaced while it was read.
 * - `TooLarge`, `TooManyObjects` (rejected): more than the caller's limit, or the service's.
 * - `NoSuchUpload` (retryable): somebody aborted the upload; begin anew.
 * - `Unreachable` (retryable): no connection, so without effect. `NoAnswer` (retryable): whether it took effect is open.
 */
export interface ObjectStore {
  readonly region: string;
  readonly bucket: string;

  /** What the bucket's configuration means for writers. */
  facts(asking?: Asking): Promise<BucketFacts>;

  /**
   * Writes an object that is small enough to be in memory, whole or not at all, over an older one of that name unless `onlyIfAbsent`.
   * Resolves when the server has it and its CRC64 is ours.
   */
  put(key: string, content: Uint8Array, options?: WriteOptions): Promise<ObjectFacts>;

  /**
   * Writes an object of any size (up to 10 000 parts) from a stream: it becomes visible whole at the end, or not at all. Holds at most
   * `partBytes × (parallel + 1)` bytes of it. Chunks are kept and not copied: the source must not reuse their memory. A part that fails is
   * sent again; every part's CRC64 is compared, and the whole object's at the end. When the source throws, that error gets out; whenever it
   * fails the parts are removed, as far as the server can be reached: what stays is in `unfinishedUploads`.
   */
  upload(key: string, content: AsyncIterable<Uint8Array>, options?: UploadOptions): Promise<ObjectFacts>;

  /**
   * The object's bytes, in order. A connection that breaks is made up for by asking for the rest of the same object (by its ETag).
   * Without a range the CRC64 of all of it is compared at the end: **nothing that was read counts before the iteration has ended without
   * a failure**. A consumer that stops early ends the connection.
   */
  read(key: string, options?: ReadOptions): AsyncIterable<Uint8Array>;

  /** All of a small object, its CRC64 compared. `TooLarge` (without reading it) if it has more than `mostBytes`. */
  get(key: string, mostBytes: number, options?: Asking & { readonly version?: string }): Promise<Buffer>;

  /**
   * The query of a URL with which anybody may read the object for so many seconds (a week at most), at whichever of the region's endpoints:
   * a secret. Asks nobody, so the object need not be there. What it opens ends earlier where temporary credentials do.
   */
  presign(key: string, seconds: number): Promise<string>;

  /** What is known of an object without reading it. */
  head(key: string, options?: Asking & { readonly version?: string }): Promise<ObjectFacts>;

  /**
   * All objects whose names begin with `prefix`, by name in the order of its bytes: every page of them, or a failure, never a part.
   * `after` leaves out what does not come after that name. `TooManyObjects` if there are more than `most` (100 000 by default).
   */
  list(prefix: string, options?: ListOptions): Promise<readonly ListedObject[]>;

  /**
   * Removes an object; one that does not exist is no error. Where versioning is on this only hides it behind a delete marker, and
   * `versions` still has it; with `version` that version (or marker) is gone for good.
   */
  delete(key: string, options?: Asking & { readonly version?: string }): Promise<void>;

  /** All versions and delete markers, by name, the newest of a name first. Without versioning, every object is a version named `null`. */
  versions(prefix: string, options?: ListOptions): Promise<readonly ListedVersion[]>;

  /**
   * Uploads that were begun and neither finished nor aborted: they cost, and a crash leaves them behind. Also those of other writers that
   * are at it.
   */
  unfinishedUploads(prefix: string, options?: Asking): Promise<readonly UnfinishedUpload[]>;

  /** Ends such an upload and removes its parts; one that is gone is no error. */
  abortUpload(upload: Pick<UnfinishedUpload, 'key' | 'id'>, options?: Asking): Promise<void>;
}

/** What any call may be given besides. */
export interface Asking {
  /** Once it is aborted nothing is tried or waited for any more. A write that is on its way may still take effect. */
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends Asking {
  /**
   * Write only if no object has the name, decided by the server in one step: of any number of writers one wins, the others get
   * `FileAlreadyExists`. The service can do this only where versioning was never on (it ignores the wish otherwise), hence
   * `CannotForbidOverwrite`: there an overwrite hides the older version and loses nothing. There is no write on the condition of an ETag.
   */
  readonly onlyIfAbsent?: boolean;
  /** Kept with the object. Names are lower-case letters, digits and dashes; values are printable ASCII; 8 KiB in all. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface UploadOptions extends WriteOptions {
  /** Bytes of a part, all but the last; 8 MiB by default, at least 100 KiB. What is shorter than one part is put at once. */
  readonly partBytes?: number;
  /** Parts on their way at the same time; 3 by default. */
  readonly parallel?: number;
}

export interface ReadOptions extends Asking {
  /** First byte, 0 by default. A range's checksum can't be compared. */
  readonly start?: number;
  /** Last byte, itself included; the object's end by default. */
  readonly end?: number;
  readonly version?: string;
}

export interface ListOptions extends Asking {
  readonly after?: string;
  readonly most?: number;
}

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  /** Changes whenever the content does. Not an MD5 if the object was uploaded in parts. */
  readonly etag: string;
  /** Epoch ms by the server's clock, to the second. */
  readonly modifiedAt: number;
}

export interface ObjectFacts extends ListedObject {
  /** CRC-64/XZ of the content as the server has it, an unsigned decimal. */
  readonly crc64: string;
  /** By lower-case name. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Null where versioning was never on. */
  readonly version: string | null;
}

export interface ListedVersion extends Omit<ListedObject, 'etag'> {
  readonly version: string;
  readonly newest: boolean;
  /** The object was deleted here: there is nothing to read. */
  readonly deleteMarker: boolean;
}

export interface UnfinishedUpload {
  readonly key: string;
  readonly id: string;
  /** Epoch ms by the server's clock. */
  readonly begunAt: number;
}

export interface BucketFacts {
  /** `never`: names can be protected with `onlyIfAbsent`. `suspended` also ignores that wish. */
  readonly versioning: 'never' | 'enabled' | 'suspended';
  /**
   * The retention policy, if there is one: for so many days after its last change no object can be deleted or overwritten. Not locked
   * yet: it can still be called off.
   */
  readonly worm: { readonly days: number; readonly locked: boolean } | null;
}
