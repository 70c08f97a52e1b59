import { createHash } from 'node:crypto';
import { mayTouch } from '../../identity.ts';
import { decode } from '../../signatures.ts';
import { unverified } from '../../unverified.ts';
import { OssError, ossErrors } from '../oss-error.ts';
import type { Bucket, StoredVersion } from '../records.ts';
import { type Elements, inside, textOf, xml } from '../xml.ts';
import { type Answer, type BucketCall, encoderOf, isoSeconds, textBody, wholeSeconds } from './call.ts';
import { conditionsOf } from './conditions.ts';
import { objectHeaders, versionHeader, writtenHeaders } from './headers.ts';
import { rangeOf } from './range.ts';

/** Official documentation: the most that one DeleteMultipleObjects takes. */
const MOST_DELETED = 1_000;
/** Official documentation: larger objects are copied in parts. */
const MOST_COPIED_BYTES = 1024 ** 3;

export async function putObject(call: BucketCall): Promise<Answer> {
  mustHaveLength(call);
  const { store, bucket, key, headers, body } = call;
  const with_ = objectHeaders(bucket, headers);
  const written = await store.bytes.write(body, headers['content-md5'] ?? null);
  const version = await store.put(bucket.name, key, written, {
    ...with_,
    forbidOverwrite: forbidsOverwrite(call),
  });
  return { status: 200, headers: writtenHeaders(bucket, version) };
}

/** Ignored where versioning is or was on: the store knows. */
export function forbidsOverwrite({ headers }: BucketCall): boolean {
  return headers['x-oss-forbid-overwrite'] === 'true';
}

/** @throws OssError MissingContentLength */
export function mustHaveLength({ headers }: BucketCall): void {
  if (headers['content-length'] === undefined && headers['transfer-encoding'] !== 'chunked')
    throw new OssError(ossErrors.missingContentLength);
}

/** GetObject, HeadObject, and GetObjectMeta, which here tells as much as HeadObject. */
export async function getObject(call: BucketCall): Promise<Answer> {
  const { store, bucket, key, query, headers } = call;
  const version = readable(call, bucket, key, query.get('versionId') ?? null);
  const told = {
    etag: `"${version.etag}"`,
    'last-modified': new Date(wholeSeconds(version.modifiedAt)).toUTCString(),
    ...versionHeader(bucket, version.id),
  };
  if (conditionsOf(headers, version) === 'notModified') return { status: 304, headers: told };
  const range = rangeOf(headers, version.size);
  const { start, end } = range ?? { start: 0, end: version.size - 1 };
  return {
    status: range === null ? 200 : 206,
    headers: {
      ...version.headers,
      ...writtenHeaders(bucket, version),
      ...told,
      'content-type': version.contentType,
      'content-length': end - start + 1,
      'accept-ranges': 'bytes',
      'x-oss-object-type': version.type,
      'x-oss-storage-class': 'Standard',
      ...(range === null ? {} : { 'content-range': `bytes ${start}-${end}/${version.size}` }),
      ...overrides(query),
    },
    ...(version.size === 0 ? {} : { body: store.bytes.read(version.segments, start, end) }),
  };
}

/** `response-content-type=…` and so on set a header of the answer. */
function overrides(query: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(
    [...query].flatMap(([name, value]) => (name.startsWith('response-') ? [[name.slice(9), value]] : [])),
  );
}

/** The version that is to be read. @throws OssError NoSuchKey, NoSuchVersion, MethodNotAllowed */
export function readable(call: BucketCall, bucket: Bucket, key: string, id: string | null): StoredVersion {
  const versions = call.store.versions(bucket.name, key);
  const version = id === null ? versions[0] : versions.find((one) => one.id === id);
  if (version === undefined)
    throw new OssError(id === null ? ossErrors.noSuchKey : ossErrors.noSuchVersion, { Key: key });
  if (!version.deleteMarker) return version;
  const marker = { 'x-oss-delete-marker': 'true', ...versionHeader(bucket, version.id) };
  throw new OssError(
    id === null ? ossErrors.noSuchKey : unverified.oss.deleteMarkerRead,
    { Key: key },
    marker,
  );
}

