import { type LoggedBatch, type Stored, storedIn } from './batch-log.ts';

/**
 * Records that are durable in the log and do not stand under their own keys yet. They are settled many at a time in the order of
 * their keys: then each page of the tree is written once, and not once for each record in it.
 */
export interface Settler {
  /** The newest value of a key in the log; undefined if it is settled. */
  get(key: string): Stored | undefined;
  /** A batch is durable in the log under the next number. */
  note(batch: LoggedBatch): void;
  /** Numbers of the first batch in the log, and of the one after the last. */
  readonly first: number;
  readonly next: number;
  /** Whether there is so much to settle that it is time. */
  isDue(limitBytes: number): boolean;
  /** At most so many records to settle next, perhaps in one transaction with something else; they are settled once `done` is called. */
  piece(most: number): Piece;
}

export interface Piece {
  readonly writes: readonly (readonly [key: string, stored: Stored])[];
  /** Batches of the log that are settled as a whole, by number: from … to just before … */
  readonly forget: { readonly from: number; readonly to: number };
  done(): void;
}

const NOTHING: Piece = { writes: [], forget: { from: 0, to: 0 }, done() {} };

/** Batches that follow one another in the log, and where the newest value of each of their keys is. */
interface Group {
  readonly batches: LoggedBatch[];
  /** Index of the batch times `PLACES`, plus the index in it. A plain number takes no memory of its own. */
  readonly places: Map<string, number>;
  bytes: number;
}

/** A group that is being settled, in the order of its keys. */
interface Settling {
  readonly group: Group;
  readonly keys: readonly string[];
  settled: number;
  /** The batches before this one are settled when the group is. */
  readonly upTo: number;
}

/** More than the writes of any one batch. */
const PLACES = 2 ** 20;

const newGroup = (): Group => ({ batches: [], places: new Map(), bytes: 0 });

function newestIn({ batches, places }: Group, key: string): Stored | undefined {
  const place = places.get(key);
  const batch = place === undefined ? undefined : batches[Math.floor(place / PLACES)];
  return place === undefined || !batch ? undefined : storedIn(batch, place % PLACES);
}

/** `first` is the number of the log's first batch, which has not been noted yet. */
export function createSettler(first: number): Settler {
  let from = first;
  let next = first;
  let fresh = newGroup();
  let settling: Settling | null = null;

  function startSettling(): Settling | null {
    if (fresh.places.size === 0) return null;
    const group = fresh;
    fresh = newGroup();
    return { group, keys: [...group.places.keys()].sort(), settled: 0, upTo: next };
  }

  return {
    get first() {
      return from;
    },
    get next() {
      return next;
    },
    get(key) {
      const newest = newestIn(fresh, key);
      return newest === undefined && settling ? newestIn(settling.group, key) : newest;
    },
    note(batch) {
      const base = fresh.batches.push(batch) * PLACES - PLACES;
      next += 1;
      fresh.bytes += batch.bytes.length;
      for (const [index, key] of batch.keys.entries()) fresh.places.set(key, base + index);
    },
    isDue: (limitBytes) => settling !== null || fresh.bytes > limitBytes,
    piece(most) {
      if (most > 0) settling ??= startSettling();
      if (most === 0 || !settling) return NOTHING;
      const current = settling;
      const end = Math.min(current.settled + most, current.keys.length);
      const writes = current.keys
        .slice(current.settled, end)
        .map((key): readonly [string, Stored] => [key, newestIn(current.group, key) ?? null]);
      // Only from the front, and only once the whole group is settled: what is left of the log always tells the newest of its keys.
      const isWhole = end === current.keys.length;
      const to = isWhole ? Math.min(from + Math.max(1, most - writes.length), current.upTo) : from;
      return {
        writes,
        forget: { from, to },
        done() {
          current.settled = end;
          from = to;
          if (isWhole && to === current.upTo) settling = null;
        },
      };
    },
  };
}
