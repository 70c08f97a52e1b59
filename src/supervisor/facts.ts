import { policyValue } from '../../machines/policy.ts';
import type { Pauses } from '../../machines/supervisor.ts';
import { cloudTags, type Instance } from '../cloud/port.ts';
import type { AdmissionFacts, AdmissionRequest, QuorumFacts } from './admission.ts';
import { maxUnavailable, type PoolConfig } from './config.ts';
import type { Fleet, NodeActor } from './fleet.ts';
import type { Observation } from './observation.ts';
import type { Storming } from './storms.ts';

/** Everything that the supervisor knows when somebody asks for a permit. */
export interface Knowledge {
  readonly now: number;
  readonly cluster: string;
  readonly fleet: Fleet;
  readonly pools: ReadonlyMap<string, PoolConfig>;
  readonly pauses: Pauses;
  readonly sight:
    | { readonly state: 'sighted'; readonly since: number }
    | { readonly state: 'blind'; readonly why: string };
  readonly cloudUnseen: string | null;
  readonly instances: ReadonlyMap<string, Instance>;
  /** Slots whose grant their record does not show yet. */
  readonly granted: ReadonlySet<string>;
  seen(actor: NodeActor): Observation | null;
  storm(context: NodeActor['context']): Storming;
  confirmed(actor: NodeActor): 'yes' | 'no' | 'asking';
  /** Of a master's slot; null while no quorum was seen lately. */
  quorum(slot: string): QuorumFacts | null;
  /** The quorum's own actor is changing the membership. */
  readonly quorumHoldsPermit: boolean;
}

/** The facts of one request, from all that is known. Pure but for `confirmed`, which may ask the instance's agent. */
export function factsFor(request: AdmissionRequest, known: Knowledge): AdmissionFacts | null {
  const actor = known.fleet.get(request.slot);
  if (actor === undefined) return null;
  const { context } = actor;
  const seen = known.seen(actor);
  const storm = known.storm(context);
  const ours = tagged(context.instanceId, known);
  const others = permitsOfOthers(request, known);
  const pool = known.pools.get(request.pool);
  return {
    pausedBy: pausedBy(context, seen, known.pauses),
    sight:
      known.sight.state === 'blind'
        ? known.sight
        : { state: 'sighted', forMs: known.now - known.sight.since },
    suspectMs: policyValue(context.policy, 'suspectMs'),
    ready: seen?.ready === true && seen.heartbeatAt >= context.actedAt,
    cloud: known.cloudUnseen === null ? { state: 'seen' } : { state: 'unseen', why: known.cloudUnseen },
    tagged: ours,
    locked: seen?.instance === 'locked' || context.instance === 'locked',
    storm,
    // Not even a question goes to an instance that is not ours, or not known to be.
    confirmed:
      storm.state !== 'confirming' || ours === 'no' || known.cloudUnseen !== null
        ? 'no'
        : isPlain(request, seen)
          ? 'yes'
          : known.confirmed(actor),
    holdsPermit: context.permit !== null,
    poolPermits: others.ofPool,
    poolLimit: pool === undefined ? 1 : maxUnavailable(pool),
    quorum: known.quorum(request.slot),
    controlPlanePermits: others.ofControlPlane + (known.quorumHoldsPermit ? 1 : 0),
  };
}

/**
 * That a Node object is missing is a fact and no detector's opinion, and to have the kubelet register it again takes nothing away: it
 * needs no second signal, which would say that all is well.
 */
function isPlain(request: AdmissionRequest, seen: Observation | null): boolean {
  return request.rung === 'restartingKubelet' && seen?.objectMissing === true;
}

/** Counts whose record holds a permit, and who was granted one that the record does not show yet: each once, and not who asks. */
function permitsOfOthers(request: AdmissionRequest, { fleet, granted }: Knowledge) {
  const others = { ofPool: 0, ofControlPlane: 0 };
  const permits = fleet.permits();
  for (const actor of permits.values()) count(actor, request, others);
  for (const slot of granted) if (!permits.has(slot)) count(fleet.get(slot), request, others);
  return others;
}

function count(
  actor: NodeActor | undefined,
  request: AdmissionRequest,
  others: { ofPool: number; ofControlPlane: number },
): void {
  if (actor === undefined || actor.context.slot === request.slot) return;
  if (actor.context.pool === request.pool) others.ofPool += 1;
  if (actor.context.role === 'controlPlane') others.ofControlPlane += 1;
}

/** Who paused repairs of this node, the widest first; null if nobody did. */
export function pausedBy(
  context: { readonly slot: string; readonly pool: string },
  seen: Observation | null,
  pauses: Pauses,
): AdmissionFacts['pausedBy'] {
  if (pauses.cluster) return 'cluster';
  if (pauses.pools.includes(context.pool)) return 'pool';
  if (pauses.slots.includes(context.slot)) return 'node';
  return seen?.pausedByAnnotation ? 'annotation' : null;
}

function tagged(instanceId: string | null, known: Knowledge): AdmissionFacts['tagged'] {
  const instance = instanceId === null ? undefined : known.instances.get(instanceId);
  if (instance === undefined) return 'none';
  return instance.tags[cloudTags.cluster] === known.cluster ? 'yes' : 'no';
}
