import { z } from 'zod';
import { Failure, type FailureKind } from '../failure.ts';

/**
 * The one table that turns what the cloud's SDK throws into a `Failure`. It matches on the error's code, by prefix or suffix, since
 * the same refusal has several names; never on a text, since texts are translated and reworded.
 */

/** Our codes for what has no code of the vendor's. */
export const cloudCodes = {
  /** A time-out, a reset, a gateway's HTML: the call may or may not have taken effect. */
  noAnswer: 'NoAnswer',
  /** No connection was made, so the call had no effect. */
  unreachable: 'Unreachable',
  /** An answer came that can't be understood: the call may have taken effect. */
  badAnswer: 'BadAnswer',
  /** The instance is locked, for security or an unpaid bill: no repair can help. The machine `node` knows this code. */
  instanceLocked: 'InstanceLocked',
  /** The zone has none left: another may have. The effect that replaces an instance knows this code. */
  outOfStock: 'OutOfStock',
  /** Refused, and so without effect, because something else is going on with it that will end. */
  busy: 'Busy',
} as const;

interface Row {
  /** One of these must match the vendor's code. */
  readonly when: readonly RegExp[];
  readonly kind: FailureKind;
  /** What it means, and what a person can do. */
  readonly meaning: string;
  /** Replaces the vendor's code, which then stands in the message. */
  readonly code?: string;
}

/** The first row that matches holds. Codes: Alibaba Cloud's ECS API reference and what its terraform and karpenter providers meet. */
const table: readonly Row[] = [
  {
    when: [/^InstanceLocked/, /^InstanceExpired/, /^InstanceInArrears/],
    kind: 'rejected',
    code: cloudCodes.instanceLocked,
    meaning: 'the cloud has locked the instance, for security or an unpaid bill: settle that with the cloud',
  },
  {
    // Only the instance's own absence is `notFound`: a missing image or key says nothing about the instance (safety 3).
    when: [/^InvalidInstanceId\.NotFound$/, /^InvalidInstance\.NotFound$/],
    kind: 'notFound',
    meaning: 'the instance does not exist',
  },
  {
    when: [
      /^Forbidden/,
      /^NoPermission/,
      /^InvalidAccessKeyId/,
      /^InvalidSecurityToken/,
      /^MissingSecurityToken/,
      /^SignatureDoesNotMatch/,
      /^IncompleteSignature/,
      /^InvalidTimeStamp/,
      /^InvalidUser\.PassRoleForbidden/,
      /^InvalidCredentials/,
    ],
    kind: 'rejected',
    meaning:
      'the cloud does not accept our credentials or their rights: check the key, its policy and the clock',
  },
  {
    when: [/NoStock/, /NoInstanceStock/, /SoldOut/, /NotOnSale/, /^ResourceNotAvailable/],
    kind: 'rejected',
    code: cloudCodes.outOfStock,
    meaning: 'the zone has none of this instance type left: another zone or type may have',
  },
  {
    when: [/QuotaExceed/, /ExceedQuota/, /^NumberExceed/, /IpNotEnough/],
    kind: 'rejected',
    meaning: 'a quota is used up: raise it, or free something',
  },
  {
    when: [/Balance$/, /Arrear/, /UnpaidOrder/],
    kind: 'rejected',
    meaning: 'the account owes money: settle it with the cloud',
  },
  {
    when: [
      /TokenProcessing/,
      /TokenIsProcessing/,
      /^OperationConflict/,
      /^TaskConflict/,
      /\.Conflict$/,
      /^IncorrectInstanceStatus\.Initializing/,
      /^InstanceNotReady/,
      /^IncorrectDiskStatus/,
      /IsTransfering$/,
      /^DiskCreatingSnapshot/,
      /^SignatureNonceUsed/,
    ],
    kind: 'retryable',
    code: cloudCodes.busy,
    meaning: 'something else is still going on with it, and nothing was done',
  },
  {
    when: [/^Incorrect\w*Status/, /^Invalid\w*Status/],
    kind: 'rejected',
    meaning: 'it is not in the state that this needs',
  },
  {
    when: [/\.NotFound$/],
    kind: 'rejected',
    meaning: 'something that the call names does not exist',
  },
];

/** Node's codes of a connection that was never made. */
const NEVER_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
]);

/** The longest part of the vendor's text that a message repeats, in characters: enough for any reason, too short for a page. */
const TEXT_LIMIT = 400;

