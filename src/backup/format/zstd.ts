import { createRequire } from 'node:module';
import type zstd from '@mongodb-js/zstd';

// The package's own door takes a level and forgets it: what it stands in front of does not.
const native: typeof zstd = createRequire(import.meta.url)('@mongodb-js/zstd/bindings.js');

/**
 * zstd's fastest ordinary level: etcd's pages shrink as far with it as with the default, 3, or further, in less than half of the
 * processor's time (docs/decisions/backup.md).
 */
const LEVEL = 1;

/** Compresses what is whole in memory, on one of Node's worker threads. It must not be changed until then. */
export function compress(content: Buffer): Promise<Buffer> {
  return native.compress(content, LEVEL);
}

/** The reverse of `compress`, whatever the level was. Rejects if it is no zstd frame. */
export function decompress(content: Buffer): Promise<Buffer> {
  return native.decompress(content);
}
