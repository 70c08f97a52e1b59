import type { Endpoint, Etcd, MemberStatus } from '../etcd/port.ts';
import { Failure, type FailureData, toFailure } from '../failure.ts';

/** How long one member is waited for, in ms: one that takes longer is none to read a GiB from. */
const ANSWER_MS = 5_000;

/** A member to take a snapshot from. */
export interface ChosenMember {
  readonly endpoint: Endpoint;
  readonly status: MemberStatus;
}

/**
 * The member whose snapshot costs the cluster least: a voter that answers through the quorum and reports no trouble, a follower rather
 * than the leader (on which every write waits), and of several the one that has applied most. `NoHealthyMember` (retryable) if there is
 * none.
 */
export async function chooseMember(
  etcd: Etcd,
  endpoints: readonly Endpoint[],
  signal?: AbortSignal,
): Promise<ChosenMember> {
  const asked = await Promise.all(endpoints.map((endpoint) => ask(etcd, endpoint, signal)));
  signal?.throwIfAborted();
  const healthy = asked.flatMap((answer) => ('status' in answer ? [answer] : []));
  const best = healthy.sort(compare)[0];
  if (best) return best;
  const reasons = asked.flatMap((answer) =>
    'why' in answer ? [`${answer.endpoint}: ${answer.why.message}`] : [],
  );
  throw new Failure({
    kind: 'retryable',
    code: 'NoHealthyMember',
    message: `no member of etcd can give a snapshot: ${reasons.join('; ') || 'none is known'}`,
  });
}

async function ask(
  etcd: Etcd,
  endpoint: Endpoint,
  signal: AbortSignal | undefined,
): Promise<ChosenMember | { readonly endpoint: Endpoint; readonly why: FailureData }> {
  const not = (code: string, message: string): { endpoint: Endpoint; why: FailureData } => ({
    endpoint,
    why: { kind: 'retryable', code, message },
  });
  const asking = { signal, timeoutMs: ANSWER_MS };
  try {
    const health = await etcd.health(endpoint, 'linearizable', asking);
    if (!health.healthy) return not(health.code, health.why);
    const status = await etcd.status(endpoint, asking);
    if (status.learner) return not('Learner', 'it is a learner');
    // An alarm that the store is full doesn't spoil what is in it; one that it is corrupt does.
    const isCorrupt = status.alarms.some(
      ({ kind, memberId }) => kind === 'corrupt' && memberId === status.memberId,
    );
    return isCorrupt ? not('Corrupt', 'its data is corrupt') : { endpoint, status };
  } catch (caught) {
    return { endpoint, why: toFailure(caught) };
  }
}

function compare(a: ChosenMember, b: ChosenMember): number {
  const leads = ({ status }: ChosenMember) => Number(status.leader === status.memberId);
  return leads(a) - leads(b) || b.status.raftAppliedIndex - a.status.raftAppliedIndex;
}
