import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { SandboxCloud } from '../cloud.ts';
import { mayTouch, type Principal } from '../identity.ts';
import type { ObjectStore, StoredObject } from '../objects/object-store.ts';
import { OssError, ossErrors } from '../objects/oss-error.ts';
import { checkOssSignature, type OssResource } from '../objects/oss-signature.ts';
import { decode, pairsOf } from '../signatures.ts';
import { unverified } from '../unverified.ts';
import { headersOf, type Listening, listen } from './listen.ts';

/** Official documentation: an object's name is 1 to 1023 bytes of UTF-8. */
const LONGEST_KEY_BYTES = 1_023;

/** Everything about one request that an operation needs. */
interface Call {
  readonly cloud: SandboxCloud;
  readonly store: ObjectStore;
  readonly resource: OssResource;
  readonly principal: Principal;
  readonly headers: Readonly<Record<string, string>>;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Object storage: put, get, head and delete an object, create a bucket. V1 and V4 signatures, path and virtual-host style. */
export function serveObjects(
  cloud: SandboxCloud,
  store: ObjectStore,
  address: string,
  port: number,
): Promise<Listening> {
  return listen(address, port, async (request, response) => {
    const requestId = cloud.world.random.hex(12).toUpperCase();
    response.setHeader('x-oss-request-id', requestId);
    response.setHeader('server', 'AliyunOSS');
    const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
    const headers = headersOf(request);
    const pairs = pairsOf(query);
    const resources = meantBy(headers.host ?? '', path);
    const action = operationName(request.method ?? '', resources[0]?.key ?? '');
    const told = { action, key: `${resources[0]?.bucket}/${resources[0]?.key}`, requestId };
    try {
      const { principal, resource } = checkOssSignature({
        request: { method: request.method ?? '', query: pairs, headers },
        resources,
        region: cloud.region,
        clock: cloud.world.clock,
        identity: cloud.identity,
      });
      const call = { cloud, store, resource, principal, headers, request, response };
      await withFaults(call, action, () => operate(call, pairs));
      note(cloud, told, response.statusCode, 'OK');
    } catch (caught) {
      if (caught instanceof Injected) {
        note(cloud, told, 0, caught.message);
        return;
      }
      if (!(caught instanceof OssError)) throw caught;
      note(cloud, told, caught.status, caught.code);
      refuse(request, response, caught, requestId);
    }
  });
}

/** Which bucket and key a request may mean: by its host, and, if that looks like both, by its path too. */
function meantBy(host: string, path: string): readonly OssResource[] {
  const name = host.replace(/:\d+$/, '');
  // In a path a plus is a plus, unlike in a query.
  const plain = decode(path.replaceAll('+', '%2B')).slice(1);
  const slash = plain.indexOf('/');
  const byPath =
    slash < 0 ? { bucket: plain, key: '' } : { bucket: plain.slice(0, slash), key: plain.slice(slash + 1) };
  if (name === 'localhost' || isIP(name) !== 0 || !name.includes('.')) return [byPath];
  const byHost = { bucket: name.slice(0, name.indexOf('.')), key: plain };
  return byPath.bucket === byHost.bucket ? [byHost, byPath] : [byHost];
}

function operationName(method: string, key: string): string {
  const verbs: Readonly<Record<string, string>> = { PUT: 'Put', GET: 'Get', HEAD: 'Head', DELETE: 'Delete' };
  return `oss:${verbs[method] ?? method}${key === '' ? 'Bucket' : 'Object'}`;
}

function note(
  cloud: SandboxCloud,
  told: { readonly action: string; readonly key: string; readonly requestId: string },
  status: number,
  code: string,
): void {
  cloud.world.journal.call({
    at: cloud.world.clock.now(),
    action: told.action,
    parameters: { Object: told.key },
    code,
    status,
    effect: code === 'OK' && /Put|Delete/.test(told.action),
    requestId: told.requestId,
  });
}

/** The caller was left without an answer, on purpose. */
class Injected extends Error {}

async function withFaults(call: Call, action: string, run: () => Promise<void>): Promise<void> {
  const fault = call.cloud.faults.take(action, []);
  if (fault === null) return run();
  const { answer } = fault;
  if (answer.kind === 'delay') {
    await call.cloud.world.waitExactly(answer.ms);
    return run();
  }
  if (answer.kind === 'error') throw new OssError(answer);
  if (answer.kind === 'html') throw new OssError({ status: 502, code: 'BadGateway', message: 'Bad Gateway' });
  if (answer.kind === 'reset') call.request.socket.resetAndDestroy();
  throw new Injected(answer.kind === 'reset' ? 'Reset' : 'NoAnswer');
}

async function operate(call: Call, query: readonly (readonly [string, string])[]): Promise<void> {
  const { cloud, resource, principal, request } = call;
  const { bucket, key } = resource;
  // What the URL asks for beyond the object itself belongs to operations that are not here.
  const extra = query.filter(
    ([name]) => !/^(x-oss-|OSSAccessKeyId$|Expires$|Signature$|security-token$)/.test(name),
  );
  // GetObjectMeta is a HEAD that tells less than HeadObject; here it tells as much.
  const onlyMeta = request.method === 'HEAD' && extra.every(([name]) => name === 'objectMeta');
  if (extra.length > 0 && !onlyMeta) throw new OssError(ossErrors.notImplemented);
  if (key === '') return bucketOperation(call);
  if (Buffer.byteLength(key) > LONGEST_KEY_BYTES) throw new OssError(ossErrors.invalidObjectName);
  if (!cloud.buckets().includes(bucket)) throw new OssError(ossErrors.noSuchBucket, { BucketName: bucket });
  const writes = request.method === 'PUT' || request.method === 'DELETE';
  if (!mayTouch(principal, bucket, key, writes ? 'write' : 'read'))
    throw new OssError(ossErrors.accessDenied);
  switch (request.method) {
    case 'PUT':
      return putObject(call);
    case 'GET':
    case 'HEAD':
      return getObject(call);
    case 'DELETE':
      await call.store.remove(bucket, key);
      call.response.writeHead(204).end();
      return;
    default:
      throw new OssError(ossErrors.methodNotAllowed);
  }
}

async function bucketOperation({ cloud, resource, principal, request, response }: Call): Promise<void> {
  if (request.method !== 'PUT') throw new OssError(ossErrors.notImplemented);
  if (principal.grant !== null) throw new OssError(ossErrors.accessDenied);
  if (!/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(resource.bucket))
    throw new OssError(ossErrors.invalidBucketName);
  await cloud.putBucket(resource.bucket);
  response.writeHead(200, { location: `/${resource.bucket}` }).end();
}

async function putObject({ store, resource, headers, request, response }: Call): Promise<void> {
  if (headers['content-length'] === undefined && headers['transfer-encoding'] !== 'chunked')
    throw new OssError(ossErrors.missingContentLength);
  const object = await store.put({
    ...resource,
    body: request,
    contentType: headers['content-type'] ?? 'application/octet-stream',
    meta: Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('x-oss-meta-'))),
    contentMd5: headers['content-md5'] ?? null,
    forbidOverwrite: headers['x-oss-forbid-overwrite'] === 'true',
  });
  response
    .writeHead(200, {
      etag: etagOf(object),
      'content-md5': Buffer.from(object.md5, 'hex').toString('base64'),
      'x-oss-hash-crc64ecma': object.crc64,
      'content-length': 0,
    })
    .end();
}

