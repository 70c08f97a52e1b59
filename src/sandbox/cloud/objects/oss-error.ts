import type { ApiErrorAnswer } from '../api-error.ts';

/** A refusal of object storage. */
export class OssError extends Error {
  override readonly name = 'OssError';
  readonly status: number;
  readonly code: string;
  /** Further elements of the XML. */
  readonly details: Readonly<Record<string, string>>;

  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    answer: ApiErrorAnswer,
    details: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(answer.message);
    this.headers = headers;
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
  fileImmutable: {
    status: 409,
    code: 'FileImmutable',
    message: 'The object is immutable, as its bucket has a retention policy.',
  },
  bucketAlreadyExists: {
    status: 409,
    code: 'BucketAlreadyExists',
    message:
      'The requested bucket name is not available. The bucket namespace is shared by all users of the system.',
  },
  bucketNotEmpty: {
    status: 409,
    code: 'BucketNotEmpty',
    message: 'The bucket you tried to delete is not empty.',
  },
  noSuchUpload: {
    status: 404,
    code: 'NoSuchUpload',
    message:
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  },
  noSuchVersion: {
    status: 404,
    code: 'NoSuchVersion',
    message: 'The specified version does not exist.',
  },
  invalidPart: {
    status: 400,
    code: 'InvalidPart',
    message:
      'One or more of the specified parts could not be found or the specified entity tag might not have matched.',
  },
  invalidPartOrder: {
    status: 400,
    code: 'InvalidPartOrder',
    message:
      'The list of parts was not in ascending order. Parts list must be specified in order by part number.',
  },
  entityTooSmall: {
    status: 400,
    code: 'EntityTooSmall',
    message: 'Your proposed upload smaller than the minimum allowed size.',
  },
  invalidArgument: { status: 400, code: 'InvalidArgument', message: 'An argument is not valid.' },
  malformedXml: {
    status: 400,
    code: 'MalformedXML',
    message: 'The XML you provided was not well-formed or did not validate against our published schema.',
  },
  preconditionFailed: {
    status: 412,
    code: 'PreconditionFailed',
    message: 'At least one of the pre-conditions you specified did not hold.',
  },
  noSuchWorm: {
    status: 404,
    code: 'NoSuchWORMConfiguration',
    message: 'The bucket has no retention policy.',
  },
  wormLocked: {
    status: 409,
    code: 'WORMConfigurationLocked',
    message: 'The retention policy of the bucket is locked, or there is one already.',
  },
  invalidWorm: {
    status: 400,
    code: 'InvalidWORMConfiguration',
    message: 'The retention policy is not valid.',
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
