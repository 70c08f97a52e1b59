import type { Change, RevisionChanges } from '../../etcd/port.ts';
import { damaged } from '../format/frame.ts';

const PUT = 1;
const DELETE = 2;
/** revision (8 bytes), number of changes (4). */
const REVISION_HEAD_BYTES = 12;

/**
 * One revision's changes as bytes: `revision, count, (type, key, [value, lease, version, createRevision])…`; lengths are 32 bits,
 * big-endian.
 */
export function encodeRevision({ revision, changes }: RevisionChanges): Buffer {
  const head = Buffer.alloc(REVISION_HEAD_BYTES);
  head.writeBigUInt64BE(BigInt(revision));
  head.writeUInt32BE(changes.length, 8);
  return Buffer.concat([head, ...changes.flatMap(encodeChange)]);
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

function encodeChange(change: Change): readonly Uint8Array[] {
  const type = Buffer.from([change.type === 'put' ? PUT : DELETE]);
  const key = [length(change.key), change.key];
  if (change.type === 'delete') return [type, ...key];
  const lease = Buffer.from(change.lease ?? '');
  const numbers = Buffer.alloc(16);
  numbers.writeBigUInt64BE(BigInt(change.version));
  numbers.writeBigUInt64BE(BigInt(change.createRevision), 8);
  return [type, ...key, length(change.value), change.value, length(lease), lease, numbers];
}

function length(content: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(content.length);
  return bytes;
}
