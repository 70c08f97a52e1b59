import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { field } from '../../src/etcd/protobuf.ts';
import { SnapshotMessages } from '../../src/etcd/snapshot-messages.ts';

/** A message as etcd 3.6 writes one: header, remaining bytes, blob, version. */
function message(blob: Buffer, remaining: number, compressed = 0): Buffer {
  const content = Buffer.concat([
    field(1, Buffer.from('header')),
    ...(remaining === 0 ? [] : [field(2, remaining)]),
    ...(blob.length === 0 ? [] : [field(3, blob)]),
    field(4, Buffer.from('3.6.0')),
  ]);
  const prefix = Buffer.alloc(5, compressed);
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

function read(stream: Buffer, cuts: readonly number[]) {
  const given: Buffer[] = [];
  const messages = new SnapshotMessages((bytes) => given.push(Buffer.from(bytes)));
  const places = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of places) {
    messages.take(stream.subarray(from, to));
    from = to;
  }
  return { bytes: Buffer.concat(given), messages };
}

test('wherever the stream is cut, the same bytes come out, and the first message tells how many will', () => {
  const blobs = fc.array(fc.uint8Array({ minLength: 1, maxLength: 400 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(blobs, fc.array(fc.nat(4_000)), (contents, cuts) => {
      const whole = Buffer.concat(contents);
      let left = whole.length;
      const sent = contents.map((content) => {
        left -= content.length;
        return message(Buffer.from(content), left);
      });
      // The sum of it comes last, and is not in what is announced.
      const stream = Buffer.concat([...sent, message(Buffer.from('sum'), 0)]);
      const { bytes, messages } = read(stream, cuts);
      expect(bytes.equals(Buffer.concat([whole, Buffer.from('sum')]))).toBe(true);
      expect(messages.databaseBytes).toBe(whole.length);
      expect(messages.complete).toBe(true);
    }),
  );
});

test('what is cut off, compressed or something else is seen', () => {
  const stream = message(Buffer.from('content'), 0);
  expect(read(stream.subarray(0, -1), []).messages.complete).toBe(false);
  expect(read(stream.subarray(0, 3), []).messages.complete).toBe(false);
  expect(() => read(message(Buffer.from('content'), 0, 1), [])).toThrow('compressed');
  expect(() => read(Buffer.concat([Buffer.from([0, 0, 0, 16, 0]), Buffer.alloc(4_096, 0x0d)]), [])).toThrow(
    'no message of a snapshot',
  );
});