/** The longest wait that a throttling answer may ask for, in ms: its window is a minute. */
const RETRY_AFTER_LIMIT_MS = 60_000;

/** What the SDK's errors and Node's have in common. */
const thrown = z.object({
  name: z.string().optional().catch(undefined),
  code: z.string().optional().catch(undefined),
  statusCode: z.coerce.number().optional().catch(undefined),
  requestId: z.string().optional().catch(undefined),
  retryAfter: z.number().nonnegative().optional().catch(undefined),
  data: z
    .object({ Message: z.string().optional().catch(undefined) })
    .optional()
    .catch(undefined),
});

/**
 * What the SDK threw, as a `Failure`. `scrub` takes the secrets out of a text. The SDK's error is not kept as the cause: it holds the
 * request's URL, and with it user data and scripts, and a refusal of the signature repeats what was signed.
 */
export function failureOf(caught: unknown, action: string, scrub: (text: string) => string): Failure {
  if (caught instanceof Failure) return caught;
  const error = thrown.safeParse(caught).data ?? {};
  if (error.statusCode !== undefined) {
    const code = error.code === undefined || error.code === 'undefined' ? '' : error.code;
    return answered(action, { ...error, statusCode: error.statusCode, code }, scrub);
  }
  // The name of a class or a code of Node's: neither can hold a secret, but a stranger's error might.
  const what = scrub([error.name, error.code].filter(Boolean).join(' ') || 'Error').slice(0, TEXT_LIMIT);
  if (error.code !== undefined && NEVER_CONNECTED.has(error.code)) {
    return new Failure({
      kind: 'retryable',
      code: cloudCodes.unreachable,
      message: `${action}: no connection to the cloud's API (${what}): check the network, the endpoint and the region`,
    });
  }
  if (error.code !== undefined || error.name === 'RequestTimeoutError' || error.name === 'SyntaxError') {
    return new Failure({
      kind: 'retryable',
      code: cloudCodes.noAnswer,
      message: `${action}: no answer from the cloud's API (${what}): it may or may not have taken effect`,
    });
  }
  return badAnswer(action, what);
}

/** An answer that came, and that can't be understood. What it asked for may have been done. */
export function badAnswer(action: string, why: string): Failure {
  return new Failure({
    kind: 'retryable',
    code: cloudCodes.badAnswer,
    message: `${action}: the cloud's answer can't be understood (${why})`,
  });
}

interface Answer {
  readonly statusCode: number;
  /** The vendor's code, or '' if the answer had none. */
  readonly code: string;
  readonly requestId?: string | undefined;
  readonly retryAfter?: number | undefined;
  readonly data?: { readonly Message?: string | undefined } | undefined;
}

/** A refusal that the cloud put into words. */
function answered(action: string, answer: Answer, scrub: (text: string) => string): Failure {
  const text = scrub(answer.data?.Message ?? '').slice(0, TEXT_LIMIT);
  const said = `${answer.code || 'no code'}, HTTP ${answer.statusCode}, request ${answer.requestId ?? '?'}`;
  const message = (meaning: string) => `${action}: ${meaning} (${said})${text && `: ${text}`}`;

  if (answer.code.startsWith('Throttling')) {
    const data = {
      kind: 'throttled',
      code: answer.code,
      message: message('too many calls for now, none done'),
    } as const;
    const asked = answer.retryAfter;
    return asked === undefined
      ? new Failure(data)
      : new Failure(data, { retryAfterMs: Math.min(asked, RETRY_AFTER_LIMIT_MS) });
  }
  if (answer.statusCode >= 500) {
    const code = answer.code || cloudCodes.noAnswer;
    return new Failure({
      kind: 'retryable',
      code,
      message: message('the cloud failed: it may or may not have taken effect'),
    });
  }
  const row = table.find(({ when }) => when.some((pattern) => pattern.test(answer.code)));
  return new Failure({
    kind: row?.kind ?? 'rejected',
    code: row?.code ?? (answer.code || 'Refused'),
    message: message(row?.meaning ?? 'the cloud refused'),
  });
}

/** Takes these secrets out of a text, however it spells them: as they are, or encoded for a URL once or twice. */
export function scrubber(secrets: readonly (string | undefined)[]): (text: string) => string {
  const spellings = secrets
    .filter((secret): secret is string => secret !== undefined && secret !== '')
    .flatMap((secret) => {
      const once = encodeURIComponent(secret);
      return [secret, once, encodeURIComponent(once), JSON.stringify(secret).slice(1, -1)];
    });
  return (text) => spellings.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text);
}
