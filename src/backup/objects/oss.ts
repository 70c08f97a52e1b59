import { Readable } from 'node:stream';
import type OSS from 'ali-oss';
import { z } from 'zod';
import { Failure } from '../../failure.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import { crc64Of } from './crc64.ts';
import { checksumMismatch, mustBeKey, rejected } from './failures.ts';
import { listObjects, listUploads, listVersions } from './listings.ts';
import type { Asking, BucketFacts, ObjectFacts, ObjectStore, ReadOptions, WriteOptions } from './port.ts';
import { type ReadAnswer, readResumed } from './read.ts';
import { defaultRetryPolicy, type RetryNote, type RetryPolicy, withRetry } from './retry.ts';
import { createRequester, etagOf, headersOf, type OssSettings, timeOf } from './sdk.ts';
import { uploadInParts } from './upload.ts';

export interface OssStoreOptions extends OssSettings {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry?: RetryPolicy | undefined;
  /** Hears of every retry before its wait. */
  readonly log?: ((note: RetryNote) => void) | undefined;
}

/** Marks a write, so that one whose answer was lost is known again. Not told as metadata. */
const ATTEMPT = 'wdrip-attempt';
/**
 * How long a bucket's versioning is taken to be what it was, in ms. People change it, and rarely; see `onlyIfAbsent` for what then holds.
 */
const VERSIONING_KNOWN_MS = 60_000;

