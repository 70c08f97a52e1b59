import type { RevisionChanges } from '../../etcd/port.ts';
import type { AccountKey } from '../keys/account-key.ts';
import type { ObjectStore } from '../objects/port.ts';
import type { RegionProblem } from '../regions.ts';
import { chainFrom } from './chain.ts';
import { listLog, readSegment } from './resume.ts';

export interface ReadLogOptions {
  readonly cluster: string;
  readonly history: string;
  readonly stores: readonly ObjectStore[];
  readonly key: Pick<AccountKey, 'unwrap'>;
  /** What the restored etcd has. */
  readonly after: number;
  /** Changes that were seen later than this, epoch ms, are left out. */
  readonly until?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A piece of the log, in order. */
export interface LogPiece {
  readonly revisions: readonly RevisionChanges[];
  /** Everything up to here has been given. */
  readonly last: number;
  /** When its newest change was seen, epoch ms. */
  readonly newestAt: number;
}

/**
 * The changes after a revision, segment by segment, as far as the segments of all regions lead, each revision once (safety 51). A segment
 * that is damaged everywhere is gone around where another writer's leads on, and else it is the end. What was wrong is added to `problems`.
 */
export async function* readLog(options: ReadLogOptions, problems: RegionProblem[]): AsyncIterable<LogPiece> {
  const { cluster, history, stores, key, signal, until = Number.POSITIVE_INFINITY } = options;
  const listed = await listLog(stores, cluster, history, signal);
  problems.push(...listed.problems);
  const left = new Map(listed.segments);
  let reached = options.after;
  for (let way = chainFrom([...left.keys()], reached); way; way = chainFrom([...left.keys()], reached)) {
    let previous: string | undefined;
    for (const name of way) {
      const read = await readSegment(name, left.get(name) ?? [], cluster, key, problems, signal).catch(
        () => undefined,
      );
      signal?.throwIfAborted();
      // Names have only the first digits of the hashes; the headers have all of them.
      if (!read || (previous !== undefined && read.header.previous !== previous)) {
        left.delete(name);
        break;
      }
      previous = read.sha256;
      if (read.header.oldestAt > until) return;
      const revisions = read.revisions.filter(({ revision }) => revision > reached);
      reached = Math.max(reached, name.last);
      yield { revisions, last: reached, newestAt: read.header.newestAt };
    }
  }
}
