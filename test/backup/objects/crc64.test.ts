import { expect, test } from '@jest/globals';
import { crc64 } from '../../../src/backup/objects/crc64.ts';

test('the CRC has the check value of the catalogue, whole or in pieces', () => {
  const whole = crc64();
  whole.update(Buffer.from('123456789'));
  expect(BigInt(whole.digest()).toString(16)).toBe('995dc9bbdf1939fa');
  const pieces = crc64();
  for (const piece of ['1234', '', '56789']) pieces.update(Buffer.from(piece));
  expect(pieces.digest()).toBe(whole.digest());
  expect(crc64().digest()).toBe('0');
});
