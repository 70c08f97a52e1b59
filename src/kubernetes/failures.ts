import { types } from 'node:util';
import { z } from 'zod';
import { Failure, type FailureKind } from '../failure.ts';

/** What was asked, for messages. `url` holds no secret: tokens travel in headers and bodies. */
export interface Asked {
  readonly method: string;
  readonly url: string;
}

const statusSchema = z.object({
  reason: z.string().optional(),
  message: z.string().optional(),
  code: z.number().optional(),
  details: z
    .object({
      retryAfterSeconds: z.number().optional(),
      causes: z.array(z.object({ reason: z.string().optional(), message: z.string().optional() })).optional(),
    })
    .optional(),
});

/** The API's own words for a refusal, a `Status` object; empty when the answer was something else (a proxy's page). */
export type Status = z.infer<typeof statusSchema>;

/** Reads a `Status` from what the API sent; whatever else it is becomes an empty one. */
export function parseStatus(body: unknown): Status {
  const parsed = statusSchema.safeParse(body);
  return parsed.success ? parsed.data : {};
}

/** A refusal in the words of `Failure`. Codes are the API's reasons, and those of `networkFailure`. */
export class Refusal extends Failure {
  readonly httpStatus: number;
  /** Reasons of the causes that the API named, such as `DisruptionBudget`. */
  readonly causes: readonly string[];

  constructor(asked: Asked, httpStatus: number, status: Status, retryAfterMs: number | undefined) {
    const code = status.reason ?? `Http${httpStatus}`;
    super(
      { kind: kindOf(httpStatus), code, message: refusalMessage(asked, httpStatus, status) },
      retryAfterMs === undefined ? {} : { retryAfterMs },
    );
    this.httpStatus = httpStatus;
    this.causes = (status.details?.causes ?? []).flatMap((cause) => (cause.reason ? [cause.reason] : []));
  }
}

/** Longest text of the API that is passed on: messages end up in records and events. */
const LONGEST_TEXT = 500;

/** The kind of an HTTP status. 409 (a conflict) and 410 (an expired revision) are the adapter's own to handle: `rejected` outside. */
function kindOf(httpStatus: number): FailureKind {
  if (httpStatus === 404) return 'notFound';
  if (httpStatus === 429) return 'throttled';
  if (httpStatus === 408 || httpStatus >= 500) return 'retryable';
  return 'rejected';
}

function refusalMessage(asked: Asked, httpStatus: number, status: Status): string {
  const said = status.message ? `: ${status.message.slice(0, LONGEST_TEXT)}` : '';
  const told = `${asked.method} ${asked.url} was answered with ${httpStatus}${said}`;
  if (httpStatus === 401) return `${told}. The kubeconfig's credentials are not accepted: renew them.`;
  if (httpStatus === 403 && status.reason === 'Forbidden') {
    return `${told}. Grant the permission named here; docs/rbac.yaml has all that wdrip needs.`;
  }
  return told;
}

/** The failure that an HTTP answer outside 2xx means. */
export function refusal(
  asked: Asked,
  httpStatus: number,
  retryAfter: string | undefined,
  body: string,
): Refusal {
  const status = parseStatus(parseJson(body));
  const seconds = Number(retryAfter ?? status.details?.retryAfterSeconds);
  return new Refusal(
    asked,
    httpStatus,
    status,
    Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Codes of Node's TLS layer that mean that the other side is not who we think: no retry can help. */
const CERTIFICATE_CODE =
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|ERR_OSSL)/;

/** The failure of a call that got no answer: `Unreachable`, or `CertificateRefused`. */
export function networkFailure(asked: Asked, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  const code =
    types.isNativeError(cause) && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const text = types.isNativeError(cause) ? cause.message : String(cause);
  const what = `${asked.method} ${asked.url} got no answer: ${code && !text.includes(code) ? `${code}, ` : ''}${text}`;
  if (CERTIFICATE_CODE.test(code)) {
    const message = `${what}. Check the kubeconfig's certificate authority and the server's name.`;
    return new Failure({ kind: 'rejected', code: 'CertificateRefused', message }, { cause });
  }
  return new Failure({ kind: 'retryable', code: 'Unreachable', message: what }, { cause });
}

/** The failure of a call that was given up on: `TimedOut`. Whether it took effect is not known. */
export function timeoutFailure(asked: Asked, ms: number): Failure {
  const message = `${asked.method} ${asked.url}: no answer within ${ms} ms`;
  return new Failure({ kind: 'retryable', code: 'TimedOut', message });
}

/** The failure of an open watch on which nothing came for too long: `Quiet`. Either nothing happened, or the connection hangs. */
export function quietFailure(asked: Asked, ms: number): Failure {
  return new Failure({
    kind: 'retryable',
    code: 'Quiet',
    message: `${asked.method} ${asked.url}: no news for ${ms} ms`,
  });
}

/** True if the revision that was asked for is no longer kept (410, as an HTTP answer or inside a watch). */
export function isExpired(caught: unknown): boolean {
  return (
    caught instanceof Failure &&
    (caught.code === 'Expired' ||
      caught.code === 'Gone' ||
      (caught instanceof Refusal && caught.httpStatus === 410))
  );
}

/** True if somebody else changed the object since it was read. */
export function isConflict(caught: unknown): boolean {
  return caught instanceof Failure && caught.code === 'Conflict';
}

/** True if the thing named is not there. */
export function isNotFound(caught: unknown): boolean {
  return caught instanceof Failure && caught.kind === 'notFound';
}
