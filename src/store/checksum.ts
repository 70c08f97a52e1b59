import { crc32 } from 'node:zlib';
import type { StoreEntry } from '../runtime/types.ts';

/** Before each value: the CRC-32 of its key and its text, big-endian. A value that lands under another's key is found out too. */
export const CHECKSUM_BYTES = 4;

/** Writes checksum and text to where `bytes` begins; they fill it. */
export function encodeValue(key: string, text: string, bytes: Buffer): void {
  bytes.write(text, CHECKSUM_BYTES);
  bytes.writeUInt32BE(checksumOf(key, bytes), 0);
}

/** The value, or what is wrong with it. */
export function decodeValue(key: string, stored: Uint8Array): StoreEntry {
  const bytes = Buffer.isBuffer(stored)
    ? stored
    : Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
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
