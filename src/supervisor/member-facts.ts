import type { MemberFacts } from '../../machines/members.ts';
import { cloudTags, type Instance } from '../cloud/port.ts';
import type { ClusterLook, LookedMember } from '../effects/quorum/look.ts';
import type { QuorumFacts } from './admission.ts';
import { type CloudView, instanceState } from './observation.ts';

/** Everything that two sides say of the masters: etcd of its members, and the cloud of their bodies. */
export interface MastersSeen {
  readonly look: ClusterLook;
  readonly cloud: CloudView;
  /** Slots that the cluster is to have. */
  readonly wanted: readonly string[];
  /** What was known before: while no quorum answers, who the members are is remembered. */
  readonly before: readonly MemberFacts[];
}

/** Puts together what is known of each master and each member. Pure; in a fixed order, so that two looks compare. */
export function memberFacts({ look, cloud, wanted, before }: MastersSeen): readonly MemberFacts[] {
  const bodies = [...cloud.instances.values()].filter(
    ({ tags }) => tags[cloudTags.role] === 'controlPlane' && tags[cloudTags.slot] !== undefined,
  );
  const known = look.held || isTrusted(look, before);
  const members = known ? look.members : [];
  const taken = new Set<string>();
  const slots = [...new Set([...wanted, ...bodies.map(({ tags }) => tags[cloudTags.slot] ?? '')])].sort();
  const ofSlots = slots.flatMap((slot): readonly MemberFacts[] => {
    const body = bodyOf(slot, bodies);
    // Of two bodies that take turns in a slot, each has its own memory: that of a voter must not be lost with its turn.
    const remembered =
      before.find(({ instanceId }) => body !== undefined && instanceId === body.id) ??
      before.find((each) => each.slot === slot);
    const instanceId = body?.id ?? remembered?.instanceId ?? null;
    const address = body?.privateIp ?? null;
    // A member is called after its instance; one that has not started has no name yet, and is known by its address.
    const member = members.find(
      ({ hosts, name }) =>
        name === instanceId || (name === '' && address !== null && hosts.includes(address)),
    );
    if (member !== undefined) taken.add(member.id);
    const sameBody = instanceId === (remembered?.instanceId ?? null);
    const isRemembered = !known && remembered !== undefined && sameBody;
    const isWanted = wanted.includes(slot);
    if (!isWanted && member === undefined && body === undefined) return [];
    return [
      {
        slot,
        wanted: isWanted,
        instanceId,
        instance: body === undefined ? absent(instanceId, cloud) : instanceState(body),
        ...(isRemembered
          ? { ...rolesOf(remembered), health: 'unhealthy' as const, alarm: null }
          : membership(member)),
      },
    ];
  });
  // Nobody knows: a member whose slot has another body by now is remembered all the same, or its vote would be forgotten.
  const bodiesNow = new Set(ofSlots.map(({ instanceId }) => instanceId));
  const strays = known
    ? members.filter(({ id }) => !taken.has(id)).map((member) => stray(member, cloud))
    : before
        .filter(({ memberId, instanceId }) => memberId !== null && !bodiesNow.has(instanceId))
        .map((each) => ({
          ...each,
          slot: null,
          wanted: false,
          instance: absent(each.instanceId, cloud),
          health: 'unhealthy' as const,
        }));
  // An alarm of a member that is gone is lifted by the same repair as a member's own: the first voter stands for it.
  const stands =
    look.strayAlarms.length === 0
      ? -1
      : ofSlots.findIndex(({ role, alarm }) => role === 'voter' && alarm === null);
  const withAlarm = ofSlots.map((each, index) =>
    index === stands ? { ...each, alarm: 'noSpace' as const } : each,
  );
  return [...withAlarm, ...strays.sort((a, b) => ((a.memberId ?? '') < (b.memberId ?? '') ? -1 : 1))];
}

/**
 * Whether to believe who the members are without a quorum. A member tells what it has applied so far: of a learner that has just begun that
 * is next to nothing, and no voter. And one that is no member any more, since the others were made anew without it, tells of a cluster that
 * is gone: it goes on counting those whose data is lost (safety 44).
 */
function isTrusted({ members, toldBy }: ClusterLook, before: readonly MemberFacts[]): boolean {
  if (!members.some(({ learner }) => !learner)) return false;
  const known = before.filter(({ role }) => role !== 'none');
  const teller = members.find(({ hosts }) => toldBy !== null && hosts.includes(toldBy));
  return known.length === 0 || known.some(({ memberId }) => memberId === teller?.id);
}

/** A slot has one body, but for a moment while another takes its place: the one that isn't on its way out is meant. */
function bodyOf(slot: string, bodies: readonly Instance[]): Instance | undefined {
  const ours = bodies.filter(({ tags }) => tags[cloudTags.slot] === slot);
  return ours.find(({ status }) => status === 'Running') ?? ours[0];
}

function absent(instanceId: string | null, cloud: CloudView): MemberFacts['instance'] {
  if (instanceId === null) return cloud.askedAt > 0 ? 'gone' : 'unknown';
  const found = cloud.instances.get(instanceId);
  if (found !== undefined) return instanceState(found);
  return cloud.gone.has(instanceId) ? 'gone' : 'unknown';
}

function rolesOf({ memberId, role, started }: MemberFacts) {
  return { memberId, role, started };
}

function membership(member: LookedMember | undefined) {
  if (member === undefined)
    return { memberId: null, role: 'none', started: false, health: 'unknown', alarm: null } as const;
  const { id, learner, started, healthy, alarm } = member;
  return {
    memberId: id,
    role: learner ? 'learner' : 'voter',
    started,
    health: healthy ? 'healthy' : 'unhealthy',
    alarm,
  } as const;
}

/** A member whose body is none of ours: its name is the id of the instance that it was. */
function stray(member: LookedMember, cloud: CloudView): MemberFacts {
  const instanceId = member.name === '' ? null : member.name;
  return {
    slot: null,
    wanted: false,
    instanceId,
    instance: instanceId === null ? 'unknown' : absent(instanceId, cloud),
    ...membership(member),
  };
}

/** What admission asks of the quorum for one master's slot; null while no quorum was seen. */
export function quorumFacts(
  members: readonly MemberFacts[],
  held: boolean,
  slot: string,
): QuorumFacts | null {
  if (!held) return null;
  const voters = members.filter(({ role }) => role === 'voter');
  return {
    voters: voters.length,
    healthyVotersWithout: voters.filter(
      ({ slot: its, health, alarm }) => its !== slot && health === 'healthy' && alarm !== 'corrupt',
    ).length,
    learners: members.filter(({ role }) => role === 'learner').length,
  };
}

/** Two lists that say the same make no event. */
export function sameFacts(a: readonly MemberFacts[], b: readonly MemberFacts[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
