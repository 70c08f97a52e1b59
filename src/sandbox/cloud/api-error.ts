/** A refusal as the OpenAPI gateway words it: an HTTP status and a code that clients match on. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  /** Sent as `x-acs-retry-after` (ms) with throttling answers. */
  readonly retryAfterMs: number | undefined;

  constructor(answer: ApiErrorAnswer, options: { readonly retryAfterMs?: number } = {}) {
    super(answer.message);
    this.status = answer.status;
    this.code = answer.code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What an `ApiError` says. */
export interface ApiErrorAnswer {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** A required parameter is absent. HTTP 400 (official documentation). */
export function missingParameter(name: string): ApiError {
  return new ApiError({
    status: 400,
    code: 'MissingParameter',
    message: `The input parameter "${name}" that is mandatory for processing this request is not supplied.`,
  });
}

/** A parameter has a value that it can't have. HTTP 400 (official documentation). */
export function invalidParameter(name: string, why = 'is not valid'): ApiError {
  return new ApiError({
    status: 400,
    code: 'InvalidParameter',
    message: `The specified parameter ${name} ${why}.`,
  });
}

/** `InvalidInstanceId.NotFound`, 404: proof that there is no such instance (official documentation). */
export function noSuchInstance(): ApiError {
  return new ApiError({
    status: 404,
    code: 'InvalidInstanceId.NotFound',
    message: 'The specified InstanceId does not exist.',
  });
}

/** `IncorrectInstanceStatus`, 403: the instance is in a state in which this can't be done (official documentation). */
export function incorrectStatus(status: string): ApiError {
  return new ApiError({
    status: 403,
    code: 'IncorrectInstanceStatus',
    message: `The current status of the resource does not support this operation: ${status}.`,
  });
}
