import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Failure, type FailureData, toFailure } from '../failure.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { Json } from '../runtime/record.ts';
import { feed } from './feed.ts';
import { checkContentType, checkSource, checkToken, Refused } from './gate.ts';
import type { PageFile } from './page-files.ts';
import { match, type Route } from './route.ts';

export interface Server {
  readonly url: string;
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly routes: readonly Route[];
  readonly token: string;
  /** Default: any that is free. */
  readonly port?: number;
  /** Default: no page, only the interface. */
  readonly page?: ReadonlyMap<string, PageFile>;
  /** Paces the feeds. Default: the system's. */
  readonly clock?: Clock;
}

/** A request's body is a few names: more than this many bytes is refused. */
const longestBody = 64 * 1024;
/** Connections at once: a few pages and commands. Beyond it the operating system's backlog holds them. */
const mostConnections = 64;
/** Pages that watch at once. Each costs a look five times a second. */
const mostFeeds = 16;
/** A request must have come in whole within this, in ms. */
const requestWithinMs = 10_000;

/** The page may load from here and nowhere else, and nobody may frame it. No text becomes HTML or script by accident. */
const pageHeaders = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'x-frame-options': 'DENY',
} as const;
const allHeaders = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/**
 * The supervisor's HTTP interface and its page, on loopback only. Every request of the interface carries the token; one that was meant for
 * another host, or comes from a page of another origin, is refused, so that no web page can act on a cluster. Rejects with `Failure`
 * `PortTaken` if the port that was asked for is.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const feeds = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    handle(request, response, options, feeds).catch((caught: unknown) => {
      if (response.headersSent) return response.destroy();
      const failure = toFailure(caught);
      const status = caught instanceof Refused ? caught.status : statusOf(failure);
      reply(response, status, { code: failure.code, message: failure.message });
    });
  });
  server.maxConnections = mostConnections;
  server.requestTimeout = requestWithinMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const message = `port ${options.port} of this machine is taken: name another with --port, or none`;
      const taken = { kind: 'rejected', code: 'PortTaken', message } as const;
      reject(cause.code === 'EADDRINUSE' ? new Failure(taken, { cause }) : cause);
    });
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function statusOf({ kind, code }: FailureData): number {
  if (code === 'Unexpected') return 500;
  return { notFound: 404, rejected: 400, throttled: 429, retryable: 503 }[kind];
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServeOptions,
  feeds: Set<ServerResponse>,
): Promise<void> {
  checkSource(request.headers);
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const file = options.page?.get(path);
  if (file !== undefined) return sendFile(request, response, file);
  checkToken(request.headers, options.token);
  let sawPath = false;
  for (const route of options.routes) {
    const params = match(route.path, path);
    if (params === null) continue;
    sawPath = true;
    if (route.method !== request.method) continue;
    if (route.kind === 'feed') return openFeed(response, feeds, route.look, options.clock ?? systemClock());
    if (route.method === 'POST') checkContentType(request.headers);
    return reply(response, 200, await route.handle({ params, body: await readBody(request) }));
  }
  throw sawPath
    ? new Refused(405, 'MethodNotAllowed', `${request.method ?? ''} is not offered on ${path}`)
    : new Refused(404, 'NoSuchPath', `there is nothing at ${path}`);
}

function openFeed(
  response: ServerResponse,
  feeds: Set<ServerResponse>,
  look: Parameters<typeof feed>[1],
  clock: Clock,
): void {
  if (feeds.size >= mostFeeds)
    throw new Refused(503, 'TooManyPages', `${mostFeeds} pages watch already: close one`);
  feeds.add(response);
  response.on('close', () => feeds.delete(response));
  response.writeHead(200, { ...allHeaders, 'content-type': 'text/event-stream' });
  feed(response, look, clock);
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: PageFile): void {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new Refused(
      405,
      'MethodNotAllowed',
      `${request.method ?? ''} is not offered on a file of the page`,
    );
  const isZipped = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
  const bytes = isZipped ? file.gzipped : file.bytes;
  response.writeHead(200, {
    ...allHeaders,
    ...pageHeaders,
    'content-type': file.type,
    'content-length': bytes.length,
    vary: 'accept-encoding',
    ...(isZipped ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

async function readBody(request: IncomingMessage): Promise<Json> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > longestBody)
      throw new Refused(413, 'BodyTooLong', `a body has at most ${longestBody} bytes`);
    chunks.push(bytes);
  }
  if (length === 0) return null;
  try {
    const body: Json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return body;
  } catch {
    throw new Refused(400, 'NotJson', 'the body is not JSON');
  }
}

function reply(response: ServerResponse, status: number, body: Json): void {
  // What is left of a body that was refused is not read: the connection ends with the answer.
  const ending = status === 413 ? { connection: 'close' } : {};
  response.writeHead(status, { ...allHeaders, ...ending, 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
