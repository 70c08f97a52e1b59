import { crc64, crc64Of } from '../../backup/objects/crc64.ts';
import { checksumMismatch, mustBeKey, rejected } from '../../backup/objects/failures.ts';
import type {
  Asking,
  BucketFacts,
  ListedVersion,
  ListOptions,
  ObjectFacts,
  ObjectStore,
  UnfinishedUpload,
  WriteOptions,
} from '../../backup/objects/port.ts';
import { uploadInParts } from '../../backup/objects/upload.ts';
import { Failure } from '../../failure.ts';
import type { Clock } from '../../runtime/clock.ts';
import { callCloud, type Misfortune } from './calls.ts';

/** What is asked of the simulated object storage. */
export interface ObjectCall {
  readonly region: string;
  readonly bucket: string;
  readonly action: 'put' | 'part' | 'complete' | 'get' | 'head' | 'list' | 'delete' | 'other';
  /** Or the prefix of a listing. */
  readonly key: string;
}

export interface ObjectStorageOptions {
  readonly clock: Clock;
  /** Draws the next request's fate; none by default. */
  readonly misfortune?: (call: ObjectCall) => Misfortune | null;
}

/** Object storage of all regions in memory: buckets as people made them, stores as clients see them, and a hand on what is stored. */
export interface ObjectStorage {
  /** A bucket must be made before it is used. */
  createBucket(region: string, bucket: string, facts?: Partial<BucketFacts>): void;
  /** A client of it. Several may write to one bucket. */
  open(region: string, bucket: string): ObjectStore;
  /** No request to a region that is gone is answered; what it holds stays, and is there when it comes back. */
  setGone(region: string, gone: boolean): void;
  /** Turns over one bit of a stored object, and of nothing that is told of it. */
  damage(region: string, bucket: string, key: string, at: number): void;
  /** What is stored by now, by name; for invariants. */
  contents(region: string, bucket: string): ReadonlyMap<string, Buffer>;
}

interface Version extends Omit<ObjectFacts, 'version'> {
  readonly version: string;
  readonly deleteMarker: boolean;
  readonly content: Buffer;
  /** Of the write that made it: a second try finds its own first. */
  readonly mark: string;
}

interface Upload extends UnfinishedUpload {
  readonly parts: Map<number, Buffer>;
}

interface Bucket {
  readonly facts: BucketFacts;
  /** Newest first. */
  readonly keys: Map<string, readonly Version[]>;
  readonly uploads: Map<string, Upload>;
}

const DAY_MS = 86_400_000;
/** One request's share of a read: large enough for the simulator's small objects to need one. */
const READ_BYTES = 4 * 1024 * 1024;
/** As the adapter of the real one has it. */
const DEFAULT_MOST = 100_000;

