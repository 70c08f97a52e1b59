import { namesOf, paddedRevision } from '../names.ts';

/** A segment by its name alone, so that the whole chain can be seen from a listing. The segment's header says the same, in full. */
export interface SegmentName {
  readonly history: string;
  readonly first: number;
  readonly last: number;
  /** SHA-256 of the stored predecessor; in a name that was read, its first digits. Null: a log begins here. */
  readonly previous: string | null;
  /** The same of itself. */
  readonly own: string;
}

/** Digits of a hash in a name: enough to tell segments apart; the header has all of them. */
const HASH_DIGITS = 16;
const BEGIN = 'begin';
const pattern = /^(\d{16})-(\d{16})-([0-9a-f]{16}|begin)-([0-9a-f]{16})$/;

/** Where the segments of one history lie. */
export function historyPrefix(cluster: string, history: string): string {
  return `${namesOf(cluster).log}${history}/`;
}

export function segmentKey(cluster: string, { history, first, last, previous, own }: SegmentName): string {
  const before = previous === null ? BEGIN : previous.slice(0, HASH_DIGITS);
  return `${historyPrefix(cluster, history)}${paddedRevision(first)}-${paddedRevision(last)}-${before}-${own.slice(0, HASH_DIGITS)}`;
}

/** Undefined for what is no segment. */
export function readSegmentKey(cluster: string, key: string): SegmentName | undefined {
  const [history = '', name = '', more] = key.slice(namesOf(cluster).log.length).split('/');
  const parts = pattern.exec(name);
  if (!parts || more !== undefined) return undefined;
  const [, first, last, previous = BEGIN, own = ''] = parts;
  return {
    history,
    first: Number(first),
    last: Number(last),
    previous: previous === BEGIN ? null : previous,
    own,
  };
}

/** The one is the other's predecessor. */
export function follows(name: SegmentName, before: SegmentName): boolean {
  return (
    name.previous !== null &&
    name.previous.slice(0, HASH_DIGITS) === before.own.slice(0, HASH_DIGITS) &&
    name.first === before.last + 1
  );
}
