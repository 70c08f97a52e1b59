import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Alarm, Change, Member, RevisionChanges } from '../../../etcd/port.ts';

/** One entry of the raft log, as all members that have it agree on it. */
export interface Entry {
  readonly index: number;
  readonly revision: number;
  /** Null: it changed no keys. */
  readonly changes: readonly Change[] | null;
  /** The members after it. */
  readonly members: readonly Member[];
  /** Of all keys' history up to here. */
  readonly hash: number;
}

/** What an empty database takes, in bytes, and what a key takes beside its own. */
const emptyBytes = 20_480;
const keyBytes = 64;
const checksumBytes = 32;

const stored = z.object({
  bump: z.number(),
  compactRevision: z.number(),
  alarms: z.array(z.object({ memberId: z.string(), kind: z.enum(['noSpace', 'corrupt']) })),
  entries: z.array(
    z.object({
      revision: z.number(),
      changes: z.array(
        z.object({ key: z.string(), value: z.string().nullable(), lease: z.string().nullable() }),
      ),
    }),
  ),
});

/** The history of one cluster: what was acknowledged, in order. Members have it up to an index each. */
export class Log {
  readonly entries: Entry[] = [];
  /** -1: nothing is compacted. */
  compactRevision = -1;
  /** All that was ever written, and what of it is still needed, in bytes. */
  writtenBytes = emptyBytes;
  usedBytes = emptyBytes;
  /** Revisions begin beyond it: a restore's bump. */
  readonly #bump: number;
  readonly #keys = new Map<
    string,
    { readonly version: number; readonly createRevision: number; readonly bytes: number }
  >();

  constructor(bump = 0) {
    this.#bump = bump;
  }

  get lastIndex(): number {
    return this.entries.length;
  }

  get revision(): number {
    return this.revisionAt(this.lastIndex);
  }

  revisionAt(index: number): number {
    return this.entries[index - 1]?.revision ?? 1 + this.#bump;
  }

  membersAt(index: number): readonly Member[] {
    return this.entries[index - 1]?.members ?? this.entries[0]?.members ?? [];
  }

  /** The members are others from now on, or the same. */
  configure(members: readonly Member[]): void {
    const hash = this.entries.at(-1)?.hash ?? 0;
    this.entries.push({ index: this.lastIndex + 1, revision: this.revision, changes: null, members, hash });
  }

  write(changes: readonly Change[]): number {
    const revision = this.revision + 1;
    const last = this.entries.at(-1);
    // A delete of what is not there changes nothing, not even the revision.
    const done = changes.flatMap((change) => this.#apply(change, revision));
    if (done.length === 0) return this.revision;
    const hash = done.reduce((sum, change) => mix(sum, describe(change)), last?.hash ?? 0);
    this.entries.push({
      index: this.lastIndex + 1,
      revision,
      changes: done,
      members: last?.members ?? [],
      hash,
    });
    return revision;
  }

  /** Up to `upToIndex`, whole revisions from `fromRevision`. */
  changes(fromRevision: number, upToIndex: number): readonly RevisionChanges[] {
    const found: RevisionChanges[] = [];
    for (let index = Math.min(upToIndex, this.lastIndex); index > 0; index--) {
      const entry = this.entries[index - 1];
      if (entry === undefined || entry.revision < fromRevision) break;
      if (entry.changes !== null) found.push({ revision: entry.revision, changes: entry.changes });
    }
    return found.reverse();
  }

  compact(revision: number): void {
    this.compactRevision = revision;
    const live = [...this.#keys.values()].reduce((sum, { bytes }) => sum + bytes, emptyBytes);
    const after = this.changes(revision + 1, this.lastIndex).flatMap(({ changes }) => changes);
    this.usedBytes = Math.max(
      live,
      after.reduce((sum, change) => sum + sizeOf(change), emptyBytes),
    );
  }

  hashAt(revision: number): number {
    const entry = this.entries.findLast((each) => each.revision <= revision);
    return mix(entry?.hash ?? 0, `compacted ${this.compactRevision}`);
  }

  /** The same history up to an index, to go another way from there. */
  fork(index: number): Log {
    const log = new Log(this.#bump);
    for (const { changes } of this.entries.slice(0, index)) if (changes !== null) log.write(changes);
    log.compactRevision = Math.min(this.compactRevision, log.revision);
    return log;
  }

  /** As a snapshot's bytes: what a member at this index holds, the cluster's alarms, and their SHA-256. */
  serialize(index: number, alarms: readonly Alarm[] = []): Uint8Array {
    const entries = this.entries.slice(0, index).flatMap(({ revision, changes }) =>
      changes === null
        ? []
        : [
            {
              revision,
              changes: changes.map((change) => ({
                key: base64(change.key),
                value: change.type === 'put' ? base64(change.value) : null,
                lease: change.type === 'put' ? change.lease : null,
              })),
            },
          ],
    );
    const body = Buffer.from(
      JSON.stringify({ bump: this.#bump, compactRevision: this.compactRevision, alarms, entries }),
    );
    return Buffer.concat([body, createHash('sha256').update(body).digest()]);
  }

  /** What `etcdutl snapshot restore` makes of the bytes. Throws if they are not a whole snapshot. */
  static restore(
    snapshot: Uint8Array,
    bumpRevisions: number,
  ): { readonly log: Log; readonly alarms: readonly Alarm[] } {
    const body = Buffer.from(snapshot.subarray(0, -checksumBytes));
    const sum = createHash('sha256').update(body).digest();
    if (!sum.equals(snapshot.subarray(-checksumBytes)))
      throw new Error('expected sha256 does not match: no snapshot');
    const { bump, compactRevision, alarms, entries } = stored.parse(JSON.parse(body.toString()));
    const log = new Log(bump + bumpRevisions);
    for (const { changes } of entries)
      log.write(
        changes.map(
          ({ key, value, lease }): Change =>
            value === null
              ? { type: 'delete', key: Buffer.from(key, 'base64'), modRevision: 0 }
              : {
                  type: 'put',
                  key: Buffer.from(key, 'base64'),
                  value: Buffer.from(value, 'base64'),
                  version: 0,
                  createRevision: 0,
                  modRevision: 0,
                  lease,
                },
        ),
      );
    log.compactRevision = bumpRevisions > 0 ? log.revision : compactRevision;
    return { log, alarms };
  }

  #apply(change: Change, revision: number): readonly Change[] {
    const key = base64(change.key);
    const before = this.#keys.get(key);
    if (change.type === 'delete') {
      if (!this.#keys.delete(key)) return [];
      this.#grow(change);
      return [{ ...change, modRevision: revision }];
    }
    const createRevision = before?.createRevision ?? revision;
    const version = (before?.version ?? 0) + 1;
    this.#keys.set(key, { version, createRevision, bytes: sizeOf(change) });
    this.#grow(change);
    return [{ ...change, version, createRevision, modRevision: revision }];
  }

  #grow(change: Change): void {
    this.writtenBytes += sizeOf(change);
    this.usedBytes += sizeOf(change);
  }
}

export function sizeOf(change: Change): number {
  return keyBytes + change.key.length + (change.type === 'put' ? change.value.length : 0);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function describe(change: Change): string {
  const value = change.type === 'put' ? createHash('md5').update(change.value).digest('hex') : '';
  return `${change.type} ${base64(change.key)} ${value}`;
}

/** FNV-1a, 32 bits. */
function mix(hash: number, text: string): number {
  let mixed = hash ^ 0x811c9dc5;
  for (let at = 0; at < text.length; at++) mixed = Math.imul(mixed ^ text.charCodeAt(at), 0x01000193);
  return mixed >>> 0;
}
