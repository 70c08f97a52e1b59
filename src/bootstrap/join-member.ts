import type { Etcd, Member } from '../etcd/port.ts';
import type { Clock } from '../runtime/clock.ts';
import { etcdClientUrl, etcdPeerUrl } from './etcd-unit.ts';
import { waitUntil } from './wait-until.ts';

/** What bringing members in takes of etcd. */
export type EtcdMembership = Pick<Etcd, 'members' | 'addLearner' | 'promote'>;

/** How often the members are looked at, in ms: an empty learner catches up in a second. */
const LOOK_MS = 300;

/**
 * Adds the member at `address` as a learner, waits until it has started and caught up, and promotes it. It may be done again from
 * wherever it was left. One at a time: etcd takes one learner, and no change of members while one has just come. Rejects with `Failure`
 * `WaitOverdue`, or with what etcd rejects.
 */
export function joinMember(
  etcd: EtcdMembership,
  order: {
    /** Addresses of members that vote already. */
    readonly voters: readonly string[];
    readonly address: string;
  },
  waiting: { readonly clock: Clock; readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<Member> {
  const { voters, address } = order;
  const { signal } = waiting;
  const endpoints = voters.map(etcdClientUrl);
  const peerUrl = etcdPeerUrl(address);
  return waitUntil<Member>({
    ...waiting,
    what: `the etcd member at ${address} to vote`,
    advice: 'See on its instance what the unit etcd says',
    intervalMs: LOOK_MS,
    look: async () => {
      const { members } = await etcd.members(endpoints, { signal });
      const own = members.find((member) => member.peerUrls.includes(peerUrl));
      if (own === undefined) {
        await etcd.addLearner(endpoints, [peerUrl], { signal });
        return { seen: 'it was added as a learner' };
      }
      if (!own.learner) return { done: own };
      if (!own.started) return { seen: 'the learner has not started' };
      await etcd.promote(endpoints, own.id, { signal });
      return { seen: 'it was promoted' };
    },
  });
}
