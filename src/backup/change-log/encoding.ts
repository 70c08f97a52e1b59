import type { Change, RevisionChanges } from '../../etcd/port.ts';
import { damaged } from '../format/frame.ts';

const PUT = 1;
const DELETE = 2;
/** revision (8 bytes), number of changes (4). */
const REVISION_HEAD_BYTES = 12;
const LENGTH_BYTES = 4;
/** version and createRevision. */
const NUMBERS_BYTES = 16;

/**
 * One revision's changes as bytes: `revision, count, (type, key, [value, lease, version, createRevision])…`; lengths are 32 bits,
 * big-endian.
 */
export function encodeRevision({ revision, changes }: RevisionChanges): Buffer {
  let bytes = REVISION_HEAD_BYTES;
  for (const change of changes) bytes += encodedBytes(change);
  // Filled to the last byte, below.
  const all = Buffer.allocUnsafe(bytes);
  let at = all.writeBigUInt64BE(BigInt(revision));
  at = all.writeUInt32BE(changes.length, at);
  for (const change of changes) at = writeChange(all, at, change);
  return all;
}

/** What `encodeRevision` made, one after the other. Throws `BackupDamaged` naming `what`. */
export function decodeRevisions(content: Buffer, what: string): readonly RevisionChanges[] {
  let at = 0;
  const take = (bytes: number): Buffer => {
    if (at + bytes > content.length) throw damaged(what, 'it ends within a change');
    at += bytes;
    return content.subarray(at - bytes, at);
  };
  const number = () => Number(take(8).readBigUInt64BE());
  const text = () => take(take(4).readUInt32BE());
  const change = (modRevision: number): Change => {
    const type = take(1).readUInt8();
    const key = text();
    if (type === DELETE) return { type: 'delete', key, modRevision };
    if (type !== PUT) throw damaged(what, `it has a change of the unknown kind ${type}`);
    const value = text();
    const lease = text().toString();
    return {
      type: 'put',
      key,
      value,
      lease: lease === '' ? null : lease,
      version: number(),
      createRevision: number(),
      modRevision,
    };
  };
  const revisions: RevisionChanges[] = [];
  while (at < content.length) {
    const revision = number();
    const count = take(4).readUInt32BE();
    const changes: Change[] = [];
    for (let index = 0; index < count; index += 1) changes.push(change(revision));
    revisions.push({ revision, changes });
  }
  return revisions;
}

function encodedBytes(change: Change): number {
  const key = 1 + LENGTH_BYTES + change.key.length;
  if (change.type === 'delete') return key;
  return key + 2 * LENGTH_BYTES + change.value.length + Buffer.byteLength(change.lease ?? '') + NUMBERS_BYTES;
}

/** Gives where it ends. */
function writeChange(all: Buffer, from: number, change: Change): number {
  let at = all.writeUInt8(change.type === 'put' ? PUT : DELETE, from);
  at = writeBytes(all, at, change.key);
  if (change.type === 'delete') return at;
  at = writeBytes(all, at, change.value);
  at = writeBytes(all, at, Buffer.from(change.lease ?? ''));
  at = all.writeBigUInt64BE(BigInt(change.version), at);
  return all.writeBigUInt64BE(BigInt(change.createRevision), at);
}

function writeBytes(all: Buffer, from: number, content: Uint8Array): number {
  const at = all.writeUInt32BE(content.length, from);
  all.set(content, at);
  return at + content.length;
}
