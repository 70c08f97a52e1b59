import type { StoredVersion } from '../records.ts';
import { xml } from '../xml.ts';
import {
  type Answer,
  type BucketCall,
  encoderOf,
  invalidArgument,
  isoSeconds,
  numberOf,
  owner,
} from './call.ts';

/** Official documentation. */
const MOST_A_PAGE = 1_000;
const DEFAULT_A_PAGE = 100;

interface Entry {
  readonly key: string;
  readonly version: StoredVersion;
  readonly newest: boolean;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly prefixes: readonly string[];
  /** The last that is on the page, if more come after it. */
  readonly last: { readonly key: string; readonly version: string } | null;
}

/** Takes a page of entries, those that share a name up to the delimiter as one. */
function pageOf(
  entries: Iterable<Entry>,
  options: {
    readonly prefix: string;
    readonly delimiter: string;
    readonly after: string;
    readonly most: number;
  },
): Page {
  const { prefix, delimiter, after, most } = options;
  const taken: Entry[] = [];
  const prefixes: string[] = [];
  let last: Page['last'] = null;
  for (const entry of entries) {
    const at = delimiter === '' ? -1 : entry.key.indexOf(delimiter, prefix.length);
    const shared = at < 0 ? null : entry.key.slice(0, at + delimiter.length);
    if (shared !== null && (shared === after || shared === prefixes.at(-1))) continue;
    if (taken.length + prefixes.length === most) return { entries: taken, prefixes, last };
    if (shared === null) taken.push(entry);
    else prefixes.push(shared);
    last = { key: shared ?? entry.key, version: entry.version.id };
  }
  return { entries: taken, prefixes, last: null };
}

function* currentObjects({ store, bucket }: BucketCall, prefix: string, after: string): Generator<Entry> {
  for (const key of store.keys(bucket.name, prefix, after)) {
    const [version] = store.versions(bucket.name, key);
    if (version !== undefined && !version.deleteMarker) yield { key, version, newest: true };
  }
}

function* allVersions(
  { store, bucket }: BucketCall,
  prefix: string,
  after: { readonly key: string; readonly version: string },
): Generator<Entry> {
  if (after.version !== '' && after.key.startsWith(prefix)) {
    const versions = store.versions(bucket.name, after.key);
    const at = versions.findIndex(({ id }) => id === after.version);
    for (const [index, version] of versions.entries())
      if (index > at) yield { key: after.key, version, newest: index === 0 };
  }
  for (const key of store.keys(bucket.name, prefix, after.key))
    for (const [index, version] of store.versions(bucket.name, key).entries())
      yield { key, version, newest: index === 0 };
}

function commonOf(call: BucketCall) {
  const { query } = call;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const most = numberOf(call, 'max-keys', { least: 1, most: MOST_A_PAGE, otherwise: DEFAULT_A_PAGE });
  return { prefix, delimiter, most, encode: encoderOf(call), encodingType: query.get('encoding-type') };
}

function contents(entries: readonly Entry[], encode: (text: string) => string, withOwner: boolean) {
  return entries.map(({ key, version }) => ({
    Key: encode(key),
    LastModified: isoSeconds(version.modifiedAt),
    ETag: `"${version.etag}"`,
    Type: version.type,
    Size: version.size,
    StorageClass: 'Standard',
    Owner: withOwner ? owner : null,
  }));
}

/** The older GetBucket, by markers. */
export async function listObjects(call: BucketCall): Promise<Answer> {
  const { prefix, delimiter, most, encode, encodingType } = commonOf(call);
  const after = call.query.get('marker') ?? '';
  const { entries, prefixes, last } = pageOf(currentObjects(call, prefix, after), {
    prefix,
    delimiter,
    after,
    most,
  });
  const body = xml('ListBucketResult', {
    Name: call.bucket.name,
    Prefix: encode(prefix),
    Marker: encode(after),
    MaxKeys: most,
    Delimiter: encode(delimiter),
    EncodingType: encodingType,
    IsTruncated: last !== null,
    NextMarker: last === null ? null : encode(last.key),
    Contents: contents(entries, encode, true),
    CommonPrefixes: prefixes.map((one) => ({ Prefix: encode(one) })),
  });
  return { status: 200, body };
}

export async function listObjectsV2(call: BucketCall): Promise<Answer> {
  const { query } = call;
  const { prefix, delimiter, most, encode, encodingType } = commonOf(call);
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after') ?? '';
  const after = token === undefined ? startAfter : keyOf(token);
  const { entries, prefixes, last } = pageOf(currentObjects(call, prefix, after), {
    prefix,
    delimiter,
    after,
    most,
  });
  const body = xml('ListBucketResult', {
    Name: call.bucket.name,
    Prefix: encode(prefix),
    StartAfter: startAfter === '' ? null : encode(startAfter),
    MaxKeys: most,
    Delimiter: encode(delimiter),
    EncodingType: encodingType,
    IsTruncated: last !== null,
    KeyCount: entries.length + prefixes.length,
    ContinuationToken: token,
    NextContinuationToken: last === null ? null : tokenOf(last.key),
    Contents: contents(entries, encode, query.get('fetch-owner') === 'true'),
    CommonPrefixes: prefixes.map((one) => ({ Prefix: encode(one) })),
  });
  return { status: 200, body };
}

/** Tokens mean nothing to clients. */
function tokenOf(key: string): string {
  return `Cg${Buffer.from(key).toString('base64url')}`;
}

function keyOf(token: string): string {
  const key = Buffer.from(token.slice(2), 'base64url').toString('utf8');
  if (tokenOf(key) !== token) throw invalidArgument('continuation-token', token);
  return key;
}

export async function listVersions(call: BucketCall): Promise<Answer> {
  const { query } = call;
  const { prefix, delimiter, most, encode, encodingType } = commonOf(call);
  const after = { key: query.get('key-marker') ?? '', version: query.get('version-id-marker') ?? '' };
  if (after.version !== '' && after.key === '') throw invalidArgument('version-id-marker', after.version);
  const options = { prefix, delimiter, after: after.key, most };
  const { entries, prefixes, last } = pageOf(allVersions(call, prefix, after), options);
  const told = ({ key, version, newest }: Entry) => ({
    Key: encode(key),
    VersionId: version.id,
    IsLatest: newest,
    LastModified: isoSeconds(version.modifiedAt),
  });
  const body = xml('ListVersionsResult', {
    Name: call.bucket.name,
    Prefix: encode(prefix),
    KeyMarker: encode(after.key),
    VersionIdMarker: after.version,
    MaxKeys: most,
    Delimiter: encode(delimiter),
    EncodingType: encodingType,
    IsTruncated: last !== null,
    NextKeyMarker: last === null ? null : encode(last.key),
    NextVersionIdMarker: last === null ? null : last.version,
    Version: entries
      .filter(({ version }) => !version.deleteMarker)
      .map((entry) => ({
        ...told(entry),
        ETag: `"${entry.version.etag}"`,
        Type: entry.version.type,
        Size: entry.version.size,
        StorageClass: 'Standard',
        Owner: owner,
      })),
    DeleteMarker: entries
      .filter(({ version }) => version.deleteMarker)
      .map((entry) => ({ ...told(entry), Owner: owner })),
    CommonPrefixes: prefixes.map((one) => ({ Prefix: encode(one) })),
  });
  return { status: 200, body };
}
