import { expect, test } from '@jest/globals';
import { objectFailure } from '../../../src/backup/objects/failures.ts';

test("the object storage's errors are told apart by status and code", () => {
  const of = (code: string | undefined, status: number | undefined, message = 'text') =>
    objectFailure('get oss://b/k', { name: 'AnError', code, status, message });
  expect(of('NoSuchKey', 404)).toMatchObject({ kind: 'notFound', code: 'NoSuchKey' });
  expect(of('NoSuchVersion', 404)).toMatchObject({ kind: 'notFound', code: 'NoSuchKey' });
  expect(of('NoSuchBucket', 404)).toMatchObject({ kind: 'rejected', code: 'NoSuchBucket' });
  expect(of('AccessDenied', 403)).toMatchObject({ kind: 'rejected', code: 'AccessDenied' });
  expect(of(undefined, 403)).toMatchObject({ kind: 'rejected', code: 'AccessDenied' });
  expect(of('InternalError', 500)).toMatchObject({ kind: 'retryable', code: 'InternalError' });
  expect(of(undefined, 502)).toMatchObject({ kind: 'retryable', code: 'NoAnswer' });
  expect(of('QpsLimitExceeded', 503)).toMatchObject({ kind: 'throttled', code: 'QpsLimitExceeded' });
  expect(of('DownloadTrafficRateLimitExceeded', 503)).toMatchObject({ kind: 'throttled' });
  expect(of('ResponseTimeoutError', undefined)).toMatchObject({ kind: 'retryable', code: 'NoAnswer' });
  expect(of('RequestError', -1, 'socket hang up')).toMatchObject({ kind: 'retryable', code: 'NoAnswer' });
  expect(of('RequestError', -1, 'connect ECONNREFUSED 127.0.0.1:1')).toMatchObject({ code: 'Unreachable' });
  expect(objectFailure('get oss://b/k', 'what?')).toMatchObject({ kind: 'retryable', code: 'NoAnswer' });
});

test('what the request held is not kept with the failure', () => {
  const thrown = Object.assign(new Error('refused'), { status: 403, params: { content: 'secret' } });
  const failure = objectFailure('put oss://b/k', thrown);
  expect(failure.cause).toBeUndefined();
  expect(failure.message).not.toContain('secret');
});
