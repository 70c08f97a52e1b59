import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { afterEach, expect, test } from '@jest/globals';
import { field } from '../../src/etcd/protobuf.ts';
import { messagesOf } from '../../src/etcd/stream.ts';
import { WatchCall } from '../../src/etcd/watch-call.ts';
import { Failure } from '../../src/failure.ts';
import { systemClock } from '../../src/runtime/clock.ts';

const clock = systemClock();
let server: Http2Server | undefined;

afterEach(() => {
  server?.close();
});

/** A member that answers a watch so. */
async function answering(answer: (stream: ServerHttp2Stream) => void): Promise<string> {
  const own = createServer();
  server = own;
  own.on('stream', answer);
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
  const address = own.address();
  if (address === null || typeof address === 'string') throw new Error('it has no port');
  return `http://127.0.0.1:${address.port}`;
}

async function watched(endpoint: string) {
  const call = new WatchCall({ endpoint, tls: null, clock, startRevision: 1 });
  const idle = () => new Failure({ kind: 'retryable', code: 'Quiet', message: 'nothing came' });
  const messages = [];
  for await (const each of messagesOf(call, { clock, idleMs: 10_000, idle })) messages.push(...each);
  return messages;
}

const created = Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), field(3, 1)]);

test('what came before the server ended the call is given', async () => {
  const endpoint = await answering((stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([created, created]));
  });
  expect((await watched(endpoint)).map((each) => each.created)).toEqual([true, true]);
});

test('what is no message ends the call, and nothing else of the process', async () => {
  const endpoint = await answering((stream) => {
    stream.respond({ ':status': 200 });
    stream.write(Buffer.from([0, 0, 0, 0, 2, 0x0a, 9]));
  });
  await expect(watched(endpoint)).rejects.toThrow("no message of etcd's");
});

test('a call that was refused says so in words of gRPC, and one that broke off that it did', async () => {
  const refused = await answering((stream) => {
    stream.respond(
      { ':status': 200, 'grpc-status': '12', 'grpc-message': 'unknown%20method' },
      { endStream: true },
    );
  });
  await expect(watched(refused)).rejects.toThrow('12 UNIMPLEMENTED: unknown method');
  server?.close();
  const broken = await answering((stream) => {
    stream.respond({ ':status': 200 });
    stream.write(created, () => stream.session?.destroy());
  });
  await expect(watched(broken)).rejects.toThrow(/the connection|ended/);
});