export function createObjectStorage(options: ObjectStorageOptions): ObjectStorage {
  const { clock, misfortune = () => null } = options;
  const buckets = new Map<string, Bucket>();
  const gone = new Set<string>();
  let given = 0;
  const next = () => String(++given).padStart(12, '0');
  const find = (region: string, bucket: string): Bucket => {
    const found = buckets.get(`${region}/${bucket}`);
    if (found === undefined) throw rejected('NoSuchBucket', `there is no bucket ${bucket} in ${region}`);
    return found;
  };

  const open = (region: string, bucket: string): ObjectStore => {
    const ask = <T>(
      action: ObjectCall['action'],
      key: string,
      act: (found: Bucket) => T,
      signal?: AbortSignal,
    ): Promise<T> => {
      const call = { region, bucket, action, key };
      const fate = () => (gone.has(region) ? lost : misfortune(call));
      return callCloud({
        clock,
        call,
        repeat: 'always',
        signal,
        misfortune: fate,
        act: () => act(find(region, bucket)),
      });
    };
    const write = (key: string, content: Buffer, mark: string, { onlyIfAbsent, metadata }: WriteOptions) => {
      const crc64 = crc64Of(content);
      return (found: Bucket): ObjectFacts => {
        const before = found.keys.get(key) ?? [];
        const [newest] = before;
        if (newest?.mark === mark) return factsOf(found, newest);
        if (onlyIfAbsent === true) mustForbid(found, key);
        if (onlyIfAbsent === true && newest !== undefined)
          throw rejected('FileAlreadyExists', `put ${key}: another object has that name`);
        const sequence = next();
        const told = { key, content, mark, crc64, size: content.length, metadata: metadata ?? {} };
        const etag = `E${sequence}`;
        return add(found, before, { ...told, etag, version: sequence, deleteMarker: false, modifiedAt: 0 });
      };
    };
    const add = (found: Bucket, before: readonly Version[], version: Version): ObjectFacts => {
      const { facts } = found;
      if (facts.versioning === 'never') mustBeMutable(found, before[0]);
      const id = facts.versioning === 'enabled' ? version.version : 'null';
      const modifiedAt = Math.floor(clock.now() / 1_000) * 1_000;
      const stored = { ...version, version: id, modifiedAt };
      found.keys.set(version.key, [stored, ...before.filter((other) => other.version !== id)]);
      return factsOf(found, stored);
    };
    const mustBeMutable = ({ facts }: Bucket, version: Version | undefined) => {
      if (facts.worm === null || version === undefined) return;
      if (clock.now() < version.modifiedAt + facts.worm.days * DAY_MS)
        throw rejected(
          'FileImmutable',
          `${version.key}: the bucket's retention policy does not allow it yet`,
        );
    };
    const put = async (key: string, content: Buffer, options: WriteOptions) =>
      ask('put', mustBeKey(key), write(key, content, next(), options), options.signal);
    const readAll = async function* (
      key: string,
      read: Asking & { readonly start?: number; readonly end?: number; readonly version?: string },
      mostBytes = Number.POSITIVE_INFINITY,
    ): AsyncGenerator<Buffer> {
      const isWhole = read.start === undefined && read.end === undefined;
      const crc = crc64();
      let first: Version | undefined;
      for (let at = read.start ?? 0; ; ) {
        const from = at;
        const piece = await ask(
          'get',
          key,
          (found) => {
            const version = readable(found, key, read.version);
            if (first !== undefined && version.etag !== first.etag)
              throw rejected('ObjectChanged', `get ${key}: it was replaced while it was read`);
            if (version.size > mostBytes)
              throw rejected('TooLarge', `get ${key}: it has ${version.size} bytes`);
            if (!isWhole && from >= version.size)
              throw rejected('InvalidRange', `get ${key}: it ends before ${from}`);
            first = version;
            const end = Math.min(version.size, (read.end ?? Number.POSITIVE_INFINITY) + 1);
            return { bytes: version.content.subarray(from, Math.min(end, from + READ_BYTES)), end };
          },
          read.signal,
        );
        at += piece.bytes.length;
        if (isWhole) crc.update(piece.bytes);
        if (piece.bytes.length > 0) yield Buffer.from(piece.bytes);
        if (at >= piece.end) break;
      }
      const theirs = first?.crc64 ?? '';
      if (isWhole && crc.digest() !== theirs)
        throw checksumMismatch(`get ${key}`, 'rejected', crc.digest(), theirs);
    };

    return {
      region,
      bucket,
      facts: ({ signal } = {}) => ask('other', '', ({ facts }) => facts, signal),
      put: (key, content, options = {}) => put(key, Buffer.from(content), options),
      upload(key, content, options = {}) {
        const mark = next();
        const door = {
          tried: `upload oss://${bucket}/${key}`,
          put: ({ chunks }: { readonly chunks: readonly Uint8Array[] }) =>
            put(key, Buffer.concat(chunks), options),
          begin: (signal: AbortSignal) =>
            ask(
              'other',
              key,
              (found) => {
                const id = next();
                found.uploads.set(id, { key, id, begunAt: clock.now(), parts: new Map() });
                return id;
              },
              signal,
            ),
          send: (
            id: string,
            number: number,
            part: { readonly chunks: readonly Uint8Array[] },
            signal: AbortSignal,
          ) =>
            ask(
              'part',
              key,
              (found) => {
                uploadOf(found, id).parts.set(number, Buffer.concat(part.chunks));
                return { number, etag: `P${number}` };
              },
              signal,
            ),
          complete: (id: string) =>
            ask(
              'complete',
              key,
              (found) => {
                const [newest] = found.keys.get(key) ?? [];
                if (newest?.mark === mark) return factsOf(found, newest);
                const { parts } = uploadOf(found, id);
                const ordered = [...parts].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
                const facts = write(key, Buffer.concat(ordered), mark, options)(found);
                found.uploads.delete(id);
                return facts;
              },
              options.signal,
            ),
          abort: (id: string) =>
            ask('other', key, (found) => void found.uploads.delete(id)).catch(() => undefined),
        };
        return uploadInParts(door, content, options);
      },
      read: (key, options = {}) => readAll(key, options),
      async get(key, mostBytes, options = {}) {
        const chunks: Buffer[] = [];
        for await (const chunk of readAll(key, options, mostBytes)) chunks.push(chunk);
        return Buffer.concat(chunks);
      },
      presign: async (key, seconds) => `simulated=${encodeURIComponent(key)}&seconds=${seconds}`,
      head: (key, { version, signal } = {}) =>
        ask('head', key, (found) => factsOf(found, readable(found, key, version)), signal),
      list: (prefix, list = {}) =>
        ask(
          'list',
          prefix,
          (found) => {
            const current = namesOf(found, prefix, list).flatMap((key) => {
              const [newest] = found.keys.get(key) ?? [];
              return newest === undefined || newest.deleteMarker ? [] : [newest];
            });
            mustBeFew(current.length, prefix, list);
            return current.map(({ key, size, etag, modifiedAt }) => ({ key, size, etag, modifiedAt }));
          },
          list.signal,
        ),
      delete: (key, { version, signal } = {}) =>
        ask(
          'delete',
          key,
          (found) => {
            const before = found.keys.get(key) ?? [];
            if (version !== undefined || found.facts.versioning === 'never') {
              const kept = version === undefined ? [] : before.filter((one) => one.version !== version);
              for (const one of before) if (!kept.includes(one)) mustBeMutable(found, one);
              if (kept.length === 0) found.keys.delete(key);
              else found.keys.set(key, kept);
              return;
            }
            const marker = {
              key,
              size: 0,
              etag: '',
              crc64: '0',
              metadata: {},
              modifiedAt: 0,
              content: empty,
            };
            add(found, before, { ...marker, mark: '', version: next(), deleteMarker: true });
          },
          signal,
        ),
      versions: (prefix, list = {}) =>
        ask(
          'list',
          prefix,
          (found) => {
            const all = namesOf(found, prefix, list).flatMap((key) =>
              (found.keys.get(key) ?? []).map(listed),
            );
            mustBeFew(all.length, prefix, list);
            return all;
          },
          list.signal,
        ),
      unfinishedUploads: (prefix, { signal } = {}) =>
        ask(
          'list',
          prefix,
          ({ uploads }) =>
            [...uploads.values()]
              .filter(({ key }) => key.startsWith(prefix))
              .map(({ key, id, begunAt }) => ({ key, id, begunAt })),
          signal,
        ),
      abortUpload: ({ key, id }, { signal } = {}) =>
        ask('other', key, (found) => void found.uploads.delete(id), signal),
    };
  };

  return {
    createBucket(region, bucket, facts = {}) {
      const all = { versioning: 'never', worm: null, ...facts } as const;
      buckets.set(`${region}/${bucket}`, { facts: all, keys: new Map(), uploads: new Map() });
    },
    open,
    setGone(region, isGone) {
      if (isGone) gone.add(region);
      else gone.delete(region);
    },
    damage(region, bucket, key, at) {
      const found = find(region, bucket);
      const [newest, ...older] = found.keys.get(key) ?? [];
      if (newest === undefined || at >= newest.size) throw new Error(`${key} has no byte ${at} to damage`);
      const content = Buffer.from(newest.content);
      content.writeUInt8(content.readUInt8(at) ^ 1, at);
      found.keys.set(key, [{ ...newest, content }, ...older]);
    },
    contents(region, bucket) {
      const { keys } = find(region, bucket);
      const current = [...keys.values()].flatMap(([newest]) => (newest === undefined ? [] : [newest]));
      return new Map(current.filter((one) => !one.deleteMarker).map(({ key, content }) => [key, content]));
    },
  };
}

