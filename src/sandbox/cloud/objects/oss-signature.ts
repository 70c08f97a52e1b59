import type { Clock } from '../../../runtime/clock.ts';
import { ApiError } from '../api-error.ts';
import type { Identity, Principal } from '../identity.ts';
import { byKey, encode, hmacSha1Base64, hmacSha256, sameText, sha256Hex } from '../signatures.ts';
import { unverified } from '../unverified.ts';
import { OssError, ossErrors } from './oss-error.ts';

/** What is signed, however it is signed. */
export interface OssRequest {
  readonly method: string;
  /** Decoded. A name without `=` and one with nothing after it are the same here: both have the value ''. */
  readonly query: readonly (readonly [string, string])[];
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A bucket and key that a request may mean; an empty key is the bucket itself. */
export interface OssResource {
  readonly bucket: string;
  readonly key: string;
}

/** Official documentation: the client's clock may be off by 15 minutes, and a presigned V4 URL lives 7 days at most. */
const WINDOW_MS = 15 * 60_000;
const LONGEST_PRESIGNED_S = 7 * 86_400;

/** Queries that V1 signs as part of the resource (official documentation). */
const v1SubResources = new Set([
  'acl',
  'uploads',
  'location',
  'cors',
  'logging',
  'website',
  'lifecycle',
  'delete',
  'append',
  'tagging',
  'objectMeta',
  'uploadId',
  'partNumber',
  'security-token',
  'position',
  'versioning',
  'versions',
  'versionId',
  'replication',
  'encryption',
  'worm',
  'comp',
  'wormId',
  'wormExtend',
  'bucketInfo',
  'stat',
  'policy',
  'continuation-token',
  'response-content-type',
  'response-content-disposition',
  'response-content-encoding',
  'response-cache-control',
  'response-expires',
]);

/**
 * Checks a request's signature, V4 or V1, in its headers or in its URL.
 * @param resources what it may mean, in order: virtual-host and path style can look alike, and the signature tells
 * @throws OssError
 */
export function checkOssSignature(settings: {
  readonly request: OssRequest;
  readonly resources: readonly OssResource[];
  readonly region: string;
  readonly clock: Clock;
  readonly identity: Identity;
}): { readonly principal: Principal; readonly resource: OssResource } {
  const { request, resources, clock, identity } = settings;
  const signed = readSignature(request, settings.region, clock.now());
  const secret = secretOf(identity, signed.accessKeyId, signed.securityToken);
  for (const resource of resources) {
    const { signature } = signed.expected(resource, secret);
    if (sameText(signature, signed.signature))
      return { principal: identity.principalOf(signed.accessKeyId), resource };
  }
  const [first] = resources;
  const stringToSign = first === undefined ? '' : signed.expected(first, secret).stringToSign;
  throw new OssError(ossErrors.signatureDoesNotMatch, {
    OSSAccessKeyId: signed.accessKeyId,
    SignatureProvided: signed.signature,
    StringToSign: stringToSign,
  });
}

interface ReadSignature {
  readonly accessKeyId: string;
  readonly securityToken: string | null;
  readonly signature: string;
  expected(
    resource: OssResource,
    secret: string,
  ): { readonly signature: string; readonly stringToSign: string };
}

function readSignature(request: OssRequest, region: string, now: number): ReadSignature {
  const query = new Map(request.query);
  const authorization = request.headers.authorization ?? '';
  const headerV4 =
    /^OSS4-HMAC-SHA256 Credential=([^,]+?),\s*(?:AdditionalHeaders=([^,]*),\s*)?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (headerV4 !== null) {
    // Without x-oss-date the Date header is signed, as it is (the official Go SDK does so).
    const date = request.headers['x-oss-date'] ?? request.headers.date ?? '';
    if (Math.abs(timeOf(date) - now) > WINDOW_MS) throw new OssError(unverified.oss.skewed);
    const [, credential = '', additional = '', signature = ''] = headerV4;
    const token = request.headers['x-oss-security-token'] ?? null;
    return v4(request, { credential, date, additional, signature, token, region });
  }
  if (query.get('x-oss-signature-version') === 'OSS4-HMAC-SHA256') {
    const date = query.get('x-oss-date') ?? '';
    const seconds = Number(query.get('x-oss-expires') ?? Number.NaN);
    if (!(seconds >= 1 && seconds <= LONGEST_PRESIGNED_S)) throw new OssError(unverified.oss.malformed);
    if (timeOf(date) - now > WINDOW_MS) throw new OssError(unverified.oss.skewed);
    if (timeOf(date) + seconds * 1_000 < now) throw new OssError(unverified.oss.expiredUrl);
    return v4(request, {
      credential: query.get('x-oss-credential') ?? '',
      date,
      additional: query.get('x-oss-additional-headers') ?? '',
      signature: query.get('x-oss-signature') ?? '',
      token: query.get('x-oss-security-token') ?? null,
      region,
    });
  }
  const headerV1 = /^OSS ([^:]+):(\S+)$/.exec(authorization);
  if (headerV1 !== null) {
    const date = request.headers['x-oss-date'] ?? request.headers.date ?? '';
    if (!(Math.abs(new Date(date).getTime() - now) <= WINDOW_MS)) throw new OssError(unverified.oss.skewed);
    const [, accessKeyId = '', signature = ''] = headerV1;
    const securityToken = request.headers['x-oss-security-token'] ?? null;
    return { accessKeyId, securityToken, signature, expected: v1(request, date) };
  }
  const accessKeyId = query.get('OSSAccessKeyId');
  if (accessKeyId === undefined) throw new OssError(unverified.oss.malformed);
  const expires = query.get('Expires') ?? '';
  if (!(Number(expires) * 1_000 >= now)) throw new OssError(unverified.oss.expiredUrl);
  return {
    accessKeyId,
    securityToken: query.get('security-token') ?? null,
    signature: query.get('Signature') ?? '',
    expected: v1(request, expires),
  };
}

function v4(
  request: OssRequest,
  given: {
    readonly credential: string;
    readonly date: string;
    /** Names of further signed headers, with `;` between them. */
    readonly additional: string;
    readonly signature: string;
    readonly token: string | null;
    readonly region: string;
  },
): ReadSignature {
  const [accessKeyId = '', day = '', region = '', product, end] = given.credential.split('/');
  if (product !== 'oss' || end !== 'aliyun_v4_request' || day !== dayOf(given.date))
    throw new OssError(unverified.oss.malformed);
  if (region !== given.region) throw new OssError(unverified.oss.badRegion);
  const additional = given.additional === '' ? [] : given.additional.split(';');
  const headers = Object.entries(request.headers)
    .filter(
      ([name]) =>
        name === 'content-type' ||
        name === 'content-md5' ||
        name.startsWith('x-oss-') ||
        additional.includes(name),
    )
    .sort(byKey)
    .map(([name, value]) => `${name}:${value.trim()}\n`)
    .join('');
  const query = request.query
    .filter(([name]) => name !== 'x-oss-signature')
    .map(([name, value]): readonly [string, string] => [encode(name), encode(value)])
    .sort(byKey)
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
  const payload = request.headers['x-oss-content-sha256'] ?? 'UNSIGNED-PAYLOAD';
  return {
    accessKeyId,
    securityToken: given.token,
    signature: given.signature,
    expected(resource, secret) {
      const uri = encode(pathOf(resource)).replaceAll('%2F', '/');
      const canonical = [request.method, uri, query, headers, additional.join(';'), payload].join('\n');
      const scope = `${day}/${region}/oss/aliyun_v4_request`;
      const stringToSign = ['OSS4-HMAC-SHA256', given.date, scope, sha256Hex(canonical)].join('\n');
      const chain = [day, region, 'oss', 'aliyun_v4_request'];
      const key = chain.reduce<string | Uint8Array>(
        (last, part) => hmacSha256(last, part),
        `aliyun_v4${secret}`,
      );
      return { signature: hmacSha256(key, stringToSign).toString('hex'), stringToSign };
    },
  };
}

/** `20261124` */
function dayOf(date: string): string {
  return new Date(timeOf(date)).toISOString().slice(0, 10).replaceAll('-', '');
}

function v1(request: OssRequest, date: string): ReadSignature['expected'] {
  const { headers } = request;
  const ossHeaders = Object.entries(headers)
    .filter(([name]) => name.startsWith('x-oss-'))
    .sort(byKey)
    .map(([name, value]) => `${name}:${value.trim()}\n`)
    .join('');
  const sub = request.query
    .filter(([name]) => v1SubResources.has(name))
    .sort(byKey)
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
  return (resource, secret) => {
    const stringToSign = [
      request.method,
      headers['content-md5'] ?? '',
      headers['content-type'] ?? '',
      date,
      `${ossHeaders}${pathOf(resource)}${sub === '' ? '' : `?${sub}`}`,
    ].join('\n');
    return { signature: hmacSha1Base64(secret, stringToSign), stringToSign };
  };
}

function pathOf({ bucket, key }: OssResource): string {
  return bucket === '' ? '/' : `/${bucket}/${key}`;
}

/** `20261124T114149Z`, or a date as HTTP has it, in epoch ms. @throws OssError if it is neither */
function timeOf(date: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  const [, year, month, day, hour, minute, second] = parts ?? [];
  const text = parts === null ? date : `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
  const at = /(Z|GMT)$/.test(text) ? new Date(text).getTime() : Number.NaN;
  if (Number.isNaN(at)) throw new OssError(unverified.oss.malformed);
  return at;
}

/** The account's identities, refused in the words of object storage. */
function secretOf(identity: Identity, accessKeyId: string, securityToken: string | null): string {
  try {
    return identity.secretOf(accessKeyId, securityToken);
  } catch (caught) {
    if (!(caught instanceof ApiError)) throw caught;
    if (caught.code === 'InvalidAccessKeyId.NotFound') throw new OssError(ossErrors.invalidAccessKeyId);
    const expired = caught.code === unverified.securityTokenExpired.code;
    throw new OssError(expired ? unverified.oss.expiredToken : unverified.oss.badToken);
  }
}
