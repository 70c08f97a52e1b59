import { OssError, ossErrors } from '../oss-error.ts';
import * as buckets from './buckets.ts';
import type { Answer, BucketCall, Call } from './call.ts';
import { listObjects, listObjectsV2, listVersions } from './lists.ts';
import { copyObject, deleteObject, deleteObjects, getObject, putObject } from './objects.ts';
import * as uploads from './uploads.ts';

/**
 * What a caller must be allowed: to read or write the object, to read what begins with the prefix that is asked for, to read what the
 * bucket is like, or everything.
 */
type Right = 'read' | 'write' | 'list' | 'look' | 'all';

interface Row {
  readonly name: string;
  readonly method: string;
  /** Names in the query that make it this operation. */
  readonly when: readonly string[];
  readonly right: Right;
  /** Further names that it knows. */
  readonly takes?: RegExp;
}

/** An operation, and how it is told from the others. */
export type Operation = Row &
  (
    | { readonly on: 'service' | 'newBucket'; run(call: Call): Promise<Answer> }
    | {
        readonly on: 'bucket' | 'object';
        /** Only with `x-oss-copy-source`. */
        readonly copies?: boolean;
        run(call: BucketCall): Promise<Answer>;
      }
  );

const listing = /^(prefix|delimiter|max-keys|encoding-type|marker)$/;
const listingV2 = /^(prefix|delimiter|max-keys|encoding-type|start-after|continuation-token|fetch-owner)$/;
const listingVersions = /^(prefix|delimiter|max-keys|encoding-type|key-marker|version-id-marker)$/;
const listingUploads = /^(prefix|max-uploads|encoding-type|key-marker|upload-id-marker)$/;
const reading =
  /^(versionId|response-(content-type|content-disposition|content-encoding|content-language|cache-control|expires))$/;

