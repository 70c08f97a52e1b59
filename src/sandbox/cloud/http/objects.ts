import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { ApiError } from '../api-error.ts';
import type { SandboxCloud } from '../cloud.ts';
import { mayTouch } from '../identity.ts';
import type { Answer, Call } from '../objects/operations/call.ts';
import { type Operation, operationOf } from '../objects/operations/table.ts';
import { OssError, ossErrors } from '../objects/oss-error.ts';
import { checkOssSignature, type OssResource } from '../objects/oss-signature.ts';
import { xml } from '../objects/xml.ts';
import { decode, pairsOf } from '../signatures.ts';
import { unverified } from '../unverified.ts';
import { headersOf, type Listening, listen } from './listen.ts';
import { type Fate, fateOf, LeftWithoutAnswer, shaped } from './object-faults.ts';

/** Official documentation: an object's name is 1 to 1023 bytes of UTF-8. */
const LONGEST_KEY_BYTES = 1_023;

/** Object storage of one region. V1 and V4 signatures, in headers and in URLs; path and virtual-host style. */
export function serveObjects(
  cloud: SandboxCloud,
  region: string,
  address: string,
  port: number,
): Promise<Listening> {
  return listen(address, port, async (request, response) => {
    const requestId = cloud.world.random.hex(12).toUpperCase();
    response.setHeader('x-oss-request-id', requestId);
    response.setHeader('server', 'AliyunOSS');
    const seen = { action: 'oss:Unknown', object: '' };
    const note = (status: number, code: string, effect: boolean) =>
      cloud.world.journal.call({
        at: cloud.world.clock.now(),
        action: seen.action,
        parameters: { Object: seen.object, Region: region },
        code,
        status,
        effect,
        requestId,
      });
    try {
      const { call, operation } = understand(cloud, region, request);
      seen.action = `oss:${operation.name}`;
      seen.object = `${call.bucketName}/${call.key}`;
      throttle(cloud, seen.action);
      const fate = fateOf(cloud, { action: seen.action, key: call.key, region }, request);
      await fate.before();
      const answer = await run(operation, { ...call, body: shaped(call.body, fate, 'request') }, cloud);
      const changed = request.method !== 'GET' && request.method !== 'HEAD';
      try {
        await fate.after();
      } catch (caught) {
        if (changed) note(0, caught instanceof LeftWithoutAnswer ? caught.message : 'Lost', true);
        throw caught instanceof LeftWithoutAnswer ? new LeftWithoutAnswer(caught.message, true) : caught;
      }
      await send(request, response, answer, fate);
      note(answer.status, 'OK', changed);
    } catch (caught) {
      if (caught instanceof LeftWithoutAnswer) {
        if (!caught.told) note(0, caught.message, false);
        return;
      }
      if (!(caught instanceof OssError)) throw caught;
      note(caught.status, caught.code, false);
      refuse(request, response, caught, requestId);
    }
  });
}

/** Who asks, for what, and whether they may. @throws OssError */
function understand(
  cloud: SandboxCloud,
  region: string,
  request: IncomingMessage,
): { readonly call: Call; readonly operation: Operation } {
  const [path = '/', query = ''] = (request.url ?? '/').split(/\?(.*)/s);
  const headers = headersOf(request);
  const pairs = pairsOf(query);
  const method = request.method ?? '';
  const { principal, resource } = checkOssSignature({
    request: { method, query: pairs, headers },
    resources: meantBy(headers.host ?? '', path),
    region,
    clock: cloud.world.clock,
    identity: cloud.identity,
  });
  const call: Call = {
    store: cloud.objects,
    clock: cloud.world.clock,
    principal,
    region,
    bucketName: resource.bucket,
    key: resource.key,
    query: new Map(pairs),
    headers,
    method,
    // Who stops reading has an answer to give, on this very connection.
    body: request.iterator({ destroyOnReturn: false }),
  };
  const operation = operationOf(call);
  if (Buffer.byteLength(call.key) > LONGEST_KEY_BYTES) throw new OssError(ossErrors.invalidObjectName);
  if (!mayDo(call, operation)) throw new OssError(ossErrors.accessDenied);
  return { call, operation };
}

