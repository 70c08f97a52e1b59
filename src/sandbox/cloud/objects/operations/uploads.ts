import { OssError, ossErrors } from '../oss-error.ts';
import type { Part, PartedUpload } from '../records.ts';
import { inside, textOf, xml } from '../xml.ts';
import {
  type Answer,
  type BucketCall,
  encoderOf,
  invalidArgument,
  isoSeconds,
  numberOf,
  owner,
  textBody,
} from './call.ts';
import { objectHeaders, writtenHeaders } from './headers.ts';
import { copySource, forbidsOverwrite, mustHaveLength } from './objects.ts';

/** Official documentation: parts are numbered up to 10 000, and all but the last have 100 KB or more. */
const MOST_PARTS = 10_000;
const LEAST_PART_BYTES = 100 * 1024;
/** Official documentation: the most of one page. */
const MOST_A_PAGE = 1_000;

export async function initiateUpload(call: BucketCall): Promise<Answer> {
  const { store, bucket, key, headers } = call;
  const taken = bucket.versioning === 'never' && store.versions(bucket.name, key).length > 0;
  if (taken && forbidsOverwrite(call)) throw new OssError(ossErrors.fileAlreadyExists);
  const upload = await store.beginUpload(bucket.name, key, objectHeaders(bucket, headers));
  const elements = { Bucket: bucket.name, Key: encoderOf(call)(key), UploadId: upload.id };
  return { status: 200, body: xml('InitiateMultipartUploadResult', elements) };
}

export async function uploadPart(call: BucketCall): Promise<Answer> {
  mustHaveLength(call);
  const { store, headers, body } = call;
  const { id, number } = asked(call);
  const written = await store.bytes.write(body, headers['content-md5'] ?? null);
  const part = await store.addPart(call.bucket.name, call.key, id, number, written);
  return {
    status: 200,
    headers: { ...partHeaders(part), 'content-md5': Buffer.from(part.md5, 'hex').toString('base64') },
  };
}

export async function copyPart(call: BucketCall): Promise<Answer> {
  const { store, headers } = call;
  const { id, number } = asked(call);
  const source = copySource(call);
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers['x-oss-copy-source-range'] ?? '');
  const [start, end] = range === null ? [0, source.size - 1] : [Number(range[1]), Number(range[2])];
  if (start > end || end >= source.size)
    throw invalidArgument('x-oss-copy-source-range', headers['x-oss-copy-source-range'] ?? '');
  const written = await store.bytes.write(store.bytes.read(source.segments, start, end), null);
  const part = await store.addPart(call.bucket.name, call.key, id, number, written);
  const elements = { LastModified: isoSeconds(part.modifiedAt), ETag: etagOf(part) };
  return { status: 200, headers: partHeaders(part), body: xml('CopyPartResult', elements) };
}

/** The upload is known, and the number is one. */
function asked(call: BucketCall): { readonly id: string; readonly number: number } {
  const id = call.query.get('uploadId') ?? '';
  call.store.upload(call.bucket.name, call.key, id);
  return { id, number: numberOf(call, 'partNumber', { least: 1, most: MOST_PARTS, otherwise: 0 }) };
}

function partHeaders(part: Part): Record<string, string> {
  return { etag: etagOf(part), 'x-oss-hash-crc64ecma': part.crc64 };
}

function etagOf(part: Part): string {
  return `"${part.md5.toUpperCase()}"`;
}

export async function completeUpload(call: BucketCall): Promise<Answer> {
  const { store, bucket, key, query } = call;
  const upload = store.upload(bucket.name, key, query.get('uploadId') ?? '');
  const parts = listedParts(upload, await textBody(call));
  const version = await store.completeUpload(upload, parts, forbidsOverwrite(call));
  const elements = {
    Location: `http://${bucket.name}.oss-${bucket.region}.aliyuncs.com/${encodeURIComponent(key)}`,
    Bucket: bucket.name,
    Key: encoderOf(call)(key),
    ETag: `"${version.etag}"`,
  };
  return {
    status: 200,
    headers: writtenHeaders(bucket, version),
    body: xml('CompleteMultipartUploadResult', elements),
  };
}

