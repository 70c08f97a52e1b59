import OSS from 'ali-oss';
import { Failure, type FailureKind } from '../failure.ts';
import type { ObjectStore } from './object-store.ts';

/** How to reach a bucket of Alibaba Cloud's object storage. */
export interface OssSettings {
  /** URL or host; by default the region's own. */
  readonly endpoint?: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** The bucket goes into the path and not into the host's name: for endpoints that are not Alibaba's. */
  readonly sldEnable?: boolean | undefined;
}

/** The most that one call may take, in ms: bundles are small. */
const TIMEOUT_MS = 20_000;
/** Network errors are tried again by the SDK (buffers only): three times more. */
const RETRIES = 3;

/** The bucket through the official SDK. Signatures are V4: newer accounts and buckets take no other. */
export function ossObjectStore(settings: OssSettings): ObjectStore {
  const { endpoint, region, bucket, accessKeyId, accessKeySecret, sldEnable } = settings;
  const options = {
    region,
    bucket,
    accessKeyId,
    accessKeySecret,
    authorizationV4: true,
    secure: !endpoint?.startsWith('http://'),
    timeout: TIMEOUT_MS,
    retryMax: RETRIES,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(sldEnable ? { sldEnable } : {}),
  };
  const client = new OSS(options);
  const attempt = async <T>(action: string, key: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (caught) {
      throw ossFailure(`${action} oss://${bucket}/${key}`, caught);
    }
  };
  return {
    put: (key, content) => attempt('put', key, async () => void (await client.put(key, content))),
    get: (key) =>
      attempt('get', key, async () => {
        const { content } = await client.get(key);
        if (!Buffer.isBuffer(content)) throw new Error('the answer holds no bytes');
        return content;
      }),
    delete: (key) => attempt('delete', key, async () => void (await client.delete(key))),
  };
}

/** Maps the SDK's errors by their code and status, never by their text. */
export function ossFailure(tried: string, caught: unknown): Failure {
  const { code, status } = facts(caught);
  const kind: FailureKind =
    status === 404
      ? 'notFound'
      : code === 'Throttling' || status === 429
        ? 'throttled'
        : status <= 0 || status >= 500
          ? 'retryable'
          : 'rejected';
  const text = caught instanceof Error ? caught.message : String(caught);
  return new Failure(
    { kind, code, message: `${tried}: ${code} (status ${status}): ${text}` },
    { cause: caught },
  );
}

/** Negative statuses are the SDK's own: the network, a time-out. What has none never got an answer. */
function facts(caught: unknown): { readonly code: string; readonly status: number } {
  if (typeof caught !== 'object' || caught === null) return { code: 'Unexpected', status: 0 };
  const code = 'code' in caught && typeof caught.code === 'string' ? caught.code : 'UnknownError';
  const status = 'status' in caught && typeof caught.status === 'number' ? caught.status : 0;
  return { code, status };
}