function mayDo({ principal, bucketName, key, query }: Call, { right }: Operation): boolean {
  switch (right) {
    case 'read':
    case 'write':
      return mayTouch(principal, bucketName, key, right);
    case 'list':
      return mayTouch(principal, bucketName, query.get('prefix') ?? '', 'read');
    case 'look':
      return principal.grant?.objects.some(({ prefix }) => prefix.startsWith(`${bucketName}/`)) ?? true;
    case 'all':
      return principal.grant === null;
  }
}

async function run(operation: Operation, call: Call, cloud: SandboxCloud): Promise<Answer> {
  if (operation.on === 'service' || operation.on === 'newBucket') return operation.run(call);
  const bucket = cloud.objects.bucket(call.bucketName);
  if (bucket === null) throw new OssError(ossErrors.noSuchBucket, { BucketName: call.bucketName });
  if (bucket.region !== call.region)
    throw new OssError(unverified.oss.otherRegion, {
      Bucket: bucket.name,
      Endpoint: `oss-${bucket.region}.aliyuncs.com`,
    });
  return operation.run({ ...call, bucket });
}

/** Which bucket and key a request may mean: by its host, and, if that looks like both, by its path too. */
function meantBy(host: string, path: string): readonly OssResource[] {
  const name = host.replace(/:\d+$/, '');
  // In a path a plus is a plus, unlike in a query.
  const plain = decode(path.replaceAll('+', '%2B')).slice(1);
  const slash = plain.indexOf('/');
  const byPath =
    slash < 0 ? { bucket: plain, key: '' } : { bucket: plain.slice(0, slash), key: plain.slice(slash + 1) };
  const isEndpoint = /^\.?oss-[a-z0-9-]+\.aliyuncs\.com$/.test(name);
  if (name === 'localhost' || isIP(name) !== 0 || !name.includes('.') || isEndpoint) return [byPath];
  const byHost = { bucket: name.slice(0, name.indexOf('.')), key: plain };
  return byPath.bucket === byHost.bucket ? [byHost, byPath] : [byHost];
}

function throttle(cloud: SandboxCloud, action: string): void {
  try {
    cloud.throttle.admit(cloud.world.accountId, action);
  } catch (caught) {
    throw caught instanceof ApiError ? new OssError(unverified.oss.throttled) : caught;
  }
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  fate: Fate,
): Promise<void> {
  const { status, headers = {}, body } = answer;
  if (typeof body === 'string') {
    response.writeHead(status, {
      'content-type': 'application/xml',
      'content-length': Buffer.byteLength(body),
      ...headers,
    });
    response.end(body);
    return;
  }
  response.writeHead(status, {
    ...(body === undefined && status !== 204 && status !== 304 ? { 'content-length': 0 } : {}),
    ...headers,
  });
  if (body === undefined || request.method === 'HEAD') response.end();
  else await pipeline(shaped(body, fate, 'answer'), response);
}

/** The error as XML; for HEAD, which has no body, in the header that OSS has for it. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: OssError,
  requestId: string,
): void {
  const codes: Readonly<Record<string, string>> = unverified.oss.errorCodes;
  const text = xml('Error', {
    Code: error.code,
    Message: error.message,
    RequestId: requestId,
    HostId: request.headers.host ?? '',
    EC: codes[error.code],
    ...error.details,
  });
  // What is left of a body that nobody reads would be taken for the next request.
  const unread = !request.complete;
  response.writeHead(error.status, {
    'content-type': 'application/xml',
    ...(unread ? { connection: 'close' } : {}),
    ...(request.method === 'HEAD' ? { 'x-oss-err': Buffer.from(text).toString('base64') } : {}),
    ...(codes[error.code] === undefined ? {} : { 'x-oss-ec': codes[error.code] }),
    ...error.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : text);
  if (unread) request.resume();
}
