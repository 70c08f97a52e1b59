import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { Json } from '../runtime/record.ts';
import { readAddress, type SupervisorAddress } from '../supervisor/address.ts';
import { type AskedCluster, askedCluster } from './asked-cluster.ts';
import type { ClusterOptions } from './config-path.ts';

/** How long the supervisor on this machine may take to answer, in ms: it answers from memory. */
const answerWithinMs = 10_000;

function absent({ cluster, store }: AskedCluster, cause?: unknown): Failure {
  return new Failure(
    {
      kind: 'notFound',
      code: 'NoSupervisor',
      message: `no supervisor runs for cluster ${cluster} (looked in ${store}). Start one with \`wdrip supervise\``,
    },
    { cause },
  );
}

/** Where the supervisor of this cluster is, and its token. Throws `Failure` that says what to do if none runs. */
export async function supervisorAddress(options: ClusterOptions): Promise<SupervisorAddress & AskedCluster> {
  const { cluster, store } = await askedCluster(options);
  const address = await readAddress(store);
  if (address === null) throw absent({ cluster, store });
  return { ...address, cluster, store };
}

/** Asks the supervisor of this cluster. Throws `Failure` that says what to do if none runs. */
export async function askSupervisor(
  options: ClusterOptions,
  method: 'GET' | 'POST',
  path: string,
  body?: Json,
  withinMs = answerWithinMs,
): Promise<unknown> {
  const asked = await supervisorAddress(options);
  const { url, token, cluster } = asked;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(withinMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    if (!(cause instanceof Error) || cause.name !== 'TimeoutError') throw absent(asked, cause);
    const message = `the supervisor of cluster ${cluster} did not answer within ${withinMs / 1000} s: see its log`;
    throw new Failure({ kind: 'retryable', code: 'TimedOut', message }, { cause });
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const failure = z.object({ code: z.string(), message: z.string() }).safeParse(answer);
  throw new Failure({
    kind: response.status === 404 ? 'notFound' : response.status === 503 ? 'retryable' : 'rejected',
    code: failure.data?.code ?? 'Unexpected',
    message: failure.data?.message ?? `the supervisor answered with status ${response.status}`,
  });
}
