import { createHash } from 'node:crypto';
import type { Part } from './records.ts';

/** Documented is only that it is not the MD5 of the bytes; the form (MD5 of the parts' MD5s, and their number) is remembered. */
export function multipartEtag(parts: readonly Part[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(Buffer.from(part.md5, 'hex'));
  return `${hash.digest('hex').toUpperCase()}-${parts.length}`;
}