export async function deleteObject({ store, bucket, key, query }: BucketCall): Promise<Answer> {
  const { version, deleteMarker } = await store.remove(bucket.name, key, query.get('versionId') ?? null);
  return {
    status: 204,
    headers: {
      ...(version === null || bucket.versioning === 'never' ? {} : { 'x-oss-version-id': version }),
      ...(deleteMarker ? { 'x-oss-delete-marker': 'true' } : {}),
    },
  };
}

export async function deleteObjects(call: BucketCall): Promise<Answer> {
  const { store, bucket, headers, principal } = call;
  const body = await textBody(call);
  const digest = createHash('md5').update(body).digest('base64');
  if (headers['content-md5'] !== digest) throw new OssError(ossErrors.invalidDigest);
  const objects = inside(body, 'Object');
  if (objects.length === 0 || objects.length > MOST_DELETED) throw new OssError(ossErrors.malformedXml);
  const quiet = textOf(body, 'Quiet') === 'true';
  const encode = encoderOf(call);
  const deleted: Elements[] = [];
  for (const object of objects) {
    const key = textOf(object, 'Key') ?? '';
    const asked = textOf(object, 'VersionId');
    if (!mayTouch(principal, bucket.name, key, 'write')) throw new OssError(ossErrors.accessDenied);
    const { version, deleteMarker } = await store.remove(bucket.name, key, asked);
    deleted.push({
      Key: encode(key),
      VersionId: asked,
      ...(deleteMarker ? { DeleteMarker: true, DeleteMarkerVersionId: version } : {}),
    });
  }
  const encodingType = call.query.get('encoding-type');
  return {
    status: 200,
    body: xml('DeleteResult', { EncodingType: encodingType, Deleted: quiet ? [] : deleted }),
  };
}

/** The object that a copy is made of. @throws OssError as for a read of it */
export function copySource(call: BucketCall): StoredVersion {
  const { headers, store, principal } = call;
  const [path = '', query = ''] = (headers['x-oss-copy-source'] ?? '').split('?');
  // In a path a plus is a plus.
  const plain = decode(path.replaceAll('+', '%2B')).replace(/^\//, '');
  const slash = plain.indexOf('/');
  const [name, key] = [plain.slice(0, Math.max(0, slash)), plain.slice(slash + 1)];
  const bucket = store.bucket(name);
  if (bucket === null) throw new OssError(ossErrors.noSuchBucket, { BucketName: name });
  if (bucket.region !== call.region) throw new OssError(unverified.oss.otherRegion);
  if (!mayTouch(principal, name, key, 'read')) throw new OssError(ossErrors.accessDenied);
  const version = readable(call, bucket, key, new URLSearchParams(query).get('versionId'));
  if (conditionsOf(headers, version, 'x-oss-copy-source-') === 'notModified')
    throw new OssError(ossErrors.preconditionFailed);
  return version;
}

export async function copyObject(call: BucketCall): Promise<Answer> {
  const { store, bucket, key, headers } = call;
  const source = copySource(call);
  if (source.size > MOST_COPIED_BYTES) throw new OssError(ossErrors.entityTooLarge);
  const replace = headers['x-oss-metadata-directive']?.toUpperCase() === 'REPLACE';
  const with_ = replace ? objectHeaders(bucket, headers) : source;
  const content = store.bytes.read(source.segments, 0, source.size - 1);
  const written = await store.bytes.write(content, null);
  const version = await store.put(bucket.name, key, written, {
    contentType: with_.contentType,
    headers: with_.headers,
    forbidOverwrite: forbidsOverwrite(call),
  });
  const body = xml('CopyObjectResult', {
    LastModified: isoSeconds(version.modifiedAt),
    ETag: `"${version.etag}"`,
  });
  return { status: 200, headers: writtenHeaders(bucket, version), body };
}
