import OSS from 'ali-oss';
import { z } from 'zod';
import type { Credentials, CredentialsSource } from './credentials.ts';
import { objectFailure } from './failures.ts';

/** Where a bucket is, and how to get at it. */
export interface OssSettings {
  readonly region: string;
  readonly bucket: string;
  /** URL; by default the region's own, by https. */
  readonly endpoint?: string | undefined;
  /** The bucket goes into the path and not into the host's name: for endpoints that are not Alibaba's. */
  readonly sldEnable?: boolean | undefined;
  readonly credentials: CredentialsSource;
}

/** What the SDK knows and its types do not. */
interface Options extends OSS.Options {
  readonly authorizationV4: boolean;
  readonly sldEnable: boolean;
  readonly retryMax: number;
}

/**
 * How long one request may take, in ms: a part of 8 MiB on a line of 1 Mbit/s takes 64 s. The SDK has one figure for connecting and
 * answering.
 */
const TIMEOUT_MS = 120_000;
/** The SDK would fetch new credentials itself, by a clock of its own; we do, before every request. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

/** Makes one request with the SDK: `call` gets a client that has the credentials of now. Throws `Failure`. */
export type Requester = <T>(tried: string, call: (client: OSS) => Promise<T>) => Promise<T>;

/**
 * The SDK behind one door. Its own retries are off: they are silent, and few. Signatures are V4: newer accounts and buckets take no
 * other.
 */
export function createRequester(settings: OssSettings): Requester {
  const { credentials: source, endpoint, region, bucket, sldEnable = false } = settings;
  let used: { readonly credentials: Credentials; readonly client: OSS } | undefined;
  const clientFor = (credentials: Credentials): OSS => {
    const same =
      used?.credentials.accessKeyId === credentials.accessKeyId &&
      used.credentials.accessKeySecret === credentials.accessKeySecret &&
      used.credentials.securityToken === credentials.securityToken;
    if (same && used !== undefined) return used.client;
    const { accessKeyId, accessKeySecret, securityToken } = credentials;
    const temporary =
      securityToken === undefined
        ? {}
        : {
            stsToken: securityToken,
            refreshSTSTokenInterval: NEVER_MS,
            refreshSTSToken: async () => ({ accessKeyId, accessKeySecret, stsToken: securityToken }),
          };
    const options: Options = {
      region: region.startsWith('oss-') ? region : `oss-${region}`,
      bucket,
      accessKeyId,
      accessKeySecret,
      authorizationV4: true,
      secure: !endpoint?.startsWith('http://'),
      timeout: TIMEOUT_MS,
      retryMax: 0,
      sldEnable,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...temporary,
    };
    const client = new OSS(options);
    used = { credentials, client };
    return client;
  };
  return async (tried, call) => {
    const credentials = await source();
    try {
      return await call(clientFor(credentials));
    } catch (caught) {
      throw objectFailure(tried, caught);
    }
  };
}

/** The headers that we read, whatever the SDK's types say. */
const headersSchema = z.object({
  etag: z.string().optional(),
  date: z.string().optional(),
  'last-modified': z.string().optional(),
  'content-length': z.coerce.number().optional(),
  'x-oss-hash-crc64ecma': z.string().optional(),
  'x-oss-version-id': z.string().optional(),
});
export type Headers = z.infer<typeof headersSchema>;

export function headersOf(response: { readonly headers: unknown }): Headers {
  return headersSchema.parse(response.headers);
}

/** Without its quotes. */
export function etagOf(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

/** Names in listings, which are asked for encoded: XML can't hold every name. A space may have become a plus. */
export function decodeKey(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

export function timeOf(text: string | undefined): number {
  return text === undefined ? 0 : new Date(text).getTime();
}
