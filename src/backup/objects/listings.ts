import { z } from 'zod';
import { rejected } from './failures.ts';
import type { ListedObject, ListedVersion, ListOptions, UnfinishedUpload } from './port.ts';
import { decodeKey, etagOf, type Requester, timeOf } from './sdk.ts';

/** The service's most of one page. */
const PAGE = 1_000;
/** A hundred thousand names take 20 MB; a bucket of ours has some thousand. */
const DEFAULT_MOST = 100_000;
/** Pages may be short, but not for ever. */
const MOST_PAGES = 10_000;

/** Makes a request, and again as its policy says. */
type Ask = (call: Parameters<Requester>[1]) => Promise<unknown>;

interface Page<T> {
  readonly entries: readonly T[];
  /** Where the next page begins; undefined if there is none. */
  readonly next: Readonly<Record<string, string>> | undefined;
}

/** All pages of a listing. */
async function allPages<T>(
  tried: string,
  most: number,
  page: (from: Readonly<Record<string, string>>) => Promise<Page<T>>,
): Promise<T[]> {
  const all: T[] = [];
  let from: Readonly<Record<string, string>> = {};
  for (let count = 0; count < MOST_PAGES; count += 1) {
    const { entries, next } = await page(from);
    all.push(...entries);
    if (all.length > most) throw rejected('TooManyObjects', `${tried}: there are more than ${most}`);
    if (next === undefined) return all;
    from = next;
  }
  throw rejected('TooManyObjects', `${tried}: there are more than ${MOST_PAGES} pages`);
}

const objectSchema = z.object({
  name: z.string(),
  size: z.number(),
  etag: z.string(),
  lastModified: z.string(),
});
const objectsSchema = z.object({
  objects: z.array(objectSchema),
  isTruncated: z.boolean(),
  nextContinuationToken: z.string().nullable(),
});

/** An empty prefix is not asked for: the SDK signs `prefix=` then, and other clients `prefix`, so it is open what the service takes. */
function prefixed(prefix: string): { readonly prefix?: string } {
  return prefix === '' ? {} : { prefix };
}

/** See `ObjectStore.list`. `ask` is told what fails by `tried`. */
export async function listObjects(
  ask: Ask,
  tried: string,
  prefix: string,
  options: ListOptions,
): Promise<readonly ListedObject[]> {
  const { after, most = DEFAULT_MOST } = options;
  const start: Readonly<Record<string, string>> = after === undefined ? {} : { 'start-after': after };
  return allPages(tried, most, async (from) => {
    const query = {
      ...prefixed(prefix),
      'max-keys': PAGE,
      'encoding-type': 'url' as const,
      ...start,
      ...from,
    };
    const answer = objectsSchema.parse(await ask((client) => client.listV2({ ...query }, {})));
    const entries = answer.objects.map(({ name, size, etag, lastModified }) => ({
      key: decodeKey(name),
      size,
      etag: etagOf(etag),
      modifiedAt: timeOf(lastModified),
    }));
    const token = answer.isTruncated ? answer.nextContinuationToken : null;
    return { entries, next: token === null ? undefined : { 'continuation-token': token } };
  });
}

const markerSchema = z.object({ name: z.string(), versionId: z.string(), lastModified: z.string() });
const versionsSchema = z.object({
  objects: z.array(markerSchema.extend({ size: z.number(), isLatest: z.boolean() })),
  deleteMarker: z.array(markerSchema),
  isTruncated: z.boolean(),
  nextKeyMarker: z.string().nullable(),
  nextVersionIdMarker: z.string().nullable(),
});

/** See `ObjectStore.versions`. */
export async function listVersions(
  ask: Ask,
  tried: string,
  prefix: string,
  options: ListOptions,
): Promise<readonly ListedVersion[]> {
  const { after, most = DEFAULT_MOST } = options;
  const start = after === undefined ? {} : { keyMarker: after };
  const all = await allPages(tried, most, async (from) => {
    const query = { ...prefixed(prefix), 'max-keys': PAGE, 'encoding-type': 'url', ...start, ...from };
    const answer = versionsSchema.parse(await ask((client) => versionsOf(client, query)));
    const told = (entry: z.infer<typeof markerSchema>) => ({
      key: decodeKey(entry.name),
      version: entry.versionId,
      modifiedAt: timeOf(entry.lastModified),
    });
    const versions = answer.objects.map((one) => ({
      ...told(one),
      size: one.size,
      newest: one.isLatest,
      deleteMarker: false,
    }));
    const markers = answer.deleteMarker.map((one) => ({
      ...told(one),
      size: 0,
      newest: false,
      deleteMarker: true,
    }));
    const next = answer.isTruncated
      ? {
          keyMarker: decodeKey(answer.nextKeyMarker ?? ''),
          versionIdMarker: answer.nextVersionIdMarker ?? '',
        }
      : undefined;
    return { entries: [...versions, ...markers], next };
  });
  return inOrder(all);
}

/**
 * The SDK tells versions and delete markers apart, and of a marker not whether it is the newest. It is if none of the versions is; times
 * are to the second, so among those of one second the order is open, but for the newest.
 */
function inOrder(all: readonly ListedVersion[]): readonly ListedVersion[] {
  const hasNewest = new Set(all.filter(({ newest }) => newest).map(({ key }) => key));
  const byTime = [...all].sort(
    (a, b) =>
      Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)) ||
      Number(b.newest) - Number(a.newest) ||
      b.modifiedAt - a.modifiedAt ||
      Number(b.deleteMarker && !hasNewest.has(b.key)) - Number(a.deleteMarker && !hasNewest.has(a.key)),
  );
  return byTime.map((one, at) => (byTime[at - 1]?.key === one.key ? one : { ...one, newest: true }));
}

const uploadsSchema = z.object({
  uploads: z.array(z.object({ name: z.string(), uploadId: z.string(), initiated: z.string() })),
  isTruncated: z.boolean(),
  nextKeyMarker: z.string().optional(),
  nextUploadIdMarker: z.string().optional(),
});

/** See `ObjectStore.unfinishedUploads`. */
export async function listUploads(
  ask: Ask,
  tried: string,
  prefix: string,
): Promise<readonly UnfinishedUpload[]> {
  return allPages(tried, DEFAULT_MOST, async (from) => {
    const query = { ...prefixed(prefix), 'max-uploads': PAGE, 'encoding-type': 'url', ...from };
    const answer = uploadsSchema.parse(await ask((client) => client.listUploads(query)));
    const entries = answer.uploads.map(({ name, uploadId, initiated }) => ({
      key: decodeKey(name),
      id: uploadId,
      begunAt: timeOf(initiated),
    }));
    const next = answer.isTruncated
      ? {
          'key-marker': decodeKey(answer.nextKeyMarker ?? ''),
          'upload-id-marker': answer.nextUploadIdMarker ?? '',
        }
      : undefined;
    return { entries, next };
  });
}

/** The SDK's types do not know this method. */
async function versionsOf(client: object, query: object): Promise<unknown> {
  if (!('getBucketVersions' in client) || typeof client.getBucketVersions !== 'function')
    throw new Error('ali-oss has no getBucketVersions');
  return client.getBucketVersions({ ...query });
}
