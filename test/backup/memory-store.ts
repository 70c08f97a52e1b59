import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { ObjectFacts, ObjectStore } from '../../src/backup/objects/port.ts';
import { Failure } from '../../src/failure.ts';
import type { Clock } from '../../src/runtime/clock.ts';

/** A bucket in memory, with ways to spoil it. */
export interface MemoryStore extends ObjectStore {
  readonly objects: Map<string, { content: Buffer; modifiedAt: number }>;
  /** Called before every call; what it throws, the call throws, and it may wait. */
  before: (call: string, key: string, signal?: AbortSignal) => void | Promise<void>;
  /** Names that begin so. */
  keys(prefix: string): readonly string[];
  change(key: string, change: (content: Buffer) => Buffer): void;
}

/** Pieces in which it is read. */
const PIECE_BYTES = 64 * 1024;

export function memoryStore(region: string, clock: Clock): MemoryStore {
  const objects: MemoryStore['objects'] = new Map();
  const missing = (key: string) =>
    new Failure({ kind: 'notFound', code: 'NoSuchKey', message: `${region} has no ${key}` });
  const facts = (key: string): ObjectFacts => {
    const object = objects.get(key);
    if (!object) throw missing(key);
    return {
      key,
      size: object.content.length,
      etag: createHash('md5').update(object.content).digest('hex'),
      modifiedAt: object.modifiedAt,
      crc64: '0',
      metadata: {},
      version: null,
    };
  };
  const write = (key: string, content: Buffer, onlyIfAbsent: boolean | undefined): ObjectFacts => {
    if (onlyIfAbsent && objects.has(key))
      throw new Failure({ kind: 'rejected', code: 'FileAlreadyExists', message: `${region} has ${key}` });
    objects.set(key, { content, modifiedAt: clock.now() });
    return facts(key);
  };
  const under = (prefix: string) => [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const store: MemoryStore = {
    region,
    bucket: `bucket-${region}`,
    objects,
    before: () => {},
    keys: under,
    change(key, change) {
      const object = objects.get(key);
      if (!object) throw missing(key);
      object.content = change(Buffer.from(object.content));
    },
    async facts() {
      return { versioning: 'never', worm: null };
    },
    async put(key, content, options) {
      await store.before('put', key, options?.signal);
      options?.signal?.throwIfAborted();
      return write(key, Buffer.from(content), options?.onlyIfAbsent);
    },
    async upload(key, content, options) {
      await store.before('upload', key, options?.signal);
      const parts: Uint8Array[] = [];
      for await (const piece of content) {
        await store.before('part', key, options?.signal);
        options?.signal?.throwIfAborted();
        parts.push(piece);
      }
      return write(key, Buffer.concat(parts), options?.onlyIfAbsent);
    },
    async *read(key, options) {
      await store.before('read', key, options?.signal);
      facts(key);
      const content = objects.get(key)?.content ?? Buffer.alloc(0);
      for (let at = options?.start ?? 0; at < content.length; at += PIECE_BYTES) {
        options?.signal?.throwIfAborted();
        yield content.subarray(at, at + PIECE_BYTES);
      }
    },
    async get(key, mostBytes, options) {
      await store.before('get', key, options?.signal);
      if (facts(key).size > mostBytes)
        throw new Failure({ kind: 'rejected', code: 'TooLarge', message: `${key} is too large` });
      return buffer(store.read(key, options));
    },
    async presign(key, seconds) {
      await store.before('presign', key);
      return `signed=${encodeURIComponent(key)}&seconds=${seconds}`;
    },
    async head(key, options) {
      await store.before('head', key, options?.signal);
      return facts(key);
    },
    async list(prefix, options) {
      await store.before('list', prefix, options?.signal);
      return under(prefix).map(facts);
    },
    async delete(key, options) {
      await store.before('delete', key, options?.signal);
      objects.delete(key);
    },
    async versions() {
      return [];
    },
    async unfinishedUploads() {
      return [];
    },
    async abortUpload() {},
  };
  return store;
}
