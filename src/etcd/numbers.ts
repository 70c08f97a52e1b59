import { Failure } from '../failure.ts';

/** An id of 64 bits, as the wire has it in decimal, in hexadecimal. */
export function hexOf(decimal: string): string {
  return BigInt.asUintN(64, BigInt(decimal)).toString(16);
}

/** The same back, for the wire. Throws `rejected` for what is no id. */
export function decimalOf(hex: string): string {
  if (!/^[0-9a-f]{1,16}$/.test(hex))
    throw new Failure({
      kind: 'rejected',
      code: 'BadId',
      message: `${hex} is no id of etcd's: hexadecimal, at most 16 digits`,
    });
  return BigInt(`0x${hex}`).toString();
}

/** A lease's id is signed on the wire. */
export function signedDecimalOf(hex: string): string {
  return BigInt.asIntN(64, BigInt(decimalOf(hex))).toString();
}

/** A revision, an index or a size. Throws `BadAnswer` for one beyond 2^53, which no cluster reaches. */
export function numberOf(decimal: string | number, what: string): number {
  const value = Number(decimal);
  if (Number.isSafeInteger(value)) return value;
  throw new Failure({
    kind: 'retryable',
    code: 'BadAnswer',
    message: `etcd says ${decimal} for ${what}, which can't be`,
  });
}
