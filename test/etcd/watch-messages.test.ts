import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { field } from '../../src/etcd/protobuf.ts';
import { type WatchMessage, WatchMessages } from '../../src/etcd/watch-messages.ts';

/** In gRPC's frame. */
function framed(content: Buffer, compressed = 0): Buffer {
  const prefix = Buffer.alloc(5, compressed);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

const header = field(1, Buffer.concat([field(1, 2 ** 52), field(3, 41)]));

function put(key: string, value: Uint8Array, revision: number): Buffer {
  const content = [
    field(1, Buffer.from(key)),
    field(2, 7),
    field(3, revision),
    field(4, 300),
    field(5, Buffer.from(value)),
  ];
  return field(11, field(2, Buffer.concat(content)));
}

function read(stream: Buffer, cuts: readonly number[]) {
  const messages = new WatchMessages();
  const places = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b);
  const given: WatchMessage[] = [];
  let from = 0;
  for (const to of places) {
    given.push(...messages.take(stream.subarray(from, to)));
    from = to;
  }
  return { given, complete: messages.complete };
}

/** What etcd 3.6.16 sent: that the watch was created, then two revisions, a put with the lease 1f, and a put with a delete. */
const fromEtcd = Buffer.from(
  [
    '000000001c0a180887d5edba8fd59dc10410c0c0caafc1ba96892e18032002180100000000470a180887d5edba8fd59dc10410c0c0caafc1ba96892e',
    '180320025a10120e0a01611002180220012a0176301f5a0e120c0a01621003180320012a01765a09080112050a01611803',
  ].join(''),
  'hex',
);

test('wherever the stream is cut, the same changes come out', () => {
  const values = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(values, fc.array(fc.nat(4_000)), (contents, cuts) => {
      const sent = contents.map((value, at) =>
        framed(Buffer.concat([header, put(`key ${at}`, value, 10 + at)])),
      );
      const { given, complete } = read(Buffer.concat(sent), cuts);
      expect(complete).toBe(true);
      expect(given.map(({ changes }) => changes)).toEqual(
        contents.map((value, at) => [
          {
            type: 'put',
            key: Buffer.from(`key ${at}`),
            value: Buffer.from(value),
            version: 300,
            createRevision: 7,
            modRevision: 10 + at,
            lease: null,
          },
        ]),
      );
      expect(new Set(given.map(({ revision }) => revision))).toEqual(new Set([41]));
    }),
  );
});

test('what a real etcd has sent', () => {
  const rest = { created: false, canceled: false, compactRevision: 0, cancelReason: '', fragment: false };
  const [begun, told, ...more] = read(fromEtcd, []).given;
  expect(begun).toEqual({ ...rest, revision: 3, created: true, changes: [] });
  const value = Buffer.from('v');
  const put = (key: string, revision: number, lease: string | null) => ({
    ...{ type: 'put', key: Buffer.from(key), value, version: 1, lease },
    ...{ createRevision: revision, modRevision: revision },
  });
  expect(told).toEqual({
    ...rest,
    revision: 3,
    changes: [
      put('a', 2, '1f'),
      put('b', 3, null),
      { type: 'delete', key: Buffer.from('a'), modRevision: 3 },
    ],
  });
  expect(more).toEqual([]);
});

test('what is cut off, compressed, too long or something else is seen', () => {
  const whole = framed(Buffer.concat([header, put('k', Buffer.from('v'), 9)]));
  expect(read(whole.subarray(0, -1), []).complete).toBe(false);
  expect(read(whole.subarray(0, 3), []).complete).toBe(false);
  expect(() => read(framed(header, 1), [])).toThrow('compressed');
  expect(() => read(Buffer.from([0, 255, 0, 0, 0]), [])).toThrow('no message of a watch');
  for (const broken of [
    [0x0d, 0, 0, 0, 0],
    [0x0a, 9],
    [0x0a, 0x80],
    [0x0a, 2, 0x08, 0x80],
    [0x58, 1],
  ])
    expect(() => read(framed(Buffer.from(broken)), [])).toThrow("no message of etcd's");
  expect(() => read(framed(field(5, 2 ** 60)), [])).toThrow("can't be");
});
