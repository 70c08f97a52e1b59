import type { QuorumContext } from '../../machines/etcd-quorum.ts';
import { cloudTags, type Instance } from '../cloud/port.ts';
import { leaderLast } from '../effects/quorum/look.ts';
import type { Endpoint, Etcd } from '../etcd/port.ts';
import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EffectContext, Runtime, Transition } from '../runtime/types.ts';
import type { QuorumFacts } from './admission.ts';
import { type AdmissionDesk, createDesk, type Waiting } from './desk.ts';
import { actorIds } from './fleet.ts';
import { admitMember, type MemberRequest } from './member-admission.ts';
import { quorumFacts, sameFacts } from './member-facts.ts';
import type { CloudView } from './observation.ts';
import { type QuorumView, type QuorumWatch, watchQuorum } from './quorum-watch.ts';
import { sameSettings } from './reconcile.ts';

/** The pool that masters belong to, and the names of their slots. */
export const controlPlanePool = 'control-plane';
export function masterSlot(index: number): string {
  return `${controlPlanePool}-${index}`;
}

export interface ControlPlaneParts {
  readonly cluster: string;
  /** How many masters the cluster is to have. */
  readonly replicas: number;
  readonly policy: QuorumContext['policy'];
  readonly etcd: Etcd;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly log: Log;
  readonly pollMs: number;
  readonly busyPollMs: number;
  readonly cloud: () => CloudView;
  readonly paused: () => boolean;
  /** Masters whose own ladder holds a permit, or has been granted one. */
  readonly mastersUnderRepair: () => readonly string[];
  /** Something that admission of nodes decides on may have changed. */
  readonly changed: () => void;
}

/** A look counts for admission as long as this many of its intervals. */
const freshIntervals = 3;

/**
 * The supervisor's part for etcd: watches the members, tells the quorum's actor, and decides with it and the masters' ladders who may
 * act.
 */
