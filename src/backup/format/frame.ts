import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import { Failure } from '../../failure.ts';

/**
 * Bytes of a stream that go into one frame: large enough to compress well (a MiB at a time would save two in a hundred), small enough that
 * a dozen of them at a time are no memory.
 */
export const CHUNK_BYTES = 256 * 1024;
/** What a reader takes: the first backups have frames of a MiB. */
export const MAX_CHUNK_BYTES = 1024 * 1024;
/** A chunk that does not compress grows by what zstd says of itself, and by the tag. Nothing longer is read. */
export const MAX_FRAME_BYTES = MAX_CHUNK_BYTES + 64 * 1024;
export const LENGTH_BYTES = 4;
export const TAG_BYTES = 16;
/** How many frames a stream may have: its counter has 32 bits. Four PiB. */
const MAX_FRAMES = 2 ** 32;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;

/** One stream's own key, and what ties its frames to it. */
export interface StreamKey {
  readonly key: Buffer;
  /** Authenticated with every frame: of which cluster, backup and stream it is. */
  readonly context: Buffer;
  /** For messages: `snapshot of backup X`. */
  readonly name: string;
}

/**
 * The key of one stream of whatever has the data key. Each stream has its own, so that its nonces can be counted and two streams can't be
 * taken for each other. **Seal with it once only**: a second stream under the same key and name would use the same nonces.
 */
export function streamKey(dataKey: Buffer, owner: string, stream: string): StreamKey {
  if (dataKey.length !== KEY_BYTES) throw new Error(`the data key of ${owner} has ${dataKey.length} bytes`);
  const info = `wdrip backup 1/${owner}/${stream}`;
  return {
    key: Buffer.from(hkdfSync('sha256', dataKey, '', info, KEY_BYTES)),
    context: Buffer.from(info),
    name: `${stream} of ${owner}`,
  };
}

/**
 * Encrypts one frame: its length, then AES-256-GCM's output and tag. The nonce is the frame's number and whether it is the last one
 * (the STREAM construction: Hoang, Reyhanitabar, Rogaway, Vizár, "Online authenticated-encryption and its nonce-reuse
 * misuse-resistance", 2015), so that frames can't be left out, repeated, put in another order or cut off at the end.
 */
export function sealFrame(stream: StreamKey, number: number, last: boolean, content: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', stream.key, nonce(stream, number, last));
  cipher.setAAD(stream.context);
  const frame = Buffer.allocUnsafeSlow(LENGTH_BYTES + content.length + TAG_BYTES);
  frame.writeUInt32BE(content.length + TAG_BYTES);
  frame.set(cipher.update(content), LENGTH_BYTES);
  cipher.final();
  frame.set(cipher.getAuthTag(), LENGTH_BYTES + content.length);
  return frame;
}

/** Decrypts what follows the length. Throws `BackupDamaged` if anything about it is not as it was sealed. */
export function openFrame(stream: StreamKey, number: number, last: boolean, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', stream.key, nonce(stream, number, last));
  decipher.setAAD(stream.context);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const content = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    throw damaged(
      stream.name,
      `its part ${number} is not what was written (or ${last ? 'it was cut off' : 'something was added'})`,
      cause,
    );
  }
  return content;
}

/** A stored thing is not what was written. Another copy has to be taken. */
export function damaged(what: string, how: string, cause?: unknown): Failure {
  return new Failure(
    { kind: 'rejected', code: 'BackupDamaged', message: `the ${what} is damaged: ${how}` },
    { cause },
  );
}

function nonce(stream: StreamKey, number: number, last: boolean): Buffer {
  if (number >= MAX_FRAMES) throw new Error(`the ${stream.name} has more than ${MAX_FRAMES} parts`);
  const bytes = Buffer.alloc(NONCE_BYTES);
  bytes.writeUInt32BE(number, NONCE_BYTES - 5);
  bytes[NONCE_BYTES - 1] = last ? 1 : 0;
  return bytes;
}
