import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** One request as a script sees it. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
  /** What the adapter wants with it. */
  readonly kind: 'list' | 'watch' | 'probe' | 'call';
}

/** What a script does with a request; undefined leaves it to the API's own behaviour. */
export type Script = (asked: Asked, response: ServerResponse) => 'done' | undefined;

type Collection = 'nodes' | 'leases';

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
}

interface OpenWatch {
  readonly collection: Collection;
  readonly from: number;
  readonly response: ServerResponse;
}

/** An API server of nodes and leases in a few lines, which does whatever nasty thing a test scripts. Loopback, plain HTTP. */
export interface ScriptedApi {
  readonly kubeconfig: string;
  /** All requests so far, oldest first. */
  readonly asked: Asked[];
  /** Runs before the API's own behaviour. */
  script: Script | null;
  /** Restores data of an older revision: revisions go on from there, and what came after it is forgotten. */
  goBack(revision: number): void;
  /** Ends all open watches of a collection in good order. */
  end(collection: Collection): void;
  /** Puts an object in, and tells the watches. Gives its resourceVersion. */
  put(collection: Collection, object: Stored): string;
  remove(collection: Collection, name: string): void;
  /** The same, without telling anybody. */
  putSilently(collection: Collection, object: Stored): string;
  removeSilently(collection: Collection, name: string): void;
  /** The open watches of a collection. */
  watches(collection: Collection): readonly OpenWatch[];
  /** Writes text as it is to all open watches of a collection. */
  write(collection: Collection, text: string | Uint8Array): void;
  /** Resets all connections. */
  reset(): void;
  close(): Promise<void>;
}

const PATHS: Readonly<Record<string, Collection>> = {
  '/api/v1/nodes': 'nodes',
  '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases': 'leases',
};

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): 'done' {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
  return 'done';
}

/** A refusal as the API words it. */
export function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  more: {
    readonly message?: string;
    readonly details?: object;
    readonly headers?: Record<string, string>;
  } = {},
): 'done' {
  const { message = `scripted ${reason}`, details, headers } = more;
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message, details };
  return json(response, code, body, headers);
}

export async function startScriptedApi(): Promise<ScriptedApi> {
  const stores = { nodes: new Map<string, Stored>(), leases: new Map<string, Stored>() };
  let revision = 1000;
  let history: { readonly collection: Collection; readonly revision: number; readonly line: string }[] = [];
  const open = new Set<OpenWatch>();
  const sockets = new Set<Socket>();

  const tell = (collection: Collection, type: string, object: Stored, silently: boolean) => {
    const line = `${JSON.stringify({ type, object })}\n`;
    history.push({ collection, revision, line });
    if (silently) return;
    for (const watch of open) if (watch.collection === collection) watch.response.write(line);
  };
  const put = (collection: Collection, object: Stored, silently: boolean) => {
    revision += 1;
    const resourceVersion = String(revision);
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } };
    const type = stores[collection].has(object.metadata.name) ? 'MODIFIED' : 'ADDED';
    stores[collection].set(object.metadata.name, stored);
    tell(collection, type, stored, silently);
    return resourceVersion;
  };
  const remove = (collection: Collection, name: string, silently: boolean) => {
    const stored = stores[collection].get(name);
    if (!stored) throw new Error(`there is no ${name}`);
    stores[collection].delete(name);
    revision += 1;
    const resourceVersion = String(revision);
    tell(collection, 'DELETED', { ...stored, metadata: { ...stored.metadata, resourceVersion } }, silently);
  };

  const list = (asked: Asked, collection: Collection, response: ServerResponse) => {
    const items = [...stores[collection].values()];
    const from = Number(asked.query.get('continue') ?? 0);
    const limit = Number(asked.query.get('limit') ?? items.length);
    const more = from + limit < items.length ? { continue: String(from + limit) } : {};
    const metadata = { resourceVersion: String(revision), ...more };
    json(response, 200, { kind: 'List', metadata, items: items.slice(from, from + limit) });
  };
  const watch = (asked: Asked, collection: Collection, response: ServerResponse) => {
    const from = Number(asked.query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const event of history) {
      if (event.collection === collection && event.revision > from) response.write(event.line);
    }
    const opened = { collection, from, response };
    open.add(opened);
    response.on('close', () => open.delete(opened));
  };

  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const url = new URL(request.url ?? '/', 'http://scripted');
    const collection = request.method === 'GET' ? PATHS[url.pathname] : undefined;
    const asked: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      body,
      headers: request.headers,
      kind: kindOf(url.searchParams, collection),
    };
    api.asked.push(asked);
    if (api.script?.(asked, response) === 'done') return;
    if (!collection) refuse(response, 404, 'NotFound');
    else if (asked.kind === 'watch') watch(asked, collection, response);
    else list(asked, collection, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (!address || typeof address !== 'object') throw new Error('no port');

  const api: ScriptedApi = {
    kubeconfig: [
      'apiVersion: v1',
      'kind: Config',
      'current-context: test',
      'contexts: [{name: test, context: {cluster: test, user: test}}]',
      `clusters: [{name: test, cluster: {server: 'http://127.0.0.1:${address.port}', insecure-skip-tls-verify: true}}]`,
      "users: [{name: test, user: {token: 'a-token-that-is-secret'}}]",
      '',
    ].join('\n'),
    asked: [],
    script: null,
    goBack(to) {
      revision = to;
      history = [];
    },
    end(collection) {
      for (const one of open) {
        if (one.collection !== collection) continue;
        open.delete(one);
        one.response.end();
      }
    },
    put: (collection, object) => put(collection, object, false),
    remove: (collection, name) => remove(collection, name, false),
    putSilently: (collection, object) => put(collection, object, true),
    removeSilently: (collection, name) => remove(collection, name, true),
    watches: (collection) => [...open].filter((one) => one.collection === collection),
    write(collection, text) {
      for (const one of open) if (one.collection === collection) one.response.write(text);
    },
    reset() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return api;
}

function kindOf(query: URLSearchParams, collection: Collection | undefined): Asked['kind'] {
  if (!collection) return 'call';
  if (query.has('watch')) return 'watch';
  return collection === 'leases' && query.get('limit') === '1' ? 'probe' : 'list';
}
