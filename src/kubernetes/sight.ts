import type { FailureData } from '../failure.ts';
import type { KubernetesLimits } from './limits.ts';

/** The two collections that make up the view. */
export type Watched = 'nodes' | 'leases';

/** All that is known about whether the view can be trusted. Times are in ms of our clock. */
export interface SightFacts {
  readonly startedAt: number;
  /** Whether it is trusted so far. */
  readonly isSighted: boolean;
  /** When the API, with the etcd behind it, last proved to be alive; null before the first proof. */
  readonly provedAt: number | null;
  /** Which collections were listed to their end since sight was last lost. */
  readonly listed: Readonly<Record<Watched, boolean>>;
  /** Since when a collection is followed by no open watch; null while it is. */
  readonly troubledSince: Readonly<Record<Watched, number | null>>;
  /** Probes in a row that got no connection. */
  readonly unreachable: number;
  /** The newest failure since the last proof, for the reason that is shown. */
  readonly failure: FailureData | null;
  /** The API's data went back in time: it was restored from a snapshot (safety 45). */
  readonly wentBack: boolean;
}

export type Sight =
  | { readonly state: 'sighted' }
  /** Too early to say: nothing has failed yet, but not everything was listed. */
  | { readonly state: 'waiting' }
  | { readonly state: 'blind'; readonly code: string; readonly why: string };

/** One lost connection is a restart of one API server behind a balancer; two in a row, `probeMs` apart, is no API. */
const UNREACHABLE_PROBES = 2;

/** Whether the view can be trusted now. Pure. */
export function judgeSight(facts: SightFacts, now: number, limits: KubernetesLimits): Sight {
  const { failure } = facts;
  const because = failure ? ` Last failure: ${failure.message}` : '';
  if (facts.wentBack)
    return blind('RevisionWentBack', "The API's data went back in time: it was restored from a snapshot.");
  if (facts.unreachable >= UNREACHABLE_PROBES) {
    return blind(failure?.code ?? 'Unreachable', `The Kubernetes API can't be reached.${because}`);
  }
  const lastSign = facts.provedAt ?? facts.startedAt;
  if (now - lastSign > limits.staleMs) {
    const what = `The Kubernetes API has proved nothing for ${now - lastSign} ms.`;
    return blind(failure?.code ?? 'Silent', `${what}${because}`);
  }
  for (const watched of ['nodes', 'leases'] as const) {
    const since = facts.troubledSince[watched];
    if (facts.isSighted && since !== null && now - since > limits.staleMs) {
      const what = `No watch of ${watched} could be kept open for ${now - since} ms.`;
      return blind(failure?.code ?? 'NoWatch', `${what}${because}`);
    }
  }
  if (facts.isSighted || isComplete(facts)) return { state: 'sighted' };
  if (failure !== null)
    return blind(failure.code, `Nodes and leases can't be listed and followed.${because}`);
  return { state: 'waiting' };
}

/** Lists to their end, and watches that are open where the lists ended: from then on nothing is missed. */
function isComplete({ listed, troubledSince, provedAt }: SightFacts): boolean {
  const isFollowed = troubledSince.nodes === null && troubledSince.leases === null;
  return listed.nodes && listed.leases && isFollowed && provedAt !== null;
}

function blind(code: string, why: string): Sight {
  return { state: 'blind', code, why };
}
