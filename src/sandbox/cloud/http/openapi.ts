import type { IncomingMessage, ServerResponse } from 'node:http';
import type { SandboxCloud } from '../cloud.ts';
import { handleControl } from './control.ts';
import { headersOf, type Listening, listen, readBody } from './listen.ts';

/** Forms carry a stack template of 512 KB at the most; everything else is smaller. */
const MOST_BODY_BYTES = 1024 * 1024;

/** All OpenAPI products on one port, and the sandbox's own control interface under `/_sandbox/`. */
export function serveOpenApi(cloud: SandboxCloud, address: string, port: number): Promise<Listening> {
  return listen(address, port, async (request, response) => {
    const url = request.url ?? '/';
    const body = await readBody(request, MOST_BODY_BYTES);
    if (body === null) {
      response.writeHead(413, { connection: 'close' });
      response.end();
      return;
    }
    if (url.startsWith('/_sandbox/')) return handleControl(cloud, request, response, body);
    await handleApi(cloud, request, response, body);
  });
}

async function handleApi(
  cloud: SandboxCloud,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): Promise<void> {
  const [path = '/', query = ''] = splitOnce(request.url ?? '/', '?');
  const outcome = await cloud.gateway.handle({
    method: request.method ?? 'GET',
    path,
    query,
    headers: headersOf(request),
    body,
  });
  switch (outcome.kind) {
    case 'json':
      response.writeHead(outcome.status, {
        'content-type': 'application/json;charset=utf-8',
        'x-acs-request-id': String(outcome.body.RequestId),
        ...outcome.headers,
      });
      response.end(JSON.stringify(outcome.body));
      return;
    case 'html':
      response.writeHead(outcome.status, { 'content-type': 'text/html' });
      response.end('<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>');
      return;
    case 'reset':
      request.socket.resetAndDestroy();
      return;
    case 'noAnswer':
      // Left open: the caller's time-out, or the end of the server, closes it.
      return;
  }
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
