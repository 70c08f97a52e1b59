import type { Alarm, Asking, Endpoint, Etcd, Member, MemberStatus, Membership } from '../../etcd/port.ts';

/** One member as it was found. */
export interface LookedMember extends Member {
  /** Hosts of its peer URLs: which master it is. */
  readonly hosts: readonly string[];
  /** It answered a read of its own in time: through the quorum if there is one, and if it votes. */
  readonly healthy: boolean;
  /** Why not, in etcd's or our words. */
  readonly why: string | null;
  readonly status: MemberStatus | null;
  readonly alarm: Alarm['kind'] | null;
}

/** The cluster as etcd itself tells it, now. */
export interface ClusterLook {
  /** A quorum answered. */
  readonly held: boolean;
  /** Null: nobody answered at all, so who the members are is not known. */
  readonly clusterId: string | null;
  readonly members: readonly LookedMember[];
  /** Alarms of members that are in the membership no more. etcd keeps them, and refuses writes for them, until somebody lifts them. */
  readonly strayAlarms: readonly Alarm[];
  readonly leader: string | null;
  /** Host of the member that told who the members are; null: nobody did. Without a quorum that is what it remembers. */
  readonly toldBy: string | null;
  /** Why there is no quorum; null if there is one. */
  readonly why: string | null;
}

/** How long each question of a look may take, in ms: a healthy member answers in milliseconds, one with a slow disk in a second. */
const lookTimeoutMs = 3_000;

/**
 * Looks at an etcd cluster: who the members are, and who of them is well. Asks them directly; needs neither the API server nor a quorum.
 * Throws only the signal's reason.
 */
export async function lookAtCluster(
  etcd: Etcd,
  endpoints: readonly Endpoint[],
  asking: Asking = {},
): Promise<ClusterLook> {
  const options = { timeoutMs: lookTimeoutMs, ...asking };
  const { membership, held, why } = await membershipOf(etcd, endpoints, options);
  if (membership === null)
    return { held: false, clusterId: null, members: [], strayAlarms: [], leader: null, toldBy: null, why };
  const agreed = held ? await etcd.alarms(endpoints, options).catch(() => []) : [];
  const looked = await Promise.all(
    membership.members.map(async (member): Promise<Omit<LookedMember, 'alarm'>> => {
      const hosts = member.peerUrls.map((url) => new URL(url).hostname);
      // One that was just added has told nobody its client URL yet: its address is known all the same.
      const endpoint =
        member.clientUrls[0] ?? endpoints.find((each) => hosts.includes(new URL(each).hostname));
      if (endpoint === undefined)
        return { ...member, hosts, healthy: false, why: 'it has not started', status: null };
      const [health, status] = await Promise.all([
        etcd.health(endpoint, member.learner || !held ? 'serializable' : 'linearizable', options),
        etcd.status(endpoint, options).catch(() => null),
      ]);
      // Another member may answer at that address: one that was made anew there, before the old one was removed.
      const impostor = status !== null && status.memberId !== member.id;
      return {
        ...member,
        hosts,
        healthy: health.healthy && status !== null && !impostor,
        why: impostor ? 'another member answers at its address' : health.healthy ? null : health.why,
        status: impostor ? null : status,
      };
    }),
  );
  // Without a quorum there is only what each remembers.
  const alarms = held ? agreed : looked.flatMap(({ status }) => status?.alarms ?? []);
  const members = looked.map((member): LookedMember => {
    const alarm = alarms.find(({ memberId }) => memberId === member.id)?.kind ?? null;
    return { ...member, alarm };
  });
  asking.signal?.throwIfAborted();
  const leader = members.flatMap(({ status }) => status?.leader ?? [])[0] ?? null;
  const strayAlarms = agreed.filter(({ memberId }) => members.every(({ id }) => id !== memberId));
  const toldBy = new URL(membership.answeredBy).hostname;
  return { held, clusterId: membership.clusterId, members, strayAlarms, leader, toldBy, why };
}

/** The endpoints in their order, but the leader's at the end: what costs the member that serves it is asked of a follower first. */
export function leaderLast(
  endpoints: readonly Endpoint[],
  look: Pick<ClusterLook, 'leader' | 'members'> | null,
): readonly Endpoint[] {
  const led = look?.members.find(({ id }) => id === look.leader)?.hosts ?? [];
  const leads = (endpoint: Endpoint) => Number(led.includes(new URL(endpoint).hostname));
  return [...endpoints].sort((a, b) => leads(a) - leads(b));
}

async function membershipOf(
  etcd: Etcd,
  endpoints: readonly Endpoint[],
  options: Asking,
): Promise<{ membership: Membership | null; held: boolean; why: string | null }> {
  if (endpoints.length === 0)
    return { membership: null, held: false, why: 'no master has an address at which etcd could be asked' };
  try {
    return { membership: await etcd.members(endpoints, options), held: true, why: null };
  } catch (caught) {
    options.signal?.throwIfAborted();
    const why = caught instanceof Error ? caught.message : String(caught);
    const remembered = await Promise.all(
      endpoints.map((endpoint) => etcd.rememberedMembers(endpoint, options).catch(() => null)),
    );
    return { membership: remembered.find((each) => each !== null) ?? null, held: false, why };
  }
}