/** The bucket of Alibaba Cloud's object storage, through the official SDK. */
export function createOssStore(options: OssStoreOptions): ObjectStore {
  const { bucket, clock, random } = options;
  const request = createRequester(options);
  const retrying = { policy: options.retry ?? defaultRetryPolicy, clock, random, log: options.log };
  const named = (action: string, key: string) => `${action} oss://${bucket}/${key}`;
  const ask = <T>(tried: string, call: (client: OSS) => Promise<T>, signal?: AbortSignal) =>
    withRetry(tried, () => request(tried, call), retrying, signal);
  let versioning: { readonly is: BucketFacts['versioning']; readonly at: number } | undefined;

  const findVersioning = async (signal?: AbortSignal) => {
    const answer = await ask(
      named('look at the versioning of', ''),
      (client) => versioningOf(client, bucket),
      signal,
    );
    versioning = { is: answer, at: clock.now() };
    return answer;
  };
  const mustForbid = async (tried: string, signal?: AbortSignal) => {
    const known = versioning !== undefined && clock.now() - versioning.at < VERSIONING_KNOWN_MS;
    const is = known ? versioning?.is : await findVersioning(signal);
    if (is === 'never') return;
    throw rejected(
      'CannotForbidOverwrite',
      `${tried}: versioning is ${is}, so the object storage can't forbid to overwrite; nothing was written`,
    );
  };
  const head = async (
    key: string,
    asking: Asking & { readonly version?: string } = {},
  ): Promise<ObjectFacts> => {
    const tried = named('head', mustBeKey(key));
    try {
      const answer = await ask(tried, (client) => client.head(key, versionOption(asking)), asking.signal);
      return factsOf(key, answer);
    } catch (caught) {
      // The SDK takes every 404 for a missing object: a listing tells a missing bucket apart.
      if (caught instanceof Failure && caught.kind === 'notFound')
        await ask(tried, (client) => client.listV2({ prefix: key, 'max-keys': 1 }, {}), asking.signal);
      throw caught;
    }
  };
  /** Of a write that may have taken effect before: what stands there, if that was us. */
  const settle = async (
    caught: unknown,
    attempt: number,
    key: string,
    mark: string,
  ): Promise<ObjectFacts> => {
    const open =
      caught instanceof Failure &&
      ['FileAlreadyExists', 'NoSuchUpload', 'FileImmutable'].includes(caught.code);
    if (!open || attempt === 1) throw caught;
    const { headers } = (await ask(named('head', key), (client) => client.head(key))).res;
    if (z.object({ [`x-oss-meta-${ATTEMPT}`]: z.literal(mark) }).safeParse(headers).success) return head(key);
    throw caught;
  };
  const put = async (
    key: string,
    content: Buffer,
    write: WriteOptions,
    crc64: string,
  ): Promise<ObjectFacts> => {
    const tried = named('put', mustBeKey(key));
    if (write.onlyIfAbsent === true) await mustForbid(tried, write.signal);
    const mark = random.hex(16);
    return withRetry(
      tried,
      async (attempt) => {
        const headers = writeHeaders(write, mark);
        try {
          const { res } = await request(tried, (client) => client.put(key, content, { headers, mime: MIME }));
          return writtenFacts(key, content.length, crc64, write, res, tried);
        } catch (caught) {
          return settle(caught, attempt, key, mark);
        }
      },
      retrying,
      write.signal,
    );
  };
  const readWith = (key: string, read: ReadOptions, mostBytes?: number) => {
    const tried = named('get', mustBeKey(key));
    const asked = (start: number, whole: boolean, etag: string | undefined) =>
      request(tried, (client) => openStream(client, key, { start, whole, etag, read }));
    return readResumed({ ...retrying, tried, options: read, mostBytes, ask: asked });
  };

  return {
    region: options.region,
    bucket,
    async facts({ signal } = {}) {
      const is = await findVersioning(signal);
      const worm = await ask(
        named('look at the retention of', ''),
        (client) => wormOf(client, bucket),
        signal,
      );
      return { versioning: is, worm };
    },
    put: (key, content, write = {}) => put(key, asBuffer(content), write, crc64Of(content)),
    async upload(key, content, write = {}) {
      const tried = named('upload', mustBeKey(key));
      const mark = random.hex(16);
      if (write.onlyIfAbsent === true) await mustForbid(tried, write.signal);
      return uploadInParts(
        {
          tried,
          put: (part) => put(key, Buffer.concat(part.chunks), write, part.crc64),
          async begin(signal) {
            const headers = writeHeaders(write, mark);
            const begun = await ask(
              tried,
              (client) => client.initMultipartUpload(key, { headers, mime: MIME }),
              signal,
            );
            return begun.uploadId;
          },
          send: (id, number, part, signal) =>
            withRetry(
              `${tried} (part ${number})`,
              async () => {
                const body = Readable.from(part.chunks);
                const sent = await request(tried, (client) =>
                  client.uploadPart(key, id, number, body, 0, part.size),
                );
                const { 'x-oss-hash-crc64ecma': theirs = 'nothing' } = headersOf(sent.res);
                if (theirs !== part.crc64) throw checksumMismatch(tried, 'retryable', part.crc64, theirs);
                return { number, etag: sent.etag };
              },
              retrying,
              signal,
            ),
          complete: (id, parts, size, crc64) =>
            withRetry(
              tried,
              async (attempt) => {
                const headers = write.onlyIfAbsent === true ? FORBID : {};
                const given = { headers };
                try {
                  const { res } = await request(tried, (client) =>
                    client.completeMultipartUpload(key, id, [...parts], given),
                  );
                  return writtenFacts(key, size, crc64, write, res, tried);
                } catch (caught) {
                  return settle(caught, attempt, key, mark);
                }
              },
              retrying,
              write.signal,
            ),
          async abort(id) {
            // What can't be removed now is found by `unfinishedUploads`; why the upload failed is the news.
            await abortUpload(ask, named, { key, id }).catch(() => undefined);
          },
        },
        content,
        write,
      );
    },
    read: (key, read = {}) => readWith(key, read),
    async get(key, mostBytes, read = {}) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of readWith(key, read, mostBytes)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    presign: (key, seconds) =>
      request(named('sign a URL of', mustBeKey(key)), async (client) => {
        const url = new URL(await client.signatureUrlV4('GET', seconds, {}, key));
        return url.search.slice(1);
      }),
    head,
    list(prefix, list = {}) {
      const tried = named('list', prefix);
      return listObjects((call) => ask(tried, call, list.signal), tried, prefix, list);
    },
    async delete(key, asking = {}) {
      const tried = named('delete', mustBeKey(key));
      try {
        await ask(tried, (client) => client.delete(key, versionOption(asking)), asking.signal);
      } catch (caught) {
        if (!(caught instanceof Failure && caught.kind === 'notFound')) throw caught;
      }
    },
    versions(prefix, list = {}) {
      const tried = named('list the versions of', prefix);
      return listVersions((call) => ask(tried, call, list.signal), tried, prefix, list);
    },
    unfinishedUploads(prefix, { signal } = {}) {
      const tried = named('list the unfinished uploads of', prefix);
      return listUploads((call) => ask(tried, call, signal), tried, prefix);
    },
    abortUpload: (upload, { signal } = {}) => abortUpload(ask, named, upload, signal),
  };
}

const MIME = 'application/octet-stream';
const FORBID = { 'x-oss-forbid-overwrite': 'true' } as const;

