import { z } from 'zod';
import { Failure, type FailureKind } from '../../failure.ts';

/** What the SDK's errors have in common. A negative status is its own: -1 the network, -2 a time-out. */
const thrown = z.object({
  name: z.string().optional().catch(undefined),
  code: z.string().optional().catch(undefined),
  status: z.number().optional().catch(undefined),
  requestId: z.string().optional().catch(undefined),
  message: z.string().catch(''),
});

/** The longest part of the vendor's text that a message repeats, in characters. */
const TEXT_LIMIT = 300;

/** Node's words for a connection that was never made. The SDK keeps only the text of Node's error, so there is no code to match on. */
const neverConnected = /^(connect E|getaddrinfo )/;

/**
 * What the SDK threw, as a `Failure`. The SDK's error is not kept as the cause: it holds the request, and with it the content and the
 * signature.
 */
export function objectFailure(tried: string, caught: unknown): Failure {
  if (caught instanceof Failure) return caught;
  const {
    name = 'Error',
    code,
    status,
    requestId,
    message,
  } = thrown.safeParse(caught).data ?? { message: '' };
  const text = message.split('\n')[0]?.slice(0, TEXT_LIMIT) ?? '';
  if (status === undefined || status <= 0) {
    if (name === 'ConnectionTimeoutError' || neverConnected.test(text))
      return failure(
        'retryable',
        'Unreachable',
        `${tried}: no connection to the object storage (${text}): check the endpoint and the region`,
      );
    return failure('retryable', 'NoAnswer', `${tried}: no answer from the object storage (${name}: ${text})`);
  }
  const known = code ?? byStatus[status] ?? (status >= 500 ? 'NoAnswer' : 'Refused');
  const said = `${known}, HTTP ${status}, request ${requestId ?? '?'}`;
  return failure(
    kindOf(known, status),
    known,
    `${tried}: ${meaningOf(known)} (${said})${text && `: ${text}`}`,
  );
}

/** Answers to which the SDK gives no code: those to a HEAD and those to a stream. */
const byStatus: Readonly<Record<number, string>> = {
  403: 'AccessDenied',
  404: 'NoSuchKey',
  412: 'PreconditionFailed',
  416: 'InvalidRange',
};

function kindOf(code: string, status: number): FailureKind {
  if (code === 'NoSuchKey' || code === 'NoSuchVersion') return 'notFound';
  if (status === 429 || /^Throttling|QpsLimitExceeded$|RateLimitExceeded$/.test(code)) return 'throttled';
  if (status >= 500 || code === 'RequestTimeout' || code === 'NoSuchUpload') return 'retryable';
  return 'rejected';
}

function meaningOf(code: string): string {
  return meanings[code] ?? 'the object storage refused';
}

const meanings: Readonly<Record<string, string>> = {
  NoSuchKey: 'there is no such object',
  NoSuchVersion: 'there is no such version of the object',
  NoSuchBucket: 'the bucket does not exist: check its name, or make it',
  NoSuchUpload: 'the upload is gone: somebody has aborted it',
  AccessDenied:
    "the object storage does not allow it: check the key's policy, and whether the bucket is in this region",
  InvalidAccessKeyId: 'the object storage does not know the key: check the credentials',
  SignatureDoesNotMatch: 'the object storage does not accept the signature: check the secret',
  SecurityTokenExpired: 'the temporary credentials have expired',
  RequestTimeTooSkewed: "this machine's clock is wrong by more than 15 minutes: set it",
  FileAlreadyExists: 'another object has that name',
  FileImmutable: "the bucket's retention policy does not allow it yet",
};

function failure(kind: FailureKind, code: string, message: string): Failure {
  // A name that a version had is as good as no name to whoever asks for it.
  return new Failure({ kind, code: code === 'NoSuchVersion' ? 'NoSuchKey' : code, message });
}

/** The CRC64s differ. */
export function checksumMismatch(
  tried: string,
  kind: 'retryable' | 'rejected',
  ours: string,
  theirs: string,
): Failure {
  const message = `${tried}: the CRC64 of the bytes is ${ours}, the object storage says ${theirs}: they were damaged`;
  return new Failure({ kind, code: 'ChecksumMismatch', message });
}

/** We refuse it ourselves. */
export function rejected(code: string, message: string): Failure {
  return new Failure({ kind: 'rejected', code, message });
}

/** The service's limit, in bytes of UTF-8. */
const LONGEST_KEY_BYTES = 1_023;

/**
 * A name that an object can have. The SDK would drop a slash at the front, and a name that is too long is refused without a word of
 * which.
 */
export function mustBeKey(key: string): string {
  if (key !== '' && !/^[/\\]/.test(key) && Buffer.byteLength(key) <= LONGEST_KEY_BYTES) return key;
  throw rejected('InvalidObjectName', `an object can't be called ${JSON.stringify(key.slice(0, 100))}`);
}
