import { setMaxListeners } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Asked, networkFailure, quietFailure, refusal, timeoutFailure } from './failures.ts';
import type { LoadedKubeconfig } from './kubeconfig.ts';
import { createLineSplitter } from './lines.ts';

export interface Call extends Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole answer. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface StreamCall extends Asked {
  /** Until the API has accepted the watch. */
  readonly openMs: number;
  /** Longest silence on the open stream. */
  readonly quietMs: number;
  readonly signal: AbortSignal;
  /** The API accepted the watch. */
  onOpen(): void;
  /** A whole line, without its end. What it throws ends the stream and is thrown by `stream`. */
  onLine(line: string): void;
}

/**
 * HTTP to one API server with a kubeconfig's credentials, which are read anew for each call (they rotate). Every wait has a limit.
 * All methods throw `Failure`, or the reason of an aborted signal.
 */
export interface Connection {
  readonly server: string;
  /** An absolute URL under the server. */
  url(path: string, query?: Readonly<Record<string, string | number | boolean>>): string;
  /** One call, tried once. An answer outside 2xx is thrown as a `Refusal`. */
  request(call: Call): Promise<Answer>;
  /** Follows a watch line by line; resolves when the API ended it in good order. */
  stream(call: StreamCall): Promise<void>;
  /** Closes idle connections. */
  close(): void;
}

/** Connections at once to one API server: two watches, a probe, and the evictions of several drains. */
const MOST_SOCKETS = 64;
/** First keep-alive packet on a quiet connection; the kernel gives up about ten seconds after it. */
const TCP_KEEPALIVE_MS = 5_000;
/** A page of 500 big Node objects is about 10 MB. */
const LONGEST_BODY_BYTES = 128 * 1024 * 1024;

type Identity = Pick<https.RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;

/**
 * Why not the library's own fetch and Watch: they make a new TLS connection for each call, have no limit to any wait, don't notice a
 * connection that hangs, and drop what they can't parse. The credentials are the library's business all the same.
 */
export function connect(loaded: LoadedKubeconfig, clock: Clock): Connection {
  const { config, cluster, server } = loaded;
  const transport = server.startsWith('https:') ? https : http;
  let agent: http.Agent | undefined;
  let agentFor: Identity = {};

  /** Headers and agent for one call. A new agent is made only when the certificates have changed. */
  const credentials = async () => {
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const identity: Identity = { ca, cert, key, rejectUnauthorized, servername };
    if (agent === undefined || !sameIdentity(identity, agentFor)) {
      agent?.destroy();
      agentFor = identity;
      const sockets = { keepAlive: true, keepAliveMsecs: TCP_KEEPALIVE_MS, maxSockets: MOST_SOCKETS };
      if (cluster.proxyUrl && options.agent instanceof http.Agent) agent = options.agent;
      else
        agent =
          transport === https
            ? new https.Agent({ ...defined(identity), ...sockets })
            : new http.Agent(sockets);
    }
    const basic = options.auth
      ? { authorization: `Basic ${Buffer.from(options.auth).toString('base64')}` }
      : {};
    return { agent, headers: { ...options.headers, ...basic } };
  };

  /** Sends and gives the response to `use`, until `cut` is aborted: then its reason is thrown. */
  const exchange = async <T>(
    call: Asked & { readonly headers?: Readonly<Record<string, string>>; readonly body?: string },
    cut: AbortController,
    use: (response: http.IncomingMessage) => Promise<T>,
  ): Promise<T> => {
    const { signal } = cut;
    setMaxListeners(0, signal);
    try {
      const auth = await unlessAborted(credentials(), signal);
      const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
        // Without its length, the body of a DELETE would be taken for the connection's next request.
        const length =
          call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) };
        const standing = { accept: 'application/json', 'user-agent': 'wdrip' };
        const headers = { ...standing, ...call.headers, ...auth.headers, ...length };
        const request = transport.request(call.url, {
          method: call.method,
          agent: auth.agent,
          headers,
          signal,
        });
        request.on('socket', (socket) => socket.setKeepAlive(true, TCP_KEEPALIVE_MS));
        request.on('error', reject);
        request.on('response', resolve);
        request.end(call.body);
      });
      return await unlessAborted(use(response), signal);
    } catch (caught) {
      if (signal.aborted) throw signal.reason;
      throw networkFailure(call, caught);
    }
  };

  return {
    server,
    url(path, query = {}) {
      const search = new URLSearchParams();
      for (const [name, value] of Object.entries(query)) search.set(name, String(value));
      return `${server}${path}${search.size > 0 ? `?${search}` : ''}`;
    },

    async request(call) {
      const cut = cutBy(call.signal);
      const disarm = clock.after(call.timeoutMs, () => cut.abort(timeoutFailure(call, call.timeoutMs)));
      try {
        return await exchange(call, cut.controller, async (response) => {
          const body = await readBody(call, response);
          const httpStatus = response.statusCode ?? 0;
          if (httpStatus < 200 || httpStatus > 299) {
            throw refusal(call, httpStatus, response.headers['retry-after'], body);
          }
          return { httpStatus, headers: flatHeaders(response.headers), body };
        });
      } finally {
        disarm();
        cut.release();
      }
    },

    async stream(call) {
      const cut = cutBy(call.signal);
      let disarm = clock.after(call.openMs, () => cut.abort(timeoutFailure(call, call.openMs)));
      const alive = () => {
        disarm();
        disarm = clock.after(call.quietMs, () => cut.abort(quietFailure(call, call.quietMs)));
      };
      try {
        await exchange(call, cut.controller, async (response) => {
          const httpStatus = response.statusCode ?? 0;
          if (httpStatus !== 200) {
            const body = await readBody(call, response);
            throw refusal(call, httpStatus, response.headers['retry-after'], body);
          }
          alive();
          call.onOpen();
          const splitter = createLineSplitter(call.onLine);
          for await (const chunk of response) {
            alive();
            splitter.push(chunk);
          }
        });
      } finally {
        disarm();
        cut.release();
      }
    },

    close: () => agent?.destroy(),
  };
}

/** A controller that is also aborted when `signal` is. `release` lets go of the signal, which may live much longer. */
function cutBy(signal: AbortSignal | undefined) {
  const controller = new AbortController();
  const follow = () => controller.abort(signal?.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener('abort', follow, { once: true });
  return {
    controller,
    abort: (reason: unknown) => controller.abort(reason),
    release: () => signal?.removeEventListener('abort', follow),
  };
}

/** `work`, or the signal's reason as soon as it is aborted: credentials may come from a program that hangs. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

async function readBody(asked: Asked, response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    const piece = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += piece.length;
    if (bytes > LONGEST_BODY_BYTES) {
      const message = `${asked.method} ${asked.url}: the answer is longer than ${LONGEST_BODY_BYTES} bytes`;
      throw new Failure({ kind: 'rejected', code: 'AnswerTooLong', message });
    }
    chunks.push(piece);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function flatHeaders(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value ?? '')]));
}

function sameIdentity(a: Identity, b: Identity): boolean {
  return (
    String(a.ca ?? '') === String(b.ca ?? '') &&
    String(a.cert ?? '') === String(b.cert ?? '') &&
    String(a.key ?? '') === String(b.key ?? '') &&
    a.rejectUnauthorized === b.rejectUnauthorized &&
    a.servername === b.servername
  );
}

function defined(identity: Identity): Identity {
  return Object.fromEntries(Object.entries(identity).filter(([, value]) => value !== undefined));
}
