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

test('eight bytes at a time are the same as one, and two pieces put together the same as the whole', () => {
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
