import type { Rung } from '../../machines/node.ts';
import { quorumOf } from '../../machines/quorum.ts';

/**
 * Admission: when a repair may begin (design.md section 5). One pure function over plain facts; whoever asks, asks again when the facts
 * have changed. A permit is kept in the node's own record, so that it is as durable as the state that needs it.
 */
export interface AdmissionRequest {
  readonly slot: string;
  readonly pool: string;
  readonly role: 'worker' | 'controlPlane';
  /** `retiring`: the slot is not wanted any more. Its node may be as well as it likes. */
  readonly rung: Rung | 'retiring';
}

/** What is known when the question is asked. Durations are in ms, by the supervisor's clock. */
export interface AdmissionFacts {
  /** Who paused what holds for this node, or null. */
  readonly pausedBy: 'cluster' | 'pool' | 'node' | 'annotation' | null;
  /** The Kubernetes API is seen, and for how long. */
  readonly sight:
    | { readonly state: 'sighted'; readonly forMs: number }
    | { readonly state: 'blind'; readonly why: string };
  /** The node must have been NotReady in our own sight for this long. */
  readonly suspectMs: number;
  /** Ready in the newest observation. */
  readonly ready: boolean;
  /** The list of the cluster's instances is whole and recent enough to act on. */
  readonly cloud: { readonly state: 'seen' } | { readonly state: 'unseen'; readonly why: string };
  /** Whether the instance carries this cluster's tag. `none`: there is no instance. */
  readonly tagged: 'yes' | 'no' | 'none';
  /** The cloud has locked the instance, by the newest list or by what an effect was told. */
  readonly locked: boolean;
  /** The worst of the storms of the node's pool and zone. */
  readonly storm:
    | { readonly state: 'calm' }
    | { readonly state: 'holding' | 'confirming'; readonly scope: string };
  /** Whether a second signal (the cloud, the agent) confirms that the node has failed. */
  readonly confirmed: 'yes' | 'no' | 'asking';
  /** This node already holds a permit. */
  readonly holdsPermit: boolean;
  /** Permits of other nodes of the pool, and how many there may be. */
  readonly poolPermits: number;
  readonly poolLimit: number;
  /** For a control-plane node. Null: etcd's membership is not known. */
  readonly quorum: QuorumFacts | null;
  /** Permits of other control-plane nodes. */
  readonly controlPlanePermits: number;
}

export interface QuorumFacts {
  readonly voters: number;
  /** Healthy voting members, not counting this node's. */
  readonly healthyVotersWithout: number;
  readonly learners: number;
}

export type AdmissionRule =
  | 'foreign'
  | 'wanted'
  | 'locked'
  | 'paused'
  | 'blind'
  | 'ready'
  | 'freshSight'
  | 'freshFailure'
  | 'cloudUnseen'
  | 'storm'
  | 'unconfirmed'
  | 'quorum'
  | 'controlPlaneBudget'
  | 'budget';

/**
 * Rules that hold a node until something is told: a transition, a word of the watch or of the cloud, an agent's answer or its end. All
 * others can end by time alone.
 */
export const endsByNews: ReadonlySet<AdmissionRule> = new Set<AdmissionRule>([
  'foreign',
  'wanted',
  'locked',
  'paused',
  'blind',
  'storm',
  'unconfirmed',
  'budget',
]);

export type Decision =
  | { readonly granted: true }
  | {
      readonly granted: false;
      readonly rule: AdmissionRule;
      /** For people: what holds the repair, in one sentence without a full stop. */
      readonly why: string;
    };

const granted: Decision = Object.freeze({ granted: true });

function refuse(rule: AdmissionRule, why: string): Decision {
  return { granted: false, rule, why };
}

/** The first rule that holds the repair back, in the order in which a person would want to hear of it. */
export function admit(request: AdmissionRequest, facts: AdmissionFacts): Decision {
  if (facts.tagged === 'no') return refuse('foreign', "the instance does not carry this cluster's tag");
  if (facts.locked) return refuse('locked', 'the cloud has locked its instance: a person must clear that');
  if (facts.pausedBy !== null) return refuse('paused', `repairs are paused (${facts.pausedBy})`);
  if (facts.sight.state === 'blind')
    return refuse('blind', `the Kubernetes API cannot be seen: ${facts.sight.why}`);
  if (request.rung === 'retiring') return admitRetirement(request, facts);
  if (facts.ready) return refuse('ready', 'the newest observation says Ready');
  if (facts.sight.forMs < facts.suspectMs)
    return refuse('freshSight', 'sight has only just returned, so every suspicion starts anew');
  // The kubelet's restart takes nothing away from anybody: neither budget nor quorum is asked.
  const takesAway = request.rung !== 'restartingKubelet';
  if (takesAway && facts.cloud.state === 'unseen')
    return refuse('cloudUnseen', `the cloud's view of the instances is not known: ${facts.cloud.why}`);
  if (facts.storm.state === 'holding')
    return refuse(
      'storm',
      `too many nodes of ${facts.storm.scope} failed at once: one incident, held as a storm`,
    );
  if (facts.storm.state === 'confirming' && facts.confirmed !== 'yes')
    return refuse(
      'unconfirmed',
      `a storm in ${facts.storm.scope} did not pass, and ${
        facts.confirmed === 'asking'
          ? 'a second signal is being asked for'
          : 'no second signal confirms that this node failed'
      }`,
    );
  if (!takesAway || facts.holdsPermit) return granted;
  return admitToBudget(request, facts);
}

/** A person has scaled the pool down: that waits for storms and budgets, and asks for no failure. */
function admitRetirement(request: AdmissionRequest, facts: AdmissionFacts): Decision {
  if (facts.cloud.state === 'unseen')
    return refuse('cloudUnseen', `the cloud's view of the instances is not known: ${facts.cloud.why}`);
  if (facts.storm.state !== 'calm')
    return refuse('storm', `too many nodes of ${facts.storm.scope} have failed: none is taken away now`);
  return facts.holdsPermit ? granted : admitToBudget(request, facts);
}

function admitToBudget(request: AdmissionRequest, facts: AdmissionFacts): Decision {
  if (request.role === 'controlPlane') return admitControlPlane(facts);
  if (facts.poolPermits >= facts.poolLimit)
    return refuse(
      'budget',
      `${facts.poolPermits} of at most ${facts.poolLimit} nodes of pool ${request.pool} are under repair`,
    );
  return granted;
}

function admitControlPlane(facts: AdmissionFacts): Decision {
  if (facts.controlPlanePermits > 0)
    return refuse('controlPlaneBudget', 'another control-plane node is under repair');
  if (facts.quorum === null) return refuse('quorum', "etcd's membership is not known");
  const { voters, healthyVotersWithout, learners } = facts.quorum;
  if (learners > 0) return refuse('quorum', 'an etcd member is still a learner');
  if (healthyVotersWithout < quorumOf(voters))
    return refuse(
      'quorum',
      `without this node ${healthyVotersWithout} of ${voters} voting etcd members are healthy, and ${quorumOf(voters)} are needed`,
    );
  return granted;
}