async function abortUpload(
  ask: <T>(tried: string, call: (client: OSS) => Promise<T>, signal?: AbortSignal) => Promise<T>,
  named: (action: string, key: string) => string,
  { key, id }: { readonly key: string; readonly id: string },
  signal?: AbortSignal,
): Promise<void> {
  try {
    await ask(named('abort the upload of', key), (client) => client.abortMultipartUpload(key, id), signal);
  } catch (caught) {
    if (!(caught instanceof Failure && caught.code === 'NoSuchUpload')) throw caught;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeHeaders({ onlyIfAbsent, metadata = {} }: WriteOptions, mark: string): Record<string, string> {
  const meta = Object.entries({ ...metadata, [ATTEMPT]: mark }).map(([name, value]) => [
    `x-oss-meta-${name}`,
    value,
  ]);
  return { ...Object.fromEntries(meta), ...(onlyIfAbsent === true ? FORBID : {}) };
}

/** With what the SDK's types lack of its options. The SDK changes what it is given, so it gets a fresh one each time. */
interface VersionOptions extends OSS.RequestOptions {
  readonly versionId?: string;
  readonly subres?: object;
}

function versionOption({ version }: { readonly version?: string }): VersionOptions {
  return version === undefined ? {} : { versionId: version, subres: { versionId: version } };
}

/** What stands there after a write, if it is what we sent. */
function writtenFacts(
  key: string,
  size: number,
  crc64: string,
  { metadata = {} }: WriteOptions,
  response: { readonly headers: unknown },
  tried: string,
): ObjectFacts {
  const headers = headersOf(response);
  const { 'x-oss-hash-crc64ecma': theirs = 'nothing', 'x-oss-version-id': version = null } = headers;
  if (theirs !== crc64) throw checksumMismatch(tried, 'retryable', crc64, theirs);
  return {
    key,
    size,
    etag: etagOf(headers.etag),
    crc64,
    metadata,
    version,
    modifiedAt: timeOf(headers.date),
  };
}

function factsOf(
  key: string,
  answer: { readonly res: { readonly headers: unknown }; readonly meta: unknown },
): ObjectFacts {
  const headers = headersOf(answer.res);
  const { [ATTEMPT]: _, ...metadata } = z.record(z.string(), z.string()).parse(answer.meta ?? {});
  return {
    key,
    size: headers['content-length'] ?? 0,
    etag: etagOf(headers.etag),
    modifiedAt: timeOf(headers['last-modified']),
    crc64: headers['x-oss-hash-crc64ecma'] ?? '',
    version: headers['x-oss-version-id'] ?? null,
    metadata,
  };
}

async function openStream(
  client: OSS,
  key: string,
  asked: {
    readonly start: number;
    readonly whole: boolean;
    readonly etag: string | undefined;
    readonly read: ReadOptions;
  },
): Promise<ReadAnswer> {
  const { start, whole, etag, read } = asked;
  const headers = {
    ...(whole ? {} : { Range: `bytes=${start}-${read.end ?? ''}`, 'x-oss-range-behavior': 'standard' }),
    ...(etag === undefined ? {} : { 'If-Match': `"${etag}"` }),
  };
  const { stream, res } = await client.getStream(key, { headers, ...versionOption(read) });
  const told = headersOf(res);
  return {
    stream: z.instanceof(Readable).parse(stream),
    status: res.status,
    etag: etagOf(told.etag),
    length: told['content-length'] ?? 0,
    crc64: told['x-oss-hash-crc64ecma'],
  };
}

/** The SDK's types know none of the bucket's methods that follow. */
function method(client: object, name: string): (...parameters: unknown[]) => Promise<unknown> {
  const found: unknown = Reflect.get(client, name);
  if (typeof found !== 'function') throw new Error(`ali-oss has no ${name}`);
  return async (...parameters) => found.apply(client, parameters);
}

async function versioningOf(client: OSS, bucket: string): Promise<BucketFacts['versioning']> {
  const answer = z.object({ versionStatus: z.enum(['Enabled', 'Suspended']).optional() });
  const { versionStatus } = answer.parse(await method(client, 'getBucketVersioning')(bucket));
  return versionStatus === undefined ? 'never' : versionStatus === 'Enabled' ? 'enabled' : 'suspended';
}

async function wormOf(client: OSS, bucket: string): Promise<BucketFacts['worm']> {
  const answer = z.object({ state: z.string(), days: z.coerce.number() });
  try {
    const { state, days } = answer.parse(await method(client, 'getBucketWorm')(bucket));
    return { days, locked: state === 'Locked' };
  } catch (caught) {
    const none = z.object({ code: z.literal('NoSuchWORMConfiguration') }).safeParse(caught).success;
    if (none) return null;
    throw caught;
  }
}
