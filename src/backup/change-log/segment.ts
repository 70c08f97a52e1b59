import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import type { RevisionChanges } from '../../etcd/port.ts';
import { damaged, streamKey } from '../format/frame.ts';
import { open } from '../format/open.ts';
import { seal } from '../format/seal.ts';
import { type AccountKey, type DataKey, wrappedKeySchema } from '../keys/account-key.ts';
import { FORMAT } from '../manifest.ts';
import { decodeRevisions } from './encoding.ts';
import { type SegmentName, segmentKey } from './segment-name.ts';

/**
 * A segment is cut, at the latest, when it has so many bytes of changes. One revision is never split: with etcd's largest request on top a
 * segment stays below `MAX_SEGMENT_BYTES`.
 */
export const SEGMENT_BYTES = 4 * 1024 * 1024;
/** What a reader takes for a segment. Etcd's own limit of a request is 1.5 MiB; a cluster may have raised it, to a tenfold at most. */
export const MAX_SEGMENT_BYTES = SEGMENT_BYTES + 16 * 1024 * 1024;
const LENGTH_BYTES = 4;
const MAX_HEADER_BYTES = 16 * 1024;

const count = z.number().int().nonnegative().safe();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const headerSchema = z
  .strictObject({
    format: z.literal(FORMAT),
    cluster: z.string(),
    /** Whose revisions these are: another history has other changes under the same numbers. */
    history: z.string(),
    /** Who wrote it: one process's one go. */
    writer: z.string(),
    sequence: count,
    /** It holds every change of these revisions, both included. */
    first: count,
    last: count,
    /** The SHA-256 of the stored segment before it, which ends at `first` - 1. Null: a log begins here. */
    previous: sha256.nullable(),
    /** Since when its oldest change may have been waiting to be seen, and when its newest was seen, epoch ms. */
    oldestAt: count,
    newestAt: count,
    /** Its last revision that changed anything, and the hash of that: who goes on here sees that it is still the same history. */
    tail: z.strictObject({ revision: count, sha256 }).readonly(),
    key: wrappedKeySchema,
  })
  .readonly();
/** What a segment says of itself, in the open. It is authenticated: the content's key is derived from it. */
export type SegmentHeader = z.infer<typeof headerSchema>;

/** A segment that is ready to be stored. */
export interface SealedSegment {
  readonly name: SegmentName;
  readonly header: SegmentHeader;
  readonly stored: Buffer;
  readonly sha256: string;
}

/** A segment that was read. */
export interface OpenedSegment {
  readonly header: SegmentHeader;
  readonly revisions: readonly RevisionChanges[];
  readonly sha256: string;
}

/** The purpose with which a writer's key is wrapped. */
export function logPurpose(cluster: string, writer: string): string {
  return `wdrip change log 1/${cluster}/${writer}`;
}

/** Seals encoded revisions. **A writer must use a sequence once only.** */
export async function sealSegment(
  header: Omit<SegmentHeader, 'format' | 'key'>,
  encoded: readonly Buffer[],
  key: DataKey,
): Promise<SealedSegment> {
  const full: SegmentHeader = { format: FORMAT, ...header, key: key.wrapped };
  const text = Buffer.from(JSON.stringify(full));
  const sealing = seal(pieces(encoded), contentKey(full, text, key.plain));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  const stored = Buffer.concat([length, text, await buffer(sealing.stored)]);
  const hash = digest(stored);
  const { first, last, previous } = header;
  return {
    name: { history: header.history, first, last, previous, own: hash },
    header: full,
    stored,
    sha256: hash,
  };
}

/** Opens a stored segment, and holds it to its name. Throws `BackupDamaged`, or the account key's failures. */
export async function openSegment(
  stored: Buffer,
  cluster: string,
  name: SegmentName,
  unwrap: Pick<AccountKey, 'unwrap'>,
  signal?: AbortSignal,
): Promise<OpenedSegment> {
  const what = `segment ${name.first} to ${name.last} of the change log`;
  const hash = digest(stored);
  const bytes = stored.length < LENGTH_BYTES ? 0 : stored.readUInt32BE();
  if (bytes === 0 || bytes > MAX_HEADER_BYTES) throw damaged(what, 'it has no header');
  const text = stored.subarray(LENGTH_BYTES, LENGTH_BYTES + bytes);
  const parsed = headerSchema.safeParse(parseJson(text.toString()));
  if (!parsed.success) throw damaged(what, 'its header has not the form that is written');
  const header = parsed.data;
  const said = {
    history: header.history,
    first: header.first,
    last: header.last,
    previous: header.previous,
    own: hash,
  };
  if (header.cluster !== cluster || segmentKey(cluster, said) !== segmentKey(cluster, name))
    throw damaged(what, 'it is not the one that its name says');
  const plain = await unwrap.unwrap(header.key, logPurpose(cluster, header.writer), signal);
  const content = await buffer(
    open(pieces([stored.subarray(LENGTH_BYTES + bytes)]), contentKey(header, text, plain)),
  );
  return { header, revisions: decodeRevisions(content, what), sha256: hash };
}

export function digest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function contentKey(header: SegmentHeader, text: Buffer, plain: Buffer) {
  const owner = `change log of ${header.cluster}, writer ${header.writer}`;
  return streamKey(plain, owner, `segment ${header.sequence} ${digest(text)}`);
}

async function* pieces(content: readonly Buffer[]): AsyncIterable<Buffer> {
  yield* content;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
