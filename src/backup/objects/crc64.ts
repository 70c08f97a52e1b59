import { createRequire } from 'node:module';
import type hashWasm from 'hash-wasm';

// This one alone: with all of the package's hashes come 9 MiB of them.
const { createCRC64 }: typeof hashWasm = createRequire(import.meta.url)('hash-wasm/dist/crc64.umd.min.js');

/**
 * CRC-64 as `x-oss-hash-crc64ecma` has it: ECMA-182's polynomial, reflected, all ones before and after (CRC-64/XZ).
 * The check value of `123456789` is 995dc9bbdf1939fa. Source: the catalogue of parametrised CRC algorithms, CRC-64/XZ.
 */
export interface Crc64 {
  update(bytes: Uint8Array): void;
  /** As OSS sends it: an unsigned decimal. Nothing can be added afterwards. */
  digest(): string;
}

/** The polynomial, reflected. It is what `createCRC64` takes by default. */
const POLYNOMIAL = 0xc96c5795d7870f42n;

/** WebAssembly, since numbers of 64 bits are two halves or BigInts in JavaScript: nearly three times as fast as the best of it. */
const engine = await createCRC64();
const beginning = engine.init().save();
/** Which sum the one engine is at: that of another is put aside first. */
let current: { state: Uint8Array } | undefined;

export function crc64(): Crc64 {
  const own = { state: beginning };
  let digest: string | undefined;
  const takeUp = () => {
    if (current === own) return;
    if (current !== undefined) current.state = engine.save();
    engine.load(own.state);
    current = own;
  };
  return {
    update(bytes) {
      if (digest !== undefined) throw new Error('the CRC64 is finished');
      takeUp();
      engine.update(bytes);
    },
    digest() {
      if (digest === undefined) {
        takeUp();
        digest = BigInt(`0x${engine.digest()}`).toString();
        current = undefined;
      }
      return digest;
    },
  };
}

/** Of bytes that are whole in memory. */
export function crc64Of(bytes: Uint8Array): string {
  const crc = crc64();
  crc.update(bytes);
  return crc.digest();
}

/**
 * The CRC of two pieces put together, from theirs alone: parts are checked one by one, in any order, and the whole without reading it
 * again. The method is zlib's `crc32_combine`: appending a zero byte is a linear map, and appending 2^k of them is its 2^k-th power.
 */
export function combineCrc64(first: string, second: string, secondBytes: number): string {
  let crc = BigInt(first);
  for (let k = 0, left = secondBytes; left > 0; k += 1, left = Math.floor(left / 2))
    if (left % 2 === 1) crc = apply(zeroBytes(k), crc);
  return (crc ^ BigInt(second)).toString();
}

/** A linear map of 64 bits: what each bit becomes. */
type BitMap = readonly bigint[];

function apply(map: BitMap, vector: bigint): bigint {
  let sum = 0n;
  for (let bit = 0, left = vector; left > 0n; bit += 1, left >>= 1n)
    if ((left & 1n) === 1n) sum ^= map[bit] ?? 0n;
  return sum;
}

const squared = (map: BitMap): BitMap => map.map((column) => apply(map, column));
const oneZeroBit: BitMap = Array.from({ length: 64 }, (_, bit) =>
  bit === 0 ? POLYNOMIAL : 1n << BigInt(bit - 1),
);
/** What 2^k zero bytes do, for the k that were needed: at most 53, as sizes are numbers. A square takes half a millisecond. */
const powers: BitMap[] = [squared(squared(squared(oneZeroBit)))];

function zeroBytes(k: number): BitMap {
  for (let last = powers.at(-1); powers.length <= k && last !== undefined; last = powers.at(-1))
    powers.push(squared(last));
  return powers[k] ?? [];
}
