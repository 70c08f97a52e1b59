import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { Json } from '../runtime/record.ts';
import { readAddress } from '../supervisor/address.ts';
import { type ClusterOptions, configFor } from './config-path.ts';

/** How long the supervisor on this machine may take to answer, in ms: it answers from memory. */
const answerWithinMs = 10_000;

/** Asks the supervisor that runs on the store of this configuration. Throws `Failure` that says what to do if none does. */
export async function askSupervisor(
  options: ClusterOptions,
  method: 'GET' | 'POST',
  path: string,
  body?: Json,
): Promise<unknown> {
  const { store, cluster } = await configFor(options);
  const absent = (cause?: unknown) =>
    new Failure(
      {
        kind: 'notFound',
        code: 'NoSupervisor',
        message: `no supervisor runs for cluster ${cluster} (looked in ${store}). Start one with \`wdrip supervise\``,
      },
      { cause },
    );
  const address = await readAddress(store);
  if (address === null) throw absent();
  const { url, token } = address;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(answerWithinMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    if (!(cause instanceof Error) || cause.name !== 'TimeoutError') throw absent(cause);
    const message = `the supervisor of cluster ${cluster} did not answer within ${answerWithinMs / 1000} s: see its log`;
    throw new Failure({ kind: 'retryable', code: 'TimedOut', message }, { cause });
  });
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const failure = z.object({ code: z.string(), message: z.string() }).safeParse(answer);
  throw new Failure({
    kind: response.status === 404 ? 'notFound' : 'rejected',
    code: failure.data?.code ?? 'Unexpected',
    message: failure.data?.message ?? `the supervisor answered with status ${response.status}`,
  });
}
