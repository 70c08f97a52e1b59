import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { afterEach, expect, test } from '@jest/globals';
import { Connections } from '../../src/etcd/connections.ts';
import type { MemberStatus, WatchItem } from '../../src/etcd/port.ts';
import { Fields, field } from '../../src/etcd/protobuf.ts';
import { messagesOf } from '../../src/etcd/stream.ts';
import { watchAll } from '../../src/etcd/watch.ts';
import { WatchCall } from '../../src/etcd/watch-call.ts';
import { Failure } from '../../src/failure.ts';
import { sleep, systemClock } from '../../src/runtime/clock.ts';

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
  for await (const heard of messagesOf(call, { clock, idleMs: 10_000, idle }))
    messages.push(...heard.messages);
  return messages;
}

function framed(content: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

const created = framed(field(3, 1));

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

/** A member with revisions 1 to `revision`, each of one key: who asks is told all that there is in some messages, and then what comes. */
async function busyMember({ inMessage = 1_000 } = {}) {
  const asked: number[] = [];
  const open = new Set<ServerHttp2Stream>();
  const sessions = new Set<unknown>();
  let revision = 0;
  const telling = (first: number, last: number) => {
    const header = field(1, field(3, revision));
    const events = Array.from({ length: last - first + 1 }, (_, at) =>
      field(11, field(2, Buffer.concat([field(1, Buffer.from(`key ${first + at}`)), field(3, first + at)]))),
    );
    return framed(Buffer.concat([header, ...events]));
  };
  const endpoint = await answering((stream) => {
    stream.on('error', () => {});
    stream.on('close', () => open.delete(stream));
    stream.respond({ ':status': 200 });
    stream.on('data', (data: Buffer) => {
      const content = new Fields(data.subarray(5));
      if (content.next() !== 1) return void stream.write(framed(field(1, field(3, revision))));
      const create = content.fields();
      let start = 0;
      for (let number = create.next(); number !== 0; number = create.next())
        if (number === 3) start = create.number();
        else create.skip();
      asked.push(start);
      sessions.add(stream.session);
      stream.write(created);
      const catchUp = (first: number) => {
        if (stream.closed) return;
        const last = Math.min(revision, first + inMessage - 1);
        stream.write(telling(first, last));
        if (last === revision) open.add(stream);
        else clock.after(150, () => catchUp(last + 1));
      };
      catchUp(start);
    });
  });
  return {
    endpoint,
    asked,
    sessions,
    write(count: number) {
      for (let written = 0; written < count; written += 1) {
        revision += 1;
        for (const stream of open) stream.write(telling(revision, revision));
      }
    },
  };
}

function watching(endpoint: string, onItem: (item: WatchItem) => void | Promise<void>) {
  const abort = new AbortController();
  const connections = new Connections(null, clock);
  const status = async () => ({ revision: 1 }) as MemberStatus;
  const told: number[] = [];
  const run = async () => {
    const asking = { fromRevision: 1, progressMs: 500, signal: abort.signal };
    for await (const item of watchAll({ connections, clock, status }, endpoint, asking)) {
      if (item.kind === 'changes') told.push(...item.revisions.map(({ revision }) => revision));
      await onItem(item);
    }
  };
  return { told, end: () => abort.abort(), ended: run().finally(() => connections.close()) };
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

test('a busy member is asked from time to time, a quiet one is listened to, and each revision is told once', async () => {
  const member = await busyMember();
  member.write(1);
  let ages: number[] = [];
  const watch = watching(member.endpoint, (item) => {
    if (item.kind === 'changes') ages.push(clock.now() - item.since);
    if (item.kind === 'progress' && item.revision === 71) watch.end();
  });
  const until = async (last: number) => {
    while (watch.told.at(-1) !== last) await sleep(clock, 5);
  };
  await until(1);
  member.write(30);
  await until(31);
  // Nobody listens: this is told when it is asked for, all at once.
  ages = [];
  member.write(30);
  await until(61);
  expect(ages).toHaveLength(1);
  expect(ages[0]).toBeGreaterThanOrEqual(199);
  // From now on it is listened to.
  while (member.asked.length < 3) await sleep(clock, 5);
  member.write(10);
  await watch.ended;
  expect(watch.told).toEqual(upTo(71));
  expect(member.asked).toEqual([1, 31, 61]);
  expect(member.sessions.size).toBe(1);
});

test('who has not been told everything yet listens on', async () => {
  const member = await busyMember({ inMessage: 25 });
  member.write(100);
  const watch = watching(member.endpoint, (item) => {
    if (item.kind === 'progress' && member.asked.length > 1) watch.end();
  });
  await watch.ended;
  expect(watch.told).toEqual(upTo(100));
  expect(member.asked).toEqual([1, 100]);
});

test('a busy member is asked no more while nobody takes what it told', async () => {
  const member = await busyMember();
  member.write(30);
  const writing = setInterval(() => member.write(30), 50);
  let taken = 0;
  const watch = watching(member.endpoint, async () => {
    taken += 1;
    if (taken === 1) {
      await sleep(clock, 2_500);
      // One that is being taken, those that wait to be, and one on its way: every 200 ms they would be a dozen.
      expect(member.asked.length).toBeLessThan(6);
    }
    if (taken === 10) watch.end();
  });
  await watch.ended.finally(() => clearInterval(writing));
  expect(watch.told).toEqual(upTo(watch.told.length));
});
