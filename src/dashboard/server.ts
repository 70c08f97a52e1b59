import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Failure, toFailure } from '../failure.ts';
import type { Json } from '../runtime/record.ts';

/** One route: a method and a path, and what it answers. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** `/api/nodes/:name`: `:name` stands for one segment. */
  readonly path: string;
  handle(request: {
    readonly params: Readonly<Record<string, string>>;
    readonly body: Json;
  }): Promise<Json> | Json;
}

export interface Server {
  readonly url: string;
  close(): Promise<void>;
}

/** A request's body is a few names: more than this many bytes is refused. */
const longestBody = 64 * 1024;

/**
 * The supervisor's HTTP interface, on loopback only. Every request carries the token; one from a page of another origin is refused, so that
 * no web page can act on a cluster.
 */
export async function serve(options: {
  readonly routes: readonly Route[];
  readonly token: string;
  readonly port?: number;
}): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, options).then(
      (body) => reply(response, 200, body),
      (caught: unknown) => {
        const failure = toFailure(caught);
        const status = caught instanceof Refused ? caught.status : failure.kind === 'notFound' ? 404 : 500;
        reply(response, status, { code: failure.code, message: failure.message });
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
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

class Refused extends Failure {
  readonly status: number;
  constructor(status: number, code: string, message: string) {
    super({ kind: 'rejected', code, message });
    this.status = status;
  }
}

async function answer(
  request: IncomingMessage,
  options: { readonly routes: readonly Route[]; readonly token: string },
): Promise<Json> {
  const path = new URL(request.url ?? '/', 'http://127.0.0.1').pathname;
  const origin = request.headers.origin;
  if (origin !== undefined && new URL(origin).host !== request.headers.host)
    throw new Refused(403, 'ForeignOrigin', `requests from ${origin} are not taken`);
  if (!isToken(request.headers.authorization, options.token))
    throw new Refused(401, 'TokenMissing', 'this interface takes only requests with its token');
  let sawPath = false;
  for (const route of options.routes) {
    const params = match(route.path, path);
    if (params === null) continue;
    sawPath = true;
    if (route.method === request.method) return route.handle({ params, body: await readBody(request) });
  }
  throw sawPath
    ? new Refused(405, 'MethodNotAllowed', `${request.method ?? ''} is not offered on ${path}`)
    : new Refused(404, 'NoSuchPath', `there is nothing at ${path}`);
}

function isToken(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function match(pattern: string, path: string): Readonly<Record<string, string>> | null {
  const want = pattern.split('/');
  const have = path.split('/');
  if (want.length !== have.length) return null;
  const params: Record<string, string> = {};
  for (const [index, segment] of want.entries()) {
    const given = have[index] ?? '';
    if (segment.startsWith(':')) params[segment.slice(1)] = decodeURIComponent(given);
    else if (segment !== given) return null;
  }
  return params;
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
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