/** The first row that fits holds, so what asks for more stands further up. */
const table: readonly Operation[] = [
  {
    name: 'ListBuckets',
    on: 'service',
    method: 'GET',
    when: [],
    takes: /^(prefix|marker|max-keys)$/,
    right: 'all',
    run: buckets.listBuckets,
  },
  {
    name: 'PutBucketVersioning',
    on: 'bucket',
    method: 'PUT',
    when: ['versioning'],
    right: 'all',
    run: buckets.putVersioning,
  },
  {
    name: 'PutBucketEncryption',
    on: 'bucket',
    method: 'PUT',
    when: ['encryption'],
    right: 'all',
    run: buckets.putEncryption,
  },
  { name: 'PutBucket', on: 'newBucket', method: 'PUT', when: [], right: 'all', run: buckets.putBucket },
  {
    name: 'DeleteBucketEncryption',
    on: 'bucket',
    method: 'DELETE',
    when: ['encryption'],
    right: 'all',
    run: buckets.deleteEncryption,
  },
  {
    name: 'AbortBucketWorm',
    on: 'bucket',
    method: 'DELETE',
    when: ['worm'],
    right: 'all',
    run: buckets.abortWorm,
  },
  { name: 'DeleteBucket', on: 'bucket', method: 'DELETE', when: [], right: 'all', run: buckets.deleteBucket },
  {
    name: 'InitiateBucketWorm',
    on: 'bucket',
    method: 'POST',
    when: ['worm'],
    right: 'all',
    run: buckets.initiateWorm,
  },
  {
    name: 'ExtendBucketWorm',
    on: 'bucket',
    method: 'POST',
    when: ['wormId', 'wormExtend'],
    right: 'all',
    run: buckets.extendWorm,
  },
  {
    name: 'CompleteBucketWorm',
    on: 'bucket',
    method: 'POST',
    when: ['wormId'],
    right: 'all',
    run: buckets.completeWorm,
  },
  {
    name: 'DeleteMultipleObjects',
    on: 'bucket',
    method: 'POST',
    when: ['delete'],
    takes: /^encoding-type$/,
    right: 'look',
    run: deleteObjects,
  },
  { name: 'GetBucketWorm', on: 'bucket', method: 'GET', when: ['worm'], right: 'look', run: buckets.getWorm },
  {
    name: 'GetBucketVersioning',
    on: 'bucket',
    method: 'GET',
    when: ['versioning'],
    right: 'look',
    run: buckets.getVersioning,
  },
  {
    name: 'GetBucketEncryption',
    on: 'bucket',
    method: 'GET',
    when: ['encryption'],
    right: 'look',
    run: buckets.getEncryption,
  },
  {
    name: 'GetBucketInfo',
    on: 'bucket',
    method: 'GET',
    when: ['bucketInfo'],
    right: 'look',
    run: buckets.getBucketInfo,
  },
  {
    name: 'GetBucketLocation',
    on: 'bucket',
    method: 'GET',
    when: ['location'],
    right: 'look',
    run: buckets.getLocation,
  },
  {
    name: 'ListObjectVersions',
    on: 'bucket',
    method: 'GET',
    when: ['versions'],
    takes: listingVersions,
    right: 'list',
    run: listVersions,
  },
  {
    name: 'ListMultipartUploads',
    on: 'bucket',
    method: 'GET',
    when: ['uploads'],
    takes: listingUploads,
    right: 'list',
    run: uploads.listUploads,
  },
  {
    name: 'ListObjectsV2',
    on: 'bucket',
    method: 'GET',
    when: ['list-type'],
    takes: listingV2,
    right: 'list',
    run: listObjectsV2,
  },
  {
    name: 'ListObjects',
    on: 'bucket',
    method: 'GET',
    when: [],
    takes: listing,
    right: 'list',
    run: listObjects,
  },
  {
    name: 'UploadPartCopy',
    on: 'object',
    method: 'PUT',
    when: ['partNumber', 'uploadId'],
    copies: true,
    right: 'write',
    run: uploads.copyPart,
  },
  {
    name: 'UploadPart',
    on: 'object',
    method: 'PUT',
    when: ['partNumber', 'uploadId'],
    right: 'write',
    run: uploads.uploadPart,
  },
  {
    name: 'CopyObject',
    on: 'object',
    method: 'PUT',
    when: [],
    copies: true,
    right: 'write',
    run: copyObject,
  },
  { name: 'PutObject', on: 'object', method: 'PUT', when: [], right: 'write', run: putObject },
  {
    name: 'InitiateMultipartUpload',
    on: 'object',
    method: 'POST',
    when: ['uploads'],
    takes: /^encoding-type$/,
    right: 'write',
    run: uploads.initiateUpload,
  },
  {
    name: 'CompleteMultipartUpload',
    on: 'object',
    method: 'POST',
    when: ['uploadId'],
    takes: /^encoding-type$/,
    right: 'write',
    run: uploads.completeUpload,
  },
  {
    name: 'ListParts',
    on: 'object',
    method: 'GET',
    when: ['uploadId'],
    takes: /^(max-parts|part-number-marker|encoding-type)$/,
    right: 'read',
    run: uploads.listParts,
  },
  {
    name: 'GetObjectMeta',
    on: 'object',
    method: 'HEAD',
    when: ['objectMeta'],
    takes: reading,
    right: 'read',
    run: getObject,
  },
  { name: 'GetObject', on: 'object', method: 'GET', when: [], takes: reading, right: 'read', run: getObject },
  {
    name: 'HeadObject',
    on: 'object',
    method: 'HEAD',
    when: [],
    takes: reading,
    right: 'read',
    run: getObject,
  },
  {
    name: 'AbortMultipartUpload',
    on: 'object',
    method: 'DELETE',
    when: ['uploadId'],
    right: 'write',
    run: uploads.abortUpload,
  },
  {
    name: 'DeleteObject',
    on: 'object',
    method: 'DELETE',
    when: [],
    takes: /^versionId$/,
    right: 'write',
    run: deleteObject,
  },
];

/** Names in a query that belong to its signature. */
const signature = /^(x-oss-|OSSAccessKeyId$|Expires$|Signature$|security-token$)/;

/**
 * Which operation a request asks for.
 * @throws OssError MethodNotAllowed if nothing is done by that method, NotImplemented if it asks for what is not here
 */
export function operationOf(
  request: Pick<Call, 'method' | 'bucketName' | 'key' | 'query' | 'headers'>,
): Operation {
  const { method, bucketName, key, query, headers } = request;
  const kind = key !== '' ? 'object' : bucketName !== '' ? 'bucket' : 'service';
  const names = [...query.keys()].filter((name) => !signature.test(name));
  const copies = headers['x-oss-copy-source'] !== undefined;
  const possible = table.filter(
    (row) => row.method === method && (row.on === 'newBucket' ? 'bucket' : row.on) === kind,
  );
  if (possible.length === 0) throw new OssError(ossErrors.methodNotAllowed);
  const found = possible.find(
    (row) =>
      row.when.every((name) => names.includes(name)) &&
      names.every((name) => row.when.includes(name) || row.takes?.test(name) === true) &&
      (!('copies' in row) || row.copies !== true || copies),
  );
  if (found === undefined) throw new OssError(ossErrors.notImplemented);
  return found;
}
