import type { Change, RevisionChanges } from '../../etcd/port.ts';
import { damaged } from '../format/frame.ts';

const PUT = 1;
const DELETE = 2;
/** revision (8 bytes), number of changes (4). */
const REVISION_HEAD_BYTES = 12;
const LENGTH_BYTES = 4;
const nothing = Buffer.alloc(0);
/** version and createRevision. */
const NUMBERS_BYTES = 16;

/** One revision's changes as bytes. */
export function encodeRevision(revision: RevisionChanges): Buffer {
  // Filled to the last byte.
  const all = Buffer.allocUnsafe(encodedBytes(revision));
  writeRevision(all, 0, revision);
  return all;
}

/** How many bytes `writeRevision` writes. */
export function encodedBytes({ changes }: RevisionChanges): number {
  let bytes = REVISION_HEAD_BYTES;
  for (const change of changes) bytes += bytesOf(change);
  return bytes;
}

/**
 * Writes one revision's changes from an offset on: `revision, count, (type, key, [value, lease, version, createRevision])…`; lengths are
 * 32 bits, big-endian. Gives where they end.
 */
export function writeRevision(all: Buffer, from: number, { revision, changes }: RevisionChanges): number {
  let at = writeNumber(all, from, revision);
  at = all.writeUInt32BE(changes.length, at);
  for (const change of changes) at = writeChange(all, at, change);
  return at;
}

/** What `writeRevision` wrote, one after the other. Throws `BackupDamaged` naming `what`. */
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

function bytesOf(change: Change): number {
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
  at = writeBytes(all, at, change.lease === null ? nothing : Buffer.from(change.lease));
  at = writeNumber(all, at, change.version);
  return writeNumber(all, at, change.createRevision);
}

/** 64 bits, by halves: a bigint for each would be garbage. */
function writeNumber(all: Buffer, from: number, value: number): number {
  const at = all.writeUInt32BE(Math.floor(value / 2 ** 32), from);
  return all.writeUInt32BE(value % 2 ** 32, at);
}

function writeBytes(all: Buffer, from: number, content: Uint8Array): number {
  const at = all.writeUInt32BE(content.length, from);
  all.set(content, at);
  return at + content.length;
}
