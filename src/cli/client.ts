import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { Json } from '../runtime/record.ts';
import { loadConfig } from '../supervisor/config.ts';
import { addressFile } from '../supervisor/wiring.ts';
import { configPath } from './config-path.ts';

const address = z.object({ url: z.url(), token: z.string(), pid: z.number() });

/** How long the supervisor on this machine may take to answer, in ms: it answers from memory. */
const answerWithinMs = 10_000;

/** Asks the supervisor that runs on the store of this configuration. Throws `Failure` that says what to do if none does. */
export async function askSupervisor(
  config: string | undefined,
  method: 'GET' | 'POST',
  path: string,
  body?: Json,
): Promise<unknown> {
  const { store, cluster } = await loadConfig(await configPath(config));
  const absent = (cause?: unknown) =>
    new Failure(
      {
        kind: 'notFound',
        code: 'NoSupervisor',
        message: `no supervisor runs for cluster ${cluster} (looked in ${store}). Start one with \`wdrip supervise\``,
      },
      { cause },
    );
  const text = await readFile(join(store, addressFile), 'utf8').catch((cause: unknown) => {
    throw absent(cause);
  });
  const { url, token } = address.parse(JSON.parse(text));
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(answerWithinMs),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause: unknown) => {
    throw absent(cause);
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
