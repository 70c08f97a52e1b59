/** How long each kind of call may take, in ms, unless the caller says otherwise. */
export const deadlines = {
  /** What a member answers from memory, or after asking its quorum: ms when well, so that 5 s is no answer. */
  question: 5_000,
  /** A change goes through the quorum's disks; etcd itself gives up after 7 s (5 s, and two election time-outs). */
  change: 10_000,
  /** Reads the whole database: 8 GiB, etcd's own limit for it, at 100 MB/s. */
  hash: 90_000,
  /** Rewrites the whole database: the same, written too. */
  defragment: 300_000,
  /** Between two pieces of a snapshot: a disk that is slow, not one that has stopped. */
  snapshotPiece: 30_000,
} as const;

/**
 * A piece of a snapshot or a watch's fragment has etcd's own limit for a message (1.5 MiB by default, seldom raised) and little around
 * it.
 */
export const longestMessageBytes = 64 * 1024 * 1024;
/**
 * What a server may send on a connection before it hears that it was read. HTTP/2's own 64 KiB are two pieces of a snapshot: the server
 * would stop after each, which takes twice the time, and twice the processor's on both sides.
 */
export const windowBytes = 1024 * 1024;
/** An endpoint that is refused is tried again this soon: a member comes back in seconds, and it is the caller who asks again. */
export const reconnectMs = { first: 100, longest: 1_000 } as const;
/** A connection that is silent for this long is tested, and given up after the second: etcd refuses tests more often than every 5 s. */
export const keepaliveMs = { idle: 10_000, answer: 5_000 } as const;
/** Members of a few clusters; the connection that was used longest ago goes first. */
export const mostConnections = 32;
/** Changes in one transaction: etcd's `--max-txn-ops` by default. */
export const mostOperations = 128;
