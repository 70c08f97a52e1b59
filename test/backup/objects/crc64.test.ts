import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { combineCrc64, crc64, crc64Of } from '../../../src/backup/objects/crc64.ts';

test('the CRC has the check value of the catalogue, whole or in pieces', () => {
  expect(BigInt(crc64Of(Buffer.from('123456789'))).toString(16)).toBe('995dc9bbdf1939fa');
  const pieces = crc64();
  for (const piece of ['1234', '', '56789']) pieces.update(Buffer.from(piece));
  expect(pieces.digest()).toBe(crc64Of(Buffer.from('123456789')));
  expect(crc64().digest()).toBe('0');
});

test('sums that are made at the same time do not meet', () => {
  const sums = ['12345', 'abcde'].map(() => crc64());
  for (const piece of [0, 1, 2, 3, 4])
    for (const [index, sum] of sums.entries())
      sum.update(Buffer.from(['12345', 'abcde'][index]?.[piece] ?? ''));
  expect(sums.map((sum) => sum.digest())).toEqual(
    ['12345', 'abcde'].map((text) => crc64Of(Buffer.from(text))),
  );
  expect(sums[0]?.digest()).toBe(crc64Of(Buffer.from('12345')));
  expect(() => sums[0]?.update(Buffer.from('6'))).toThrow('finished');
});

test('many bytes at a time are the same as one, and two pieces put together the same as the whole', () => {
  const bytes = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(bytes, bytes, (first, second) => {
      const whole = Buffer.concat([first, second]);
      const one = crc64();
      for (const byte of whole) one.update(Uint8Array.of(byte));
      expect(crc64Of(whole)).toBe(one.digest());
      expect(combineCrc64(crc64Of(first), crc64Of(second), second.length)).toBe(one.digest());
    }),
  );
});
