import { crc32 } from 'node:zlib';
import type { StoreEntry, StoreWrite } from '../runtime/types.ts';

/** Before each value: the CRC-32 of its key and its text, big-endian. A value that lands under another's key is found out too. */
const CHECKSUM_BYTES = 4;

/** The bytes of each value of a batch; undefined for a removal. They share one allocation, which is what makes a large batch cheap. */
export function encodeValues(batch: readonly StoreWrite[]): readonly (Buffer | undefined)[] {
  const texts = batch.map((write) => ('remove' in write ? undefined : JSON.stringify(write.value)));
  const sizes = texts.map((text) => (text === undefined ? 0 : CHECKSUM_BYTES + Buffer.byteLength(text)));
  const slab = Buffer.allocUnsafeSlow(sizes.reduce((sum, size) => sum + size, 0));
  let from = 0;
  return batch.map((write, index) => {
    const text = texts[index];
    const size = sizes[index];
    if (text === undefined || size === undefined) return undefined;
    const bytes = slab.subarray(from, from + size);
    from += size;
    bytes.write(text, CHECKSUM_BYTES);
    bytes.writeUInt32BE(checksumOf(write.key, bytes), 0);
    return bytes;
  });
}

/** The value, or what is wrong with it. */
export function decodeValue(key: string, stored: Uint8Array): StoreEntry {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const damaged = (why: string) => ({ key, damaged: why, bytes: bytes.toString('base64') });
  if (bytes.length <= CHECKSUM_BYTES) return damaged(`only ${bytes.length} bytes are left of the value`);
  if (bytes.readUInt32BE(0) !== checksumOf(key, bytes)) return damaged('its checksum does not match');
  try {
    return { key, value: JSON.parse(bytes.toString('utf8', CHECKSUM_BYTES)) };
  } catch (caught) {
    return damaged(`not JSON: ${String(caught)}`);
  }
}

function checksumOf(key: string, bytes: Buffer): number {
  return crc32(bytes.subarray(CHECKSUM_BYTES), crc32(key));
}