const lost: Misfortune = { how: 'lost', afterEffect: false };
const empty = Buffer.alloc(0);

function factsOf({ facts }: Bucket, version: Version): ObjectFacts {
  const { content: _, mark: _mark, deleteMarker: _marker, ...told } = version;
  return { ...told, version: facts.versioning === 'never' ? null : version.version };
}

function listed({ key, size, modifiedAt, version, deleteMarker }: Version, at: number): ListedVersion {
  return { key, size, modifiedAt, version, deleteMarker, newest: at === 0 };
}

function readable(found: Bucket, key: string, id: string | undefined): Version {
  const versions = found.keys.get(key) ?? [];
  const version = id === undefined ? versions[0] : versions.find((one) => one.version === id);
  if (version !== undefined && !version.deleteMarker) return version;
  if (version !== undefined && id !== undefined)
    throw rejected('MethodNotAllowed', `${key}: version ${id} is a delete marker`);
  throw new Failure({ kind: 'notFound', code: 'NoSuchKey', message: `${key}: there is no such object` });
}

function uploadOf(found: Bucket, id: string): Upload {
  const upload = found.uploads.get(id);
  if (upload !== undefined) return upload;
  throw new Failure({ kind: 'retryable', code: 'NoSuchUpload', message: `upload ${id} is gone` });
}

function mustForbid({ facts }: Bucket, key: string): void {
  if (facts.versioning === 'never') return;
  throw rejected(
    'CannotForbidOverwrite',
    `put ${key}: versioning is ${facts.versioning}; nothing was written`,
  );
}

/** In the order of their bytes. */
function namesOf({ keys }: Bucket, prefix: string, { after }: ListOptions): readonly string[] {
  const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
  return [...keys.keys()]
    .filter((key) => key.startsWith(prefix) && (after === undefined || order(key, after) > 0))
    .sort(order);
}

function mustBeFew(count: number, prefix: string, { most = DEFAULT_MOST }: ListOptions): void {
  if (count > most) throw rejected('TooManyObjects', `list ${prefix}: there are ${count}, more than ${most}`);
}
