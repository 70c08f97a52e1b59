import type { ApiErrorAnswer } from '../api-error.ts';

/** A refusal of object storage. */
export class OssError extends Error {
  override readonly name = 'OssError';
  readonly status: number;
  readonly code: string;
  /** Further elements of the XML. */
  readonly details: Readonly<Record<string, string>>;

  constructor(answer: ApiErrorAnswer, details: Readonly<Record<string, string>> = {}) {
    super(answer.message);
    this.status = answer.status;
    this.code = answer.code;
    this.details = details;
  }
}

/** Refusals with documented codes. */
export const ossErrors = {
  noSuchBucket: {
    status: 404,
    code: 'NoSuchBucket',
    message: 'The specified bucket does not exist.',
  },
  noSuchKey: { status: 404, code: 'NoSuchKey', message: 'The specified key does not exist.' },
  accessDenied: {
    status: 403,
    code: 'AccessDenied',
    message: 'You have no right to access this object because of bucket acl.',
  },
  invalidAccessKeyId: {
    status: 403,
    code: 'InvalidAccessKeyId',
    message: 'The OSS Access Key Id you provided does not exist in our records.',
  },
  signatureDoesNotMatch: {
    status: 403,
    code: 'SignatureDoesNotMatch',
    message:
      'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  },
  invalidDigest: {
    status: 400,
    code: 'InvalidDigest',
    message: 'The Content-MD5 you specified was invalid.',
  },
  missingContentLength: {
    status: 411,
    code: 'MissingContentLength',
    message: 'You must provide the Content-Length HTTP header.',
  },
  entityTooLarge: {
    status: 400,
    code: 'EntityTooLarge',
    message: 'Your proposed upload exceeds the maximum allowed size.',
  },
  fileAlreadyExists: {
    status: 409,
    code: 'FileAlreadyExists',
    message: 'The object you specified already exists and can not be overwritten.',
  },
  invalidBucketName: {
    status: 400,
    code: 'InvalidBucketName',
    message: 'The specified bucket is not valid.',
  },
  invalidObjectName: {
    status: 400,
    code: 'InvalidObjectName',
    message: 'The specified object is not valid.',
  },
  methodNotAllowed: {
    status: 405,
    code: 'MethodNotAllowed',
    message: 'The specified method is not allowed against this resource.',
  },
  notImplemented: {
    status: 501,
    code: 'NotImplemented',
    message: 'A header or query you provided implies functionality that is not implemented.',
  },
} as const;
