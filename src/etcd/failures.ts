import { Failure, type FailureData } from '../failure.ts';

/** What etcd says (etcd api v3rpc/rpctypes/error.go) or the connection does, by a part of its text; the first that fits counts. */
const known: readonly { readonly text: string; readonly kind: FailureData['kind']; readonly code: string }[] =
  [
    { text: 'learner member which is in sync', kind: 'retryable', code: 'NotCaughtUp' },
    { text: 'unhealthy cluster', kind: 'retryable', code: 'UnhealthyCluster' },
    { text: 'not enough started members', kind: 'retryable', code: 'NotEnoughStarted' },
    { text: 'etcdserver: no leader', kind: 'retryable', code: 'NoLeader' },
    { text: 'too many requests', kind: 'throttled', code: 'TooManyRequests' },
    { text: 'member not found', kind: 'notFound', code: 'MemberNotFound' },
    { text: 'can only promote a learner', kind: 'rejected', code: 'NotLearner' },
    { text: 'too many learner', kind: 'rejected', code: 'TooManyLearners' },
    { text: 'Peer URLs already exists', kind: 'rejected', code: 'PeerUrlTaken' },
    // The id is made of the URLs and the second: the same was asked twice within one.
    { text: 'member ID already exist', kind: 'rejected', code: 'PeerUrlTaken' },
    { text: 'etcdserver: not leader', kind: 'rejected', code: 'NotLeader' },
    { text: 'bad leader transferee', kind: 'rejected', code: 'BadTransferee' },
    { text: 'has been compacted', kind: 'rejected', code: 'Compacted' },
    { text: 'is a future revision', kind: 'rejected', code: 'FutureRevision' },
    { text: 'database space exceeded', kind: 'rejected', code: 'NoSpace' },
    { text: 'corrupt cluster', kind: 'rejected', code: 'Corrupt' },
    { text: 'not supported for learner', kind: 'rejected', code: 'NotForLearner' },
    { text: 'request is too large', kind: 'rejected', code: 'TooLarge' },
    { text: 'larger than max', kind: 'rejected', code: 'TooLarge' },
    { text: 'permission denied', kind: 'rejected', code: 'Denied' },
    // The connection was never made, so nothing was asked.
    { text: 'No connection established', kind: 'retryable', code: 'Unreachable' },
    { text: 'Stream refused by server', kind: 'retryable', code: 'Unreachable' },
    { text: 'before call started', kind: 'retryable', code: 'Unreachable' },
    { text: 'Name resolution failed', kind: 'retryable', code: 'Unreachable' },
    { text: 'Waiting for LB pick', kind: 'retryable', code: 'Unreachable' },
    { text: 'client was already closed', kind: 'retryable', code: 'Unreachable' },
  ];

/**
 * gRPC's own words for a call that was understood and refused: INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED,
 * UNAUTHENTICATED.
 */
const refusedByStatus =
  /(?:^|: )(3 INVALID_ARGUMENT|9 FAILED_PRECONDITION|11 OUT_OF_RANGE|12 UNIMPLEMENTED|16 UNAUTHENTICATED):/;

/**
 * What came of a call, as a failure. What is not known to have been without effect is `NoAnswer`: that the request timed out within
 * etcd, or the connection broke, says nothing about its effect.
 */
export function failureOf(caught: unknown, what: string): Failure {
  if (caught instanceof Failure) return caught;
  const text = caught instanceof Error ? caught.message : String(caught);
  const found = known.find((each) => text.includes(each.text));
  const message = `${what}: ${text}`;
  if (found !== undefined)
    return new Failure({ kind: found.kind, code: found.code, message }, { cause: caught });
  if (refusedByStatus.test(text))
    return new Failure({ kind: 'rejected', code: 'Refused', message }, { cause: caught });
  return new Failure({ kind: 'retryable', code: 'NoAnswer', message }, { cause: caught });
}
