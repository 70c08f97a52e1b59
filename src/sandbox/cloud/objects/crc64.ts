/**
 * CRC-64 as `x-oss-hash-crc64ecma` has it: ECMA-182's polynomial, reflected, all ones before and after (CRC-64/XZ).
 * The check value of `123456789` is 995dc9bbdf1939fa. Source: the catalogue of parametrised CRC algorithms, CRC-64/XZ.
 */
export interface Crc64 {
  update(bytes: Uint8Array): void;
  /** As OSS sends it: an unsigned decimal. */
  digest(): string;
}

/** 0xc96c5795d7870f42 in two halves: whole numbers of 64 bits would be BigInts, and a hundred times slower. */
const POLYNOMIAL_HIGH = 0xc96c5795;
const POLYNOMIAL_LOW = 0xd7870f42;

const tableHigh = new Uint32Array(256);
const tableLow = new Uint32Array(256);
for (let n = 0; n < 256; n += 1) {
  let high = 0;
  let low = n;
  for (let bit = 0; bit < 8; bit += 1) {
    const odd = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd === 1) {
      low ^= POLYNOMIAL_LOW;
      high ^= POLYNOMIAL_HIGH;
    }
  }
  tableHigh[n] = high;
  tableLow[n] = low;
}

export function crc64(): Crc64 {
  let high = 0xffffffff;
  let low = 0xffffffff;
  return {
    update(bytes) {
      for (const byte of bytes) {
        const at = (low ^ byte) & 0xff;
        low = ((low >>> 8) | (high << 24)) ^ (tableLow[at] ?? 0);
        high = (high >>> 8) ^ (tableHigh[at] ?? 0);
      }
    },
    digest() {
      const whole = (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
      return whole.toString();
    },
  };
}
