import type { Clock } from '../../runtime/clock.ts';
import { ApiError } from './api-error.ts';
import type { Identity, Principal } from './identity.ts';
import { byKey, encode, hmacSha1Base64, hmacSha256, pairsOf, sameText, sha256Hex } from './signatures.ts';
import { unverified } from './unverified.ts';

/** A request as it came over the wire. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  /** Without the `?`. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A request whose signature holds. */
export interface SignedCall {
  readonly principal: Principal;
  readonly action: string;
  readonly version: string;
  readonly params: ReadonlyMap<string, string>;
}

/** Official documentation: how far the client's clock may be off, and for how long a nonce is used up. */
const WINDOW_MS = 15 * 60_000;
/** Nonces remembered; the oldest go first. At 100 calls a second this is more than the window. */
const MOST_NONCES = 100_000;

/** Checks signatures, dates and nonces. */
export interface Authentication {
  /** What is asked for, before it is known by whom. */
  named(request: WireRequest): Pick<SignedCall, 'action' | 'version' | 'params'>;
  /** @throws ApiError with the gateway's codes */
  check(request: WireRequest): SignedCall;
}

export function createAuthentication(settings: {
  readonly clock: Clock;
  readonly identity: Identity;
}): Authentication {
  const { clock, identity } = settings;
  const nonces = new Map<string, number>();

  const useNonce = (nonce: string) => {
    const now = clock.now();
    for (const [known, until] of nonces) {
      if (until > now && nonces.size <= MOST_NONCES) break;
      nonces.delete(known);
    }
    if (nonces.has(nonce))
      throw new ApiError({
        status: 400,
        code: 'SignatureNonceUsed',
        message: 'Specified signature nonce was used already.',
      });
    nonces.set(nonce, now + WINDOW_MS);
  };
  const checkDate = (date: string) => {
    const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date) ? new Date(date).getTime() : Number.NaN;
    if (Number.isNaN(at)) throw new ApiError(unverified.timestampFormat);
    if (Math.abs(at - clock.now()) > WINDOW_MS) throw new ApiError(unverified.timestampExpired);
  };
  const paramsOf = (request: WireRequest) => {
    const form = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
    const body = form ? pairsOf(request.body.toString('utf8')) : [];
    return new Map([...pairsOf(request.query), ...body]);
  };
  const named: Authentication['named'] = (request) => {
    const params = paramsOf(request);
    return {
      action: request.headers['x-acs-action'] ?? params.get('Action') ?? '',
      version: request.headers['x-acs-version'] ?? params.get('Version') ?? '',
      params,
    };
  };

  return {
    named,
    check(request) {
      const call = named(request);
      const authorization = request.headers.authorization;
      const [accessKeyId, nonce, date] =
        authorization === undefined
          ? checkRpc(request, call.params, identity)
          : checkAcs3(request, authorization, identity);
      checkDate(date);
      useNonce(`${accessKeyId}/${nonce}`);
      return { ...call, principal: identity.principalOf(accessKeyId) };
    },
  };
}

type Checked = readonly [accessKeyId: string, nonce: string, date: string];

/** ACS3-HMAC-SHA256: the signature is in the Authorization header, over the request as it was sent. */
function checkAcs3(request: WireRequest, authorization: string, identity: Identity): Checked {
  const parts =
    /^ACS3-HMAC-SHA256 Credential=([^,]+),\s*SignedHeaders=([^,]+),\s*Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  const [, accessKeyId, signedHeaders, signature] = parts ?? [];
  if (accessKeyId === undefined || signedHeaders === undefined || signature === undefined)
    throw new ApiError(unverified.incompleteSignature);
  const { headers } = request;
  const secret = identity.secretOf(accessKeyId, headers['x-acs-security-token'] ?? null);
  const signed = signedHeaders.split(';');
  const mustBeSigned = Object.keys(headers).filter((name) => name === 'host' || name.startsWith('x-acs-'));
  if (!mustBeSigned.every((name) => signed.includes(name)))
    throw new ApiError(unverified.incompleteSignature);
  const bodyHash = sha256Hex(request.body);
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(pairsOf(request.query)),
    signed.map((name) => `${name}:${(headers[name] ?? '').trim()}\n`).join(''),
    signedHeaders,
    bodyHash,
  ].join('\n');
  const stringToSign = `ACS3-HMAC-SHA256\n${sha256Hex(canonical)}`;
  const expected = hmacSha256(secret, stringToSign).toString('hex');
  if (headers['x-acs-content-sha256'] !== bodyHash || !sameText(expected, signature))
    throw new ApiError(unverified.signatureMismatchAcs3(stringToSign));
  return [accessKeyId, needed(headers['x-acs-signature-nonce']), needed(headers['x-acs-date'])];
}

/** The legacy RPC signature: HMAC-SHA1 over all parameters, itself one of them. */
function checkRpc(request: WireRequest, params: ReadonlyMap<string, string>, identity: Identity): Checked {
  const accessKeyId = needed(params.get('AccessKeyId'));
  const signature = needed(params.get('Signature'));
  if (params.get('SignatureMethod') !== 'HMAC-SHA1' || params.get('SignatureVersion') !== '1.0')
    throw new ApiError(unverified.incompleteSignature);
  const secret = identity.secretOf(accessKeyId, params.get('SecurityToken') ?? null);
  const query = canonicalQuery([...params].filter(([name]) => name !== 'Signature'));
  const stringToSign = `${request.method}&${encode('/')}&${encode(query)}`;
  if (!sameText(hmacSha1Base64(`${secret}&`, stringToSign), signature))
    throw new ApiError(unverified.signatureMismatchRpc(stringToSign));
  return [accessKeyId, needed(params.get('SignatureNonce')), needed(params.get('Timestamp'))];
}

function needed(value: string | undefined): string {
  if (value === undefined || value === '') throw new ApiError(unverified.incompleteSignature);
  return value;
}

function canonicalQuery(pairs: readonly (readonly [string, string])[]): string {
  return [...pairs]
    .sort(byKey)
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .join('&');
}
