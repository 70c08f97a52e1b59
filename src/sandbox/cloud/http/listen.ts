import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isIPv4 } from 'node:net';

/** Headers of 1 MiB: clients put all parameters into the URL, 32 KB of user data too (43 KB as a query). */
const MOST_HEADER_BYTES = 1024 * 1024;

/** A server that listens. */
export interface Listening {
  readonly port: number;
  /** Ends it and every connection to it, also those that wait for an answer that never comes. */
  close(): Promise<void>;
}

/** Starts a server on a loopback address (port 0: any free one). What `handle` throws is a 500. */
export async function listen(
  address: string,
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<Listening> {
  if (!isIPv4(address) || !address.startsWith('127.'))
    throw new Error(`The sandbox listens on loopback addresses only, not on ${address}.`);
  const server = createServer({ maxHeaderSize: MOST_HEADER_BYTES }, (request, response) => {
    handle(request, response).catch((caught: unknown) => {
      if (response.headersSent) return response.destroy();
      response.writeHead(500, { 'content-type': 'text/plain' });
      response.end(caught instanceof Error ? caught.message : 'Internal error');
    });
  });
  // Clients that keep connections alive longer than the server would meet resets that nobody injected.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return { port: portOf(server), close: () => closeAll(server) };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return address.port;
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}

/** Reads a body up to a limit. Null if it is longer. */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > mostBytes) return null;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** Headers with one value each, by lower-case name. */
export function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(',') : value]],
    ),
  );
}
