import { expect, test } from '@jest/globals';
import { badAnswer, failureOf, scrubber } from '../../src/cloud/errors.ts';
import type { FailureKind } from '../../src/failure.ts';

const asIs = (text: string) => text;

/** An error as the SDK throws it for an answer with a code. */
function refusal(code: string, statusCode: number, message = 'Something.', extra: object = {}): Error {
  const error = new Error(`${code}: code: ${statusCode}, ${message}`);
  return Object.assign(error, {
    name: 'ClientError',
    code,
    statusCode,
    requestId: 'R-1',
    data: { Code: code, Message: message },
    ...extra,
  });
}

const refusals: readonly (readonly [code: string, status: number, kind: FailureKind, as?: string])[] = [
  ['Throttling', 400, 'throttled'],
  ['Throttling.User', 400, 'throttled'],
  ['Throttling.Api', 429, 'throttled'],
  ['Throttling', 503, 'throttled'],
  ['OperationDenied.NoStock', 403, 'rejected', 'OutOfStock'],
  ['NoInstanceStock', 403, 'rejected', 'OutOfStock'],
  ['Zone.NotOnSale', 400, 'rejected', 'OutOfStock'],
  ['InvalidResourceType.SoldOut', 403, 'rejected', 'OutOfStock'],
  ['ResourceNotAvailable', 400, 'rejected', 'OutOfStock'],
  ['QuotaExceed.ElasticQuota', 403, 'rejected'],
  ['QuotaExceeded.PrivateIpAddress', 400, 'rejected'],
  ['CmdCount.ExceedQuota', 403, 'rejected'],
  ['InvalidAccountStatus.NotEnoughBalance', 403, 'rejected'],
  ['InsufficientBalance', 403, 'rejected'],
  ['Account.Arrearage', 400, 'rejected'],
  ['InvalidInstanceId.NotFound', 404, 'notFound'],
  ['InvalidInstance.NotFound', 404, 'notFound'],
  ['IncorrectInstanceStatus', 403, 'rejected'],
  ['IncorrectDiskStatus', 403, 'retryable', 'Busy'],
  ['IncorrectVSwitchStatus', 400, 'rejected'],
  ['IncorrectInstanceStatus.Initializing', 403, 'retryable', 'Busy'],
  ['OperationFailed.LastTokenProcessing', 400, 'retryable', 'Busy'],
  ['LastTokenProcessing', 400, 'retryable', 'Busy'],
  ['OperationConflict', 409, 'retryable', 'Busy'],
  ['InvalidOperation.Conflict', 400, 'retryable', 'Busy'],
  ['InvalidSystemDiskStatus.IsTransfering', 403, 'retryable', 'Busy'],
  ['IdempotentParameterMismatch', 400, 'rejected'],
  ['Forbidden.RAM', 403, 'rejected'],
  ['Forbidden.RiskControl', 403, 'rejected'],
  ['NoPermission', 403, 'rejected'],
  ['SignatureDoesNotMatch', 400, 'rejected'],
  ['InvalidTimeStamp.Expired', 400, 'rejected'],
  ['InstanceLockedForSecurity', 403, 'rejected', 'InstanceLocked'],
  ['InstanceExpiredOrInArrears', 403, 'rejected', 'InstanceLocked'],
  ['InvalidParameter', 400, 'rejected'],
  ['Something.New', 418, 'rejected'],
  ['InternalError', 500, 'retryable'],
  ['InternalError.Dispatch', 500, 'retryable'],
  ['ServiceUnavailable', 503, 'retryable'],
];

test.each(refusals)('%s (HTTP %i) is %s', (code, status, kind, as = code) => {
  const failure = failureOf(refusal(code, status), 'RunInstances', asIs);
  expect(failure).toMatchObject({ kind, code: as });
  // The original code, the action and the request are always there for a person to look up.
  expect(failure.message).toContain(code);
  expect(failure.message).toContain('RunInstances');
  expect(failure.message).toContain('R-1');
});

test('safety 3: only the absence of the instance itself is notFound: a missing key, image or network proves nothing about it', () => {
  for (const code of [
    'InvalidAccessKeyId.NotFound',
    'InvalidImageId.NotFound',
    'InvalidVSwitchId.NotFound',
    'InvalidSecurityGroupId.NotFound',
    'InvalidRamRole.NotFound',
    'InvalidAction.NotFound',
    'InvalidDiskId.NotFound',
  ]) {
    expect(failureOf(refusal(code, 404), 'X', asIs).kind).toBe('rejected');
  }
  // And a gateway that fails proves nothing, whatever it says.
  expect(failureOf(refusal('InvalidInstanceId.NotFound', 502), 'X', asIs).kind).toBe('retryable');
});

test('the text of an error decides nothing', () => {
  const failure = failureOf(
    refusal('InvalidParameter', 400, 'Throttling: InvalidInstanceId.NotFound'),
    'X',
    asIs,
  );
  expect(failure).toMatchObject({ kind: 'rejected', code: 'InvalidParameter' });
});

test.each([
  ['a time-out', Object.assign(new Error('ReadTimeout(20000)'), { name: 'RequestTimeoutError' }), 'NoAnswer'],
  ['HTML of a gateway', new SyntaxError('Unexpected token < in JSON'), 'NoAnswer'],
  ['a reset', Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }), 'NoAnswer'],
  ['a broken pipe', Object.assign(new Error('write'), { code: 'EPIPE' }), 'NoAnswer'],
  ['no server', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), 'Unreachable'],
  ['no name', Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }), 'Unreachable'],
  [
    'an answer of a wrong type',
    new Error('type of Status is mismatch, expect string, but number'),
    'BadAnswer',
  ],
  ['something that is no error', 'oops', 'BadAnswer'],
  ['nothing', undefined, 'BadAnswer'],
  ['an answer without a code', refusal('undefined', 503), 'NoAnswer'],
])('safety 20: %s leaves open whether it took effect, and is retryable', (_, caught, code) => {
  expect(failureOf(caught, 'RebootInstance', asIs)).toMatchObject({ kind: 'retryable', code });
});

test('a throttling answer says how long to wait, within a minute', () => {
  const asked = (retryAfter: unknown) =>
    failureOf(refusal('Throttling', 400, '', { retryAfter }), 'X', asIs).retryAfterMs;
  expect(asked(1_500)).toBe(1_500);
  expect(asked(3_600_000)).toBe(60_000);
  expect(asked(undefined)).toBeUndefined();
  expect(asked(-1)).toBeUndefined();
  expect(asked(null)).toBeUndefined();
});

test('a Failure stays what it is', () => {
  const failure = badAnswer('X', 'why');
  expect(failureOf(failure, 'Y', asIs)).toBe(failure);
});

test('secrets are taken out of what the cloud repeats, however they are spelt', () => {
  const secret = 'a/b+c=d"e';
  const scrub = scrubber([secret, undefined, '']);
  const twice = encodeURIComponent(encodeURIComponent(secret));
  const text = `server string to sign is: ${secret} ${encodeURIComponent(secret)} ${twice} ${JSON.stringify(secret)}`;
  const failure = failureOf(refusal('SignatureDoesNotMatch', 400, text), 'RunInstances', scrub);
  expect(failure.message).toContain('[secret] [secret] [secret] "[secret]"');
  expect(failure.cause).toBeUndefined();
});

test('a message repeats no more than a few lines of what the cloud says', () => {
  const failure = failureOf(refusal('InvalidParameter', 400, 'x'.repeat(100_000)), 'RunInstances', asIs);
  expect(failure.message.length).toBeLessThan(1_000);
});
