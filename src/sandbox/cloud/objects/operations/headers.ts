import { unverified } from '../../unverified.ts';
import type { ObjectHeaders } from '../object-store.ts';
import { OssError } from '../oss-error.ts';
import type { Bucket, StoredVersion } from '../records.ts';

const SSE = 'x-oss-server-side-encryption';
/** What a writer may have sent back to readers. */
const kept =
  /^(x-oss-meta-.+|cache-control|content-disposition|content-encoding|expires|x-oss-server-side-encryption(-key-id)?)$/;

/** What goes with an object that is written with these headers. @throws OssError InvalidEncryptionAlgorithmError */
export function objectHeaders(bucket: Bucket, headers: Readonly<Record<string, string>>): ObjectHeaders {
  const encryption = headers[SSE] ?? bucket.encryption ?? undefined;
  if (encryption !== undefined && encryption !== 'AES256' && encryption !== 'KMS')
    throw new OssError(unverified.oss.badEncryption);
  return {
    contentType: headers['content-type'] ?? 'application/octet-stream',
    headers: {
      ...Object.fromEntries(Object.entries(headers).filter(([name]) => kept.test(name))),
      ...(encryption === undefined ? {} : { [SSE]: encryption }),
    },
  };
}

/** What is told of a version after it was written. */
export function writtenHeaders(bucket: Bucket, version: StoredVersion): Record<string, string> {
  const encryption = version.headers[SSE];
  return {
    etag: `"${version.etag}"`,
    'x-oss-hash-crc64ecma': version.crc64,
    ...(version.md5 === null ? {} : { 'content-md5': Buffer.from(version.md5, 'hex').toString('base64') }),
    ...(encryption === undefined ? {} : { [SSE]: encryption }),
    ...versionHeader(bucket, version.id),
  };
}

export function versionHeader(bucket: Bucket, id: string): Record<string, string> {
  return bucket.versioning === 'never' ? {} : { 'x-oss-version-id': id };
}
