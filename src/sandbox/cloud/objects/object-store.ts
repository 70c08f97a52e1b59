import { join } from 'node:path';
import { combineCrc64 } from '../../../backup/objects/crc64.ts';
import type { Clock } from '../../../runtime/clock.ts';
import type { Random } from '../../../runtime/random.ts';
import { type ByteFiles, openByteFiles, type WrittenBytes } from './bytes.ts';
import { createKeyOrder, type KeyOrder } from './key-order.ts';
import { multipartEtag } from './multipart-etag.ts';
import { OssError, ossErrors } from './oss-error.ts';
import { openRecordFiles } from './record-files.ts';
import {
  type Bucket,
  bucketSchema,
  keySchema,
  type Part,
  type PartedUpload,
  type StoredKey,
  type StoredVersion,
  uploadSchema,
} from './records.ts';
import { mustBeMutable } from './worm.ts';

/** What goes with an object's bytes. */
export interface ObjectHeaders {
  readonly contentType: string;
  /** `x-oss-meta-*` and the like, as given. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a deletion did. */
export interface Deletion {
  /** Of the version that was made or removed; null where versioning was never on. */
  readonly version: string | null;
  readonly deleteMarker: boolean;
}

/** Buckets of all regions and what is in them, on disk. Readers see an object whole, the old one or the new one. All throw `OssError`. */
export interface ObjectStore {
  readonly bytes: ByteFiles;
  buckets(): readonly Bucket[];
  bucket(name: string): Bucket | null;
  /** Makes a bucket; the same again is no error. BucketAlreadyExists in another region. */
  createBucket(name: string, region: string): Promise<void>;
  changeBucket(name: string, changes: Partial<Bucket>): Promise<void>;
  /** BucketNotEmpty */
  deleteBucket(name: string): Promise<void>;
  /** FileAlreadyExists, FileImmutable: the bytes are discarded then. */
  put(
    bucket: string,
    key: string,
    written: WrittenBytes,
    with_: ObjectHeaders & { readonly forbidOverwrite: boolean },
  ): Promise<StoredVersion>;
  /** All versions of a name, newest first. */
  versions(bucket: string, key: string): readonly StoredVersion[];
  /** Names in order. */
  keys(bucket: string, prefix: string, after: string): Iterable<string>;
  /** FileImmutable */
  remove(bucket: string, key: string, version: string | null): Promise<Deletion>;
  uploads(bucket: string): readonly PartedUpload[];
  beginUpload(bucket: string, key: string, with_: ObjectHeaders): Promise<PartedUpload>;
  /** NoSuchUpload */
  upload(bucket: string, key: string, id: string): PartedUpload;
  /** NoSuchUpload: the bytes are discarded then. */
  addPart(bucket: string, key: string, id: string, number: number, written: WrittenBytes): Promise<Part>;
  /** Puts these parts together. NoSuchUpload, FileAlreadyExists, FileImmutable. */
  completeUpload(
    upload: PartedUpload,
    parts: readonly Part[],
    forbidOverwrite: boolean,
  ): Promise<StoredVersion>;
  /** NoSuchUpload */
  abortUpload(bucket: string, key: string, id: string): Promise<void>;
}

/** Opens what is in a directory, which is made if need be. */
export async function openObjectStore(settings: {
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<ObjectStore> {
  const { directory, clock, random } = settings;
  const bytes = await openByteFiles(join(directory, 'bytes'), random);
  const buckets = await openRecordFiles(join(directory, 'buckets'), bucketSchema, (bucket) => bucket.name);
  const keys = await openRecordFiles(join(directory, 'keys'), keySchema, (key) =>
    pathOf(key.bucket, key.key),
  );
  const uploads = await openRecordFiles(join(directory, 'uploads'), uploadSchema, (upload) => upload.id);
  const orders = new Map<string, KeyOrder>();
  const orderOf = (bucket: string) => {
    const known = orders.get(bucket);
    if (known !== undefined) return known;
    const here = [...keys.all.values()].filter((stored) => stored.bucket === bucket);
    const order = createKeyOrder(here.map(({ key }) => key));
    orders.set(bucket, order);
    return order;
  };
  const mustHave = (name: string): Bucket => {
    const bucket = buckets.all.get(name);
    if (bucket === undefined) throw new OssError(ossErrors.noSuchBucket, { BucketName: name });
    return bucket;
  };
  const versionsOf = (bucket: string, key: string) => keys.all.get(pathOf(bucket, key))?.versions ?? [];
  const keep = async (bucket: string, key: string, versions: StoredKey['versions']) => {
    const gone = versionsOf(bucket, key).filter((version) => !versions.includes(version));
    if (versions.length === 0) orderOf(bucket).remove(key);
    else orderOf(bucket).add(key);
    await keys.set(pathOf(bucket, key), versions.length === 0 ? null : { bucket, key, versions });
    for (const version of gone) await bytes.discard(version.segments);
  };
  /** Adds a version, in place of what it overwrites. All checks and the change are in one step. */
  const add = async (
    name: string,
    key: string,
    version: Omit<StoredVersion, 'id'>,
    forbidOverwrite: boolean,
  ) => {
    const bucket = mustHave(name);
    const before = versionsOf(name, key);
    if (bucket.versioning === 'never' && before[0] !== undefined) {
      if (forbidOverwrite) throw new OssError(ossErrors.fileAlreadyExists);
      mustBeMutable(bucket, before[0], clock.now());
    }
    const id = bucket.versioning === 'enabled' ? `CAEQ${random.hex(14)}` : 'null';
    const stored = { ...version, id };
    await keep(name, key, [stored, ...before.filter((other) => other.id !== id)]);
    return stored;
  };
  const orDiscard = async <T>(segments: StoredVersion['segments'], work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (caught) {
      if (caught instanceof OssError) await bytes.discard(segments);
      throw caught;
    }
  };
  const uploadOf = (bucket: string, key: string, id: string) => {
    const upload = uploads.all.get(id);
    if (upload?.bucket !== bucket || upload.key !== key)
      throw new OssError(ossErrors.noSuchUpload, { UploadId: id });
    return upload;
  };

  return {
    bytes,
    buckets: () => [...buckets.all.values()],
    bucket: (name) => buckets.all.get(name) ?? null,
    async createBucket(name, region) {
      const before = buckets.all.get(name);
      if (before?.region === region) return;
      if (before !== undefined) throw new OssError(ossErrors.bucketAlreadyExists, { BucketName: name });
      const fresh = { versioning: 'never', worm: null, encryption: null } as const;
      await buckets.set(name, { name, region, createdAt: clock.now(), ...fresh });
    },
    changeBucket: (name, changes) => buckets.set(name, { ...mustHave(name), ...changes }),
    async deleteBucket(name) {
      mustHave(name);
      const isEmpty = orderOf(name).from('', '').next().done === true;
      if (!isEmpty) throw new OssError(ossErrors.bucketNotEmpty, { BucketName: name });
      await buckets.set(name, null);
    },
    put: (bucket, key, written, { contentType, headers, forbidOverwrite }) => {
      const { file, size, md5, crc64 } = written;
      const version = {
        deleteMarker: false,
        segments: [{ file, size }],
        size,
        etag: md5.toUpperCase(),
        md5,
        crc64,
      };
      const modifiedAt = clock.now();
      return orDiscard([written], () =>
        add(bucket, key, { ...version, type: 'Normal', contentType, headers, modifiedAt }, forbidOverwrite),
      );
    },
    versions: versionsOf,
    keys: (bucket, prefix, after) => orderOf(bucket).from(prefix, after),
    async remove(name, key, version) {
      const bucket = mustHave(name);
      const before = versionsOf(name, key);
      if (version !== null) {
        const found = before.find((other) => other.id === version);
        if (found !== undefined) mustBeMutable(bucket, found, clock.now());
        if (found !== undefined)
          await keep(
            name,
            key,
            before.filter((other) => other !== found),
          );
        return { version, deleteMarker: found?.deleteMarker ?? false };
      }
      const [newest] = before;
      if (bucket.versioning === 'never') {
        if (newest !== undefined) mustBeMutable(bucket, newest, clock.now());
        await keep(name, key, []);
        return { version: null, deleteMarker: false };
      }
      const marker = await add(name, key, deleteMarker(clock.now()), false);
      return { version: marker.id, deleteMarker: true };
    },
    uploads: (bucket) => [...uploads.all.values()].filter((upload) => upload.bucket === bucket),
    async beginUpload(bucket, key, { contentType, headers }) {
      const id = random.hex(16).toUpperCase();
      const upload = { bucket, key, id, contentType, headers, initiatedAt: clock.now(), parts: [] };
      await uploads.set(id, upload);
      return upload;
    },
    upload: uploadOf,
    addPart: (bucket, key, id, number, { file, size, md5, crc64 }) =>
      orDiscard([{ file, size }], async () => {
        const upload = uploadOf(bucket, key, id);
        const part = { number, file, size, md5, crc64, modifiedAt: clock.now() };
        const others = upload.parts.filter((other) => other.number !== number);
        const replaced = upload.parts.filter((other) => other.number === number);
        const parts = [...others, part].sort((a, b) => a.number - b.number);
        await uploads.set(id, { ...upload, parts });
        await bytes.discard(replaced);
        return part;
      }),
    async completeUpload(upload, parts, forbidOverwrite) {
      const { bucket, key, id, contentType, headers } = upload;
      const { parts: all } = uploadOf(bucket, key, id);
      const crc64 = parts.reduce((crc, part) => combineCrc64(crc, part.crc64, part.size), '0');
      const size = parts.reduce((sum, part) => sum + part.size, 0);
      const segments = parts.map((part) => ({ file: part.file, size: part.size }));
      const etag = multipartEtag(parts);
      const whole = {
        deleteMarker: false,
        segments,
        size,
        etag,
        md5: null,
        crc64,
        type: 'Multipart',
      } as const;
      const stored = await add(
        bucket,
        key,
        { ...whole, contentType, headers, modifiedAt: clock.now() },
        forbidOverwrite,
      );
      await uploads.set(id, null);
      await bytes.discard(all.filter((part) => !parts.includes(part)));
      return stored;
    },
    async abortUpload(bucket, key, id) {
      const { parts } = uploadOf(bucket, key, id);
      await uploads.set(id, null);
      await bytes.discard(parts);
    },
  };
}

function pathOf(bucket: string, key: string): string {
  return `${bucket}/${key}`;
}

function deleteMarker(modifiedAt: number): Omit<StoredVersion, 'id'> {
  return {
    deleteMarker: true,
    segments: [],
    size: 0,
    etag: '',
    md5: null,
    crc64: '0',
    type: 'Normal',
    contentType: '',
    headers: {},
    modifiedAt,
  };
}
