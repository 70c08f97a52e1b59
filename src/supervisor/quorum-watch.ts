import { setMaxListeners } from 'node:events';
import type { MemberFacts } from '../../machines/members.ts';
import { type ClusterLook, lookAtCluster } from '../effects/quorum/look.ts';
import type { Endpoint, Etcd } from '../etcd/port.ts';
import type { Log } from '../log.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { memberFacts } from './member-facts.ts';
import type { CloudView } from './observation.ts';

/** The newest look at the masters. */
export interface QuorumView {
  /** When it began, in epoch ms. */
  readonly at: number;
  readonly held: boolean;
  readonly members: readonly MemberFacts[];
  readonly look: ClusterLook;
}

export interface QuorumWatch {
  view(): QuorumView | null;
  stop(): Promise<void>;
}

/** Follows etcd's members by asking them and the cloud directly, never through the API server that may be down. */
export function watchQuorum(options: {
  readonly etcd: Etcd;
  readonly clock: Clock;
  readonly log: Log;
  /** Where the masters' etcd answers, as the cloud tells it now. */
  readonly endpoints: () => readonly Endpoint[];
  readonly cloud: () => CloudView;
  readonly wanted: () => readonly string[];
  /** What was known when the last supervisor ended. */
  readonly before: readonly MemberFacts[];
  readonly intervalMs: () => number;
  readonly changed: (view: QuorumView) => void;
}): QuorumWatch {
  const { etcd, clock, log } = options;
  const stopping = new AbortController();
  // Each member is asked several things at once.
  setMaxListeners(0, stopping.signal);
  let view: QuorumView | null = null;
  let known = options.before;

  async function follow(): Promise<void> {
    while (!stopping.signal.aborted) {
      const cloud = options.cloud();
      // Before the cloud was asked, where the masters are is not known: nobody answering would prove nothing.
      if (cloud.askedAt > 0) {
        const at = clock.now();
        const look = await lookAtCluster(etcd, options.endpoints(), { signal: stopping.signal });
        known = memberFacts({ look, cloud, wanted: options.wanted(), before: known });
        if (view !== null && view.held !== look.held)
          log[look.held ? 'info' : 'warn'](look.held ? 'etcd has a quorum' : 'etcd has no quorum', {
            why: look.why,
          });
        view = { at, held: look.held, members: known, look };
        options.changed(view);
      }
      await sleep(clock, options.intervalMs(), stopping.signal);
    }
  }

  const following = follow().catch((caught: unknown) => {
    if (!stopping.signal.aborted) throw caught;
  });
  return {
    view: () => view,
    async stop() {
      stopping.abort(new Error('stopped'));
      await following;
    },
  };
}
