import { expect, test } from '@jest/globals';
import { ossFailure } from '../../src/bootstrap/oss.ts';

test("the object store's errors are told apart by status and code, never by their text", () => {
  const of = (code: string, status: number) => ossFailure('get oss://b/k', { code, status, message: 'text' });
  expect(of('NoSuchKey', 404)).toMatchObject({ kind: 'notFound', code: 'NoSuchKey' });
  expect(of('AccessDenied', 403)).toMatchObject({ kind: 'rejected', code: 'AccessDenied' });
  expect(of('InternalError', 500)).toMatchObject({ kind: 'retryable', code: 'InternalError' });
  expect(of('RequestError', -1)).toMatchObject({ kind: 'retryable' });
  expect(of('ResponseTimeoutError', -2)).toMatchObject({ kind: 'retryable' });
  expect(of('Throttling', 503)).toMatchObject({ kind: 'throttled' });
  expect(ossFailure('get oss://b/k', 'what?')).toMatchObject({ kind: 'retryable', code: 'Unexpected' });
  expect(ossFailure('get oss://b/k', new Error('no name')).message).toBe(
    'get oss://b/k: UnknownError (status 0): no name',
  );
});
