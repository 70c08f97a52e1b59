import { type Change, type Endpoint, type Etcd, makeRoom, type RevisionChanges } from '../../etcd/port.ts';
import { toFailure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { type ReadLogOptions, readLog } from '../change-log/read.ts';
import type { RegionProblem } from '../regions.ts';
import { mergeRevisions } from './merge.ts';

/**
 * For how long, in seconds, a key lives on whose lease was granted after the snapshot: the log has the lease's id, but not how long it
 * is. An hour is the longest that Kubernetes grants (events); whoever still needs one renews it.
 */
export const LEASE_SECONDS = 3_600;
/** How long a transaction is tried, and the rest between two tries, in ms: an etcd that has just begun may have no leader for a moment. */
const TRY_MS = 120_000;
const AGAIN_MS = 1_000;
/** Each API server puts its own address there when it starts; the old ones' would only be in the way (safety 46). */
const LEFT_OUT: readonly string[] = ['/registry/masterleases/'];

export interface ReplayOptions extends ReadLogOptions {
  readonly etcd: Etcd;
  /**
   * Of the restored etcd, which has `after`, or more: what it has already ends the same when it is done again. Nobody else may write to
   * it yet.
   */
  readonly endpoints: readonly Endpoint[];
  readonly clock: Clock;
}

/** How far the log led. What came after it is lost. */
export interface Replayed {
  readonly segments: number;
  readonly revisions: number;
  /** In the old cluster's counting: everything up to here is restored. */
  readonly reached: number;
  /** When the newest change that was restored was seen, epoch ms; null if there was none. Writes that were acknowledged later are lost. */
  readonly newestAt: number | null;
  readonly problems: readonly RegionProblem[];
}

/**
 * Does again what the log says, in order. Keys, values and their order are as they were; revisions are others, since the restored etcd
 * counts on from its raised one. As a whole it may be done again: it ends the same.
 */
export async function replayChangeLog(options: ReplayOptions): Promise<Replayed> {
  const problems: RegionProblem[] = [];
  let segments = 0;
  let revisions = 0;
  let reached = options.after;
  let newestAt: number | null = null;
  for await (const piece of readLog(options, problems)) {
    const wanted = piece.revisions.map(withoutLeftOut).filter(({ changes }) => changes.length > 0);
    if (wanted.length > 0) await applyChanges(options, wanted);
    segments += 1;
    revisions += piece.revisions.length;
    reached = piece.last;
    newestAt = piece.newestAt;
  }
  return { segments, revisions, reached, newestAt, problems };
}

/**
 * Applies changes to the restored etcd, each transaction until it is done: one that was done already ends the same. Room is made in a store
 * that is full: what the log overwrites takes some until it is compacted. Throws what etcd refuses, `NoSpace` where that did not help.
 */
export async function applyChanges(
  { etcd, endpoints, clock, signal }: Pick<ReplayOptions, 'etcd' | 'endpoints' | 'clock' | 'signal'>,
  revisions: readonly RevisionChanges[],
): Promise<void> {
  for (const each of mergeRevisions(revisions)) {
    const apply = () => etcd.apply(endpoints, [each], { leaseSeconds: LEASE_SECONDS, signal });
    for (const until = clock.now() + TRY_MS; ; await sleep(clock, AGAIN_MS, signal))
      try {
        await apply().catch(async (caught: unknown) => {
          if (toFailure(caught).code !== 'NoSpace') throw caught;
          await makeRoom(etcd, endpoints, signal);
          return apply();
        });
        break;
      } catch (caught) {
        signal?.throwIfAborted();
        const { kind } = toFailure(caught);
        if (clock.now() >= until || (kind !== 'retryable' && kind !== 'throttled')) throw caught;
      }
  }
}

/** What is lost, in a sentence for people. `takenAt`: of the backup. */
export function lossText({ newestAt, reached, revisions, problems }: Replayed, takenAt: number): string {
  const upTo = new Date(newestAt ?? takenAt).toISOString();
  const source =
    newestAt === null
      ? 'the backup, and no change was shipped since'
      : `the change log, ${revisions} revisions`;
  const trouble =
    problems.length === 0
      ? ''
      : ` (${problems.length} parts of the log could not be read where they were looked for first)`;
  return `what was written after ${upTo} (revision ${reached} of ${source}) is lost${trouble}`;
}

function withoutLeftOut({ revision, changes }: RevisionChanges): RevisionChanges {
  return { revision, changes: changes.filter((change) => !isLeftOut(change)) };
}

function isLeftOut({ key }: Change): boolean {
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  return LEFT_OUT.some((prefix) => text.subarray(0, prefix.length).equals(Buffer.from(prefix)));
}
