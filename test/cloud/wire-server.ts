import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createAlibabaCloud } from '../../src/cloud/alibaba.ts';
import type { Cloud } from '../../src/cloud/port.ts';
import type { RetryNote } from '../../src/cloud/retry.ts';
import type { AlibabaOptions } from '../../src/cloud/sdk.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { seededRandom } from '../../src/runtime/random.ts';

/** What the SDK put on the wire. */
export interface WireRequest {
  readonly action: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

export interface Wire {
  readonly cloud: Cloud;
  readonly requests: WireRequest[];
  readonly notes: RetryNote[];
  close(): Promise<void>;
}

export const testSecrets = { accessKeySecret: 's3cret/KEY+of=mine', securityToken: 'TOKEN/of+mine==' };

/** Retries as in earnest, but ten times as quick. */
export const quickRetries = {
  tries: 6,
  totalMs: 6_000,
  firstMs: 25,
  firstRefusedMs: 100,
  longestMs: 2_000,
};

/** The adapter with the real SDK, and a server that answers as the test says, wrongly above all. */
export async function startWire(
  answer: (request: WireRequest, response: ServerResponse, count: number) => void,
  options: Partial<AlibabaOptions> = {},
): Promise<Wire> {
  const requests: WireRequest[] = [];
  const notes: RetryNote[] = [];
  // The SDK puts everything into the URL, user data too.
  const server = createServer({ maxHeaderSize: 1 << 20 }, (request, response) => {
    request.resume();
    const seen = {
      action: String(request.headers['x-acs-action']),
      query: new URL(request.url ?? '', 'http://wire').searchParams,
      headers: request.headers,
    };
    requests.push(seen);
    answer(seen, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  const cloud = createAlibabaCloud({
    region: 'cn-test',
    endpoint: `127.0.0.1:${address.port}`,
    protocol: 'http',
    credentials: { accessKeyId: 'LTAItest', ...testSecrets },
    clock: systemClock(),
    random: seededRandom(1),
    log: (note) => notes.push(note),
    retry: quickRetries,
    timeoutMs: 500,
    ...options,
  });
  return {
    cloud,
    requests,
    notes,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A JSON answer of the cloud's. */
export function json(response: ServerResponse, body: object, status = 200, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ RequestId: 'R-1', ...body }));
}
