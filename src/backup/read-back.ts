import { createHash } from 'node:crypto';
import { damaged, type StreamKey } from './format/frame.ts';
import { open } from './format/open.ts';
import type { StreamFacts } from './format/seal.ts';
import type { ObjectStore } from './objects/port.ts';

/** One stored stream, and what it must be. */
export interface StoredStream {
  readonly store: ObjectStore;
  readonly key: string;
  readonly facts: StreamFacts;
  readonly stream: StreamKey;
}

/** The bytes of a stored object, held to the hash of its manifest: it is thrown `BackupDamaged` at the end if they are not those. */
export async function* storedBytes(
  {
    store,
    key,
    facts,
    stream,
  }: Omit<StoredStream, 'stream'> & { readonly stream: { readonly name: string } },
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of store.read(key, { signal })) {
    hash.update(piece);
    bytes += piece.length;
    // What is too long is not read to an end that may never come.
    if (bytes > facts.storedBytes) break;
    yield piece;
  }
  if (bytes !== facts.storedBytes)
    throw damaged(
      `${stream.name} in ${store.region}`,
      `it has ${bytes > facts.storedBytes ? 'more than ' : ''}${Math.min(bytes, facts.storedBytes)} bytes where ${facts.storedBytes} were written`,
    );
  if (hash.digest('hex') !== facts.storedSha256)
    throw damaged(
      `${stream.name} in ${store.region}`,
      'the SHA-256 of its bytes is not the one in its manifest',
    );
}

/** The content of a stored stream, all of it checked: it counts only when the iteration has ended without a failure. */
export function storedContent(stored: StoredStream, signal?: AbortSignal): AsyncIterable<Buffer> {
  return open(storedBytes(stored, signal), stored.stream, stored.facts);
}

/**
 * Reads a stored stream back. `bytes`: they are, byte for byte, what was written, which says all about a copy of a stream that was opened
 * elsewhere. `content`: and they decrypt and decompress to what was given.
 */
export async function readBack(
  stored: StoredStream,
  depth: 'bytes' | 'content',
  signal?: AbortSignal,
): Promise<void> {
  const read = depth === 'bytes' ? storedBytes(stored, signal) : storedContent(stored, signal);
  for await (const _ of read);
}