async function getObject({ store, resource, headers, request, response }: Call): Promise<void> {
  const object = store.find(resource.bucket, resource.key);
  if (object === null) throw new OssError(ossErrors.noSuchKey, { Key: resource.key });
  const range = rangeOf(headers.range, object.size);
  const length = range === null ? object.size : range.end - range.start + 1;
  response.writeHead(range === null ? 200 : 206, {
    'content-type': object.contentType,
    'content-length': length,
    'accept-ranges': 'bytes',
    etag: etagOf(object),
    'content-md5': Buffer.from(object.md5, 'hex').toString('base64'),
    'last-modified': new Date(object.modifiedAt).toUTCString(),
    'x-oss-object-type': 'Normal',
    'x-oss-hash-crc64ecma': object.crc64,
    ...(range === null ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${object.size}` }),
    ...object.meta,
  });
  if (request.method === 'HEAD' || length === 0) {
    response.end();
    return;
  }
  await pipeline(store.read(object, range ?? undefined), response);
}

/** `bytes=0-99`, `bytes=100-`, `bytes=-5`. What is no such range is ignored, as HTTP has it. */
function rangeOf(
  header: string | undefined,
  size: number,
): { readonly start: number; readonly end: number } | null {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [, first = '', last = ''] = parts ?? [];
  if (first === '' && last === '') return null;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (start > end || start >= size) throw new OssError(unverified.oss.badRange);
  return { start, end };
}

function etagOf(object: StoredObject): string {
  return `"${object.md5.toUpperCase()}"`;
}

/** The error as XML; for HEAD, which has no body, in the header that OSS has for it. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: OssError,
  requestId: string,
): void {
  const elements = {
    Code: error.code,
    Message: error.message,
    RequestId: requestId,
    HostId: request.headers.host ?? '',
    ...error.details,
  };
  const inner = Object.entries(elements)
    .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
    .join('');
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${inner}</Error>`;
  // What is left of a body that nobody reads would be taken for the next request.
  const unread = !request.complete;
  response.writeHead(error.status, {
    'content-type': 'application/xml',
    ...(unread ? { connection: 'close' } : {}),
    ...(request.method === 'HEAD' ? { 'x-oss-err': Buffer.from(xml).toString('base64') } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : xml);
  if (unread) request.resume();
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