export class ControlPlane {
  readonly #parts: ControlPlaneParts;
  readonly #desk: AdmissionDesk<MemberRequest>;
  #watch: QuorumWatch | null = null;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
    this.#desk = createDesk<MemberRequest>({
      clock: parts.clock,
      log: parts.log,
      decider: () => (request) =>
        admitMember(request, {
          paused: parts.paused(),
          held: this.#fresh()?.held ?? false,
          members: this.#fresh()?.members ?? [],
          mastersUnderRepair: parts.mastersUnderRepair(),
        }),
    });
  }

  /** Starts watching. The supervisor's actor must be there: it spawns the quorum's. */
  start(): void {
    const { runtime, etcd, clock, log, cloud } = this.#parts;
    runtime.onTransition((transition) => this.#onTransition(transition));
    this.#watch = watchQuorum({
      etcd,
      clock,
      log,
      cloud,
      endpoints: () => this.endpoints(),
      wanted: () => this.slots(),
      before: this.context()?.members ?? [],
      intervalMs: () => this.#intervalMs(),
      changed: (view) => this.#tell(view),
    });
  }

  async stop(): Promise<void> {
    this.#desk.stop();
    await this.#watch?.stop();
  }

  /** Slots of the masters that the cluster is to have. */
  slots(): readonly string[] {
    return Array.from({ length: this.#parts.replicas }, (_, index) => masterSlot(index));
  }

  /**
   * Where the masters' etcd answers, as the cloud tells it: every body that can be reached. The leader, on which every write waits, comes
   * last.
   */
  endpoints(): readonly Endpoint[] {
    const reachable = [...this.#parts.cloud().instances.values()]
      .filter(isMaster)
      .flatMap(({ privateIp, status }) =>
        privateIp === null || status === 'Stopped' ? [] : [`https://${privateIp}:2379`],
      );
    return leaderLast(reachable, this.view()?.look ?? null);
  }

  /** Instances that members are of, also such as no master has any more: whether they are gone is asked of the cloud. */
  instances(): readonly string[] {
    return (this.view()?.members ?? this.context()?.members ?? []).flatMap(
      ({ instanceId }) => instanceId ?? [],
    );
  }

  /** The slot is not wanted, and etcd has no member of it any more: its body may go. */
  hasLeft(slot: string): boolean {
    const view = this.#fresh();
    if (view === null || !view.held || this.slots().includes(slot)) return false;
    return !view.members.some((member) => member.slot === slot && member.memberId !== null);
  }

  /** The quorum's actor, as its newest durable record says; null before it was spawned. */
  context(): QuorumContext | null {
    const record = this.#parts.runtime.record(actorIds.quorum);
    // The runtime has checked the record's machine and version, so its context is what it says.
    return record === undefined ? null : (record.snapshot.context as unknown as QuorumContext);
  }

  view(): QuorumView | null {
    return this.#watch?.view() ?? null;
  }

  /** What admission of a master's node asks; null while no quorum was seen lately. */
  factsOf(slot: string): QuorumFacts | null {
    const view = this.#fresh();
    return view === null ? null : quorumFacts(view.members, view.held, slot);
  }

  /** The quorum's own permit counts beside the masters': one of them at a time. */
  holdsPermit(): boolean {
    return this.context()?.permit != null || this.#desk.grantedSlots().size > 0;
  }

  /** The master whose member is being changed under the quorum's permit; null if there is none. */
  workingOn(): string | null {
    return this.holdsPermit() ? (this.context()?.target?.slot ?? null) : null;
  }

  /** Why a change of the membership waits; null if none does. */
  waiting(): Waiting<MemberRequest> | null {
    return this.#desk.waiting('quorum');
  }

  /** Waits for admission of a change of the membership. Rejects when the signal is aborted. */
  requestPermit(
    change: { readonly slot: string | null; readonly memberId: string | null },
    context: EffectContext,
  ): Promise<string> {
    const rung = change.memberId === null ? 'adding a member' : 'removing a member';
    return this.#desk.request(
      { slot: 'quorum', rung, memberId: change.memberId, master: change.slot },
      context,
    );
  }

  /** Facts have changed: whoever waits is asked about again. */
  review(): void {
    this.#desk.review();
  }

  #fresh(): QuorumView | null {
    const view = this.#watch?.view() ?? null;
    if (view === null || this.#parts.clock.now() - view.at > freshIntervals * this.#parts.pollMs) return null;
    return view;
  }

  #intervalMs(): number {
    const view = this.#watch?.view() ?? null;
    const context = this.context();
    const quiet = view?.held && context !== null && context.target === null && view.members.every(isWell);
    return quiet ? this.#parts.pollMs : this.#parts.busyPollMs;
  }

  /** Level-triggered: what the actor does not know yet is told, at every look again until it does. */
  #tell({ at, held, members }: QuorumView): void {
    const { runtime, replicas, cluster, policy } = this.#parts;
    const context = this.context();
    if (context === null) {
      // An actor is made once etcd was seen: a supervisor that has never seen a quorum must not think that one was lost.
      if (held)
        runtime.send(actorIds.supervisor, {
          type: 'QUORUM_FOUND',
          at,
          id: actorIds.quorum,
          input: { cluster, size: replicas, policy: { ...policy } },
        });
      return;
    }
    if (context.size !== replicas)
      runtime.send(actorIds.quorum, { type: 'SIZE_CHANGED', at, size: replicas });
    if (!sameSettings(context.policy, policy))
      runtime.send(actorIds.quorum, { type: 'POLICY_CHANGED', at, policy: { ...policy } });
    if (this.#parts.paused() !== context.paused)
      runtime.send(actorIds.quorum, { type: context.paused ? 'REPAIRS_RESUMED' : 'REPAIRS_PAUSED', at });
    if (context.held !== held || !sameFacts(context.members, members))
      runtime.send(actorIds.quorum, {
        type: 'MEMBERS_OBSERVED',
        at,
        held,
        members: members.map((each) => ({ ...each })),
      });
    this.#parts.changed();
    this.#desk.review();
  }

  #onTransition({ after }: Transition): void {
    if (after.id !== actorIds.quorum) return;
    // Only once the request's end is in the record does the record, and no longer the grant, say who holds the permit.
    if (!after.effects.some(({ src }) => src === 'requestMemberPermit')) this.#desk.settled('quorum');
    this.#parts.changed();
    this.#desk.review();
  }
}

export function isMaster({ tags }: Instance): boolean {
  return tags[cloudTags.role] === 'controlPlane' && tags[cloudTags.slot] !== undefined;
}

function isWell({ health, role, wanted }: QuorumView['members'][number]): boolean {
  return health === 'healthy' && role === 'voter' && wanted;
}
