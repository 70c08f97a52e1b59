/** Of gRPC before each message: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;
/** Protobuf's kinds of fields, as far as etcd's answers have them. */
export const NUMBER = 0;
export const BYTES = 2;

/** A number of protobuf's: seven bits a byte, the lowest first. Undefined: it has not come as a whole. */
export function varintAt(
  from: Buffer,
  start: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let at = start; at < from.length; at += 1) {
    const byte = from.readUInt8(at);
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, end: at + 1 };
  }
  return undefined;
}

/** Reads a message that has come as a whole, field by field, without a copy. Throws where that is none. */
export class Fields {
  readonly #from: Buffer;
  readonly #end: number;
  #at: number;
  #kind = NUMBER;

  constructor(from: Buffer, start = 0, end = from.length) {
    this.#from = from;
    this.#at = start;
    this.#end = end;
  }

  /** The next field's number; 0 at the end. It must be taken, or skipped. */
  next(): number {
    if (this.#at === this.#end) return 0;
    const tag = this.number();
    this.#kind = tag & 7;
    if (this.#kind !== NUMBER && this.#kind !== BYTES) throw broken(`a field has the kind ${this.#kind}`);
    return tag >>> 3;
  }

  /** What can be beyond 2^53 comes out rounded, and beyond `Number.MAX_SAFE_INTEGER`. */
  number(): number {
    let value = 0;
    for (let factor = 1; this.#at < this.#end; factor *= 0x80) {
      const byte = this.#from[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw broken('it ends within a number');
  }

  /** All 64 bits of a number, in hexadecimal. */
  hex(): string {
    const start = this.#at;
    this.number();
    let value = 0n;
    for (let at = this.#at - 1; at >= start; at -= 1)
      value = (value << 7n) | BigInt((this.#from[at] ?? 0) & 0x7f);
    return BigInt.asUintN(64, value).toString(16);
  }

  bytes(): Buffer {
    const end = this.#endOfBytes();
    const taken = this.#from.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** A message within. */
  fields(): Fields {
    const end = this.#endOfBytes();
    const within = new Fields(this.#from, this.#at, end);
    this.#at = end;
    return within;
  }

  skip(): void {
    if (this.#kind === NUMBER) this.number();
    else this.#at = this.#endOfBytes();
  }

  #endOfBytes(): number {
    if (this.#kind !== BYTES) throw broken('a field has another kind than it should');
    const length = this.number();
    if (length > this.#end - this.#at) throw broken('it ends within a field');
    return this.#at + length;
  }
}

/** A field of a message to send, without its zero values, which protobuf leaves out. */
export function field(number: number, content: Buffer | number): Buffer {
  if (typeof content === 'number') return Buffer.from([number * 8 + NUMBER, ...varint(content)]);
  return Buffer.concat([Buffer.from([number * 8 + BYTES, ...varint(content.length)]), content]);
}

function varint(value: number): readonly number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return [...bytes, left];
}

function broken(why: string): Error {
  return new Error(`what came is no message of etcd's: ${why}`);
}
