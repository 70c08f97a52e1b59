import { Agent, type RequestOptions, request } from 'node:https';
import { z } from 'zod';
import { loadKubeconfig } from '../../../src/kubernetes/kubeconfig.ts';
import { sleep } from '../../../src/runtime/clock.ts';
import type { Patience } from '../until.ts';

/** One write that the API server has acknowledged. Times in epoch ms. */
export interface Acknowledged {
  readonly number: number;
  readonly askedAt: number;
  readonly at: number;
}

/** Somebody who writes and reads all the time, through the balancer, as every client does, and notes what was acknowledged. */
export interface Writer {
  /** Writes that were acknowledged since then. */
  since(at: number): readonly Acknowledged[];
  /** The longest time since then in which no write was acknowledged, up to now, in ms. */
  longestGapMs(since: number): number;
  /** When a write was acknowledged first after that time; null: none was yet. */
  firstAfter(at: number): number | null;
  /** Of the acknowledged writes, those that are not there now: each is told once, by whoever lost it. Throws if the API can't be read. */
  lost(): Promise<readonly Acknowledged[]>;
  stop(): Promise<void>;
}

/** From one write to the next, in ms: some twenty a second, and each a write of etcd. */
const everyMs = 50;
/** A request without an answer is given up, and the next one made on a new connection, after this long, in ms. */
const requestMs = 2_000;
export const writerNamespace = 'default';
export const writerLabel = 'test.wdrip.io/writer';
/** Objects that a page of the list holds. */
const pageSize = 500;

const listed = z.looseObject({
  metadata: z.looseObject({ continue: z.string().optional() }),
  items: z.array(z.looseObject({ data: z.record(z.string(), z.string()).optional() })),
});

/** Starts writing ConfigMaps, one a number. */
export function startWriter(kubeconfig: string, patience: Patience): Writer {
  const { clock, signal } = patience;
  const { config, cluster, server } = loadKubeconfig(kubeconfig);
  const user = config.getCurrentUser();
  const fromBase64 = (text: string | undefined) => Buffer.from(text ?? '', 'base64');
  const login = {
    ca: fromBase64(cluster.caData),
    cert: fromBase64(user?.certData),
    key: fromBase64(user?.keyData),
  };
  const stopping = new AbortController();
  const acknowledged: Acknowledged[] = [];
  const told = new Set<number>();
  let agent = newAgent();
  let number = 0;

  function newAgent(): Agent {
    return new Agent({ keepAlive: true, maxSockets: 4 });
  }

  function ask(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
  ): Promise<{ status: number; text: string }> {
    const url = new URL(path, server);
    const options: RequestOptions = {
      method,
      agent,
      ...login,
      timeout: requestMs,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
    };
    return new Promise((resolve, reject) => {
      const asked = request(url, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
        response.on('error', reject);
      });
      asked.on('timeout', () => asked.destroy(new Error('no answer in time')));
      asked.on('error', reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async function write(): Promise<void> {
    while (!stopping.signal.aborted) {
      number += 1;
      const askedAt = clock.now();
      try {
        const { status } = await ask('POST', `/api/v1/namespaces/${writerNamespace}/configmaps`, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: `writer-${number}`, labels: { [writerLabel]: 'true' } },
          data: { number: String(number) },
        });
        if (status === 201) acknowledged.push({ number, askedAt, at: clock.now() });
      } catch {
        // The next one gets a new connection, as a client's would that was cut off.
        agent.destroy();
        agent = newAgent();
      }
      await sleep(clock, everyMs, stopping.signal).catch(() => {});
    }
  }

  const writing = write();
  return {
    since: (at) => acknowledged.filter((each) => each.at >= at),
    longestGapMs(since) {
      let [last, longest] = [since, 0];
      for (const { at } of acknowledged) {
        if (at < since) continue;
        longest = Math.max(longest, at - last);
        last = at;
      }
      return Math.max(longest, clock.now() - last);
    },
    firstAfter: (at) => acknowledged.find((each) => each.askedAt > at)?.at ?? null,
    async lost() {
      signal.throwIfAborted();
      // A list shows the moment of its first page: what is acknowledged later is not to be there.
      const expected = acknowledged.filter(({ number }) => !told.has(number));
      const found = new Set<number>();
      for (let from: string | undefined = ''; from !== undefined; ) {
        const query = new URLSearchParams({
          labelSelector: writerLabel,
          limit: String(pageSize),
          ...(from === '' ? {} : { continue: from }),
        });
        const { status, text } = await ask(
          'GET',
          `/api/v1/namespaces/${writerNamespace}/configmaps?${query}`,
        );
        if (status !== 200)
          throw new Error(
            `the list of what was written could not be read (${status}): ${text.slice(0, 200)}`,
          );
        const page = listed.parse(JSON.parse(text));
        for (const { data } of page.items) found.add(Number(data?.number));
        from = page.metadata.continue === '' ? undefined : page.metadata.continue;
      }
      const lost = expected.filter(({ number }) => !found.has(number));
      for (const { number } of lost) told.add(number);
      return lost;
    },
    async stop() {
      stopping.abort(new Error('stopped'));
      await writing;
      agent.destroy();
    },
  };
}