/** @throws OssError MalformedXML, InvalidPartOrder, InvalidPart, EntityTooSmall */
function listedParts(upload: PartedUpload, body: string): readonly Part[] {
  const listed = inside(body, 'Part').map((part) => ({
    number: Number(textOf(part, 'PartNumber') ?? Number.NaN),
    md5: (textOf(part, 'ETag') ?? '').replaceAll('"', '').toLowerCase(),
  }));
  if (listed.length === 0 || listed.length > MOST_PARTS) throw new OssError(ossErrors.malformedXml);
  if (listed.some(({ number }, at) => !(number > (listed[at - 1]?.number ?? 0))))
    throw new OssError(ossErrors.invalidPartOrder);
  return listed.map(({ number, md5 }, at) => {
    const part = upload.parts.find((one) => one.number === number);
    if (part === undefined || part.md5 !== md5)
      throw new OssError(ossErrors.invalidPart, { PartNumber: String(number) });
    if (part.size < LEAST_PART_BYTES && at < listed.length - 1)
      throw new OssError(ossErrors.entityTooSmall, { PartNumber: String(number), Size: String(part.size) });
    return part;
  });
}

export async function abortUpload({ store, bucket, key, query }: BucketCall): Promise<Answer> {
  await store.abortUpload(bucket.name, key, query.get('uploadId') ?? '');
  return { status: 204 };
}

export async function listParts(call: BucketCall): Promise<Answer> {
  const { store, bucket, key, query } = call;
  const upload = store.upload(bucket.name, key, query.get('uploadId') ?? '');
  const most = numberOf(call, 'max-parts', { least: 1, most: MOST_A_PAGE, otherwise: MOST_A_PAGE });
  const after = numberOf(call, 'part-number-marker', { least: 0, most: MOST_PARTS, otherwise: 0 });
  const left = upload.parts.filter((part) => part.number > after);
  const page = left.slice(0, most);
  const body = xml('ListPartsResult', {
    Bucket: bucket.name,
    Key: encoderOf(call)(key),
    UploadId: upload.id,
    StorageClass: 'Standard',
    PartNumberMarker: after,
    NextPartNumberMarker: page.at(-1)?.number ?? after,
    MaxParts: most,
    IsTruncated: left.length > page.length,
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: isoSeconds(part.modifiedAt),
      ETag: etagOf(part),
      HashCrc64ecma: part.crc64,
      Size: part.size,
    })),
  });
  return { status: 200, body };
}

export async function listUploads(call: BucketCall): Promise<Answer> {
  const { store, bucket, query } = call;
  const encode = encoderOf(call);
  const most = numberOf(call, 'max-uploads', { least: 1, most: MOST_A_PAGE, otherwise: MOST_A_PAGE });
  const [prefix, keyMarker, idMarker] = ['prefix', 'key-marker', 'upload-id-marker'].map(
    (name) => query.get(name) ?? '',
  );
  const left = store
    .uploads(bucket.name)
    .filter(({ key }) => key.startsWith(prefix ?? ''))
    .sort((a, b) => compare(a.key, b.key) || compare(a.id, b.id))
    .filter(({ key, id }) => {
      const order = compare(key, keyMarker ?? '');
      return order > 0 || (order === 0 && idMarker !== '' && compare(id, idMarker ?? '') > 0);
    });
  const page = left.slice(0, most);
  const truncated = left.length > page.length;
  const body = xml('ListMultipartUploadsResult', {
    Bucket: bucket.name,
    EncodingType: query.get('encoding-type'),
    KeyMarker: encode(keyMarker ?? ''),
    UploadIdMarker: idMarker,
    Prefix: encode(prefix ?? ''),
    NextKeyMarker: truncated ? encode(page.at(-1)?.key ?? '') : '',
    NextUploadIdMarker: truncated ? (page.at(-1)?.id ?? '') : '',
    MaxUploads: most,
    IsTruncated: truncated,
    Upload: page.map(({ key, id, initiatedAt }) => ({
      Key: encode(key),
      UploadId: id,
      Initiator: owner,
      Owner: owner,
      StorageClass: 'Standard',
      Initiated: isoSeconds(initiatedAt),
    })),
  });
  return { status: 200, body };
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
