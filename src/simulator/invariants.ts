import { quorumOf } from '../../machines/quorum.ts';

/** What the invariants look at: plain facts of one moment, put together by the simulation. Times are epoch ms. */
export interface Moment {
  readonly at: number;
  readonly nodes: readonly NodeMoment[];
  /** The quorum's own permit to change the membership, or to restore. */
  readonly quorumPermit: string | null;
  /** By pool: how many of its nodes may be away. */
  readonly budgets: ReadonlyMap<string, number>;
  /** Nodes that a person cordoned, and who holds the cordon now; null: nobody. Nodes that are gone are left out. */
  readonly personCordons: readonly { readonly node: string; readonly by: 'wdrip' | 'person' | null }[];
}

export interface NodeMoment {
  readonly slot: string;
  readonly pool: string;
  readonly role: 'worker' | 'controlPlane';
  readonly state: string;
  readonly permit: string | null;
  readonly cordonedByWdrip: boolean;
}

/** A change that wdrip made to an instance, with what held when it took effect. */
export interface Deed {
  readonly call: string;
  readonly instance: string;
  /** The tag `wdrip.io/cluster` of the instance is this cluster's. */
  readonly ours: boolean;
  /** How often this call has taken effect for the same attempt, this time included. */
  readonly times: number;
}

/** A change to a master's instance takes effect, with the voters of etcd as they were. */
export interface QuorumDeed {
  readonly call: string;
  readonly instance: string;
  readonly voters: number;
  /** Those that run, and those that run on without this instance. */
  readonly healthy: number;
  readonly healthyWithout: number;
}

/** A rung's disruptive work begins. */
export interface Beginning {
  readonly slot: string;
  readonly rung: string;
  /** How long the newest observation has said Ready, with a heartbeat from after the last rung's work, in ms; null if it doesn't. */
  readonly readyForMs: number | null;
  /** How long the supervisor has been told that it is blind, in ms; null if it sees. */
  readonly blindForMs: number | null;
}

/** The state at the end, when the faults have been over for as long as healing may take. */
export interface Ending {
  readonly slots: readonly string[];
  /** Slots whose node is Ready and whose actor is healthy. */
  readonly healthy: readonly string[];
  /** The slot tag of every instance with the cluster's tag. */
  readonly instances: readonly string[];
  /** Node objects whose instance is gone. */
  readonly orphans: readonly string[];
}

/** An invariant: by its number in the design, or that of a case of the safety list (safety.ts). */
export type InvariantId =
  | 1
  | 2
  | 3
  | 4
  | 5
  | 6
  | 7
  | 8
  | 'locked'
  | 'ladder'
  | 'suspicion'
  | 'settling'
  | `safety ${1 | 3 | 5 | 7 | 9 | 13 | 14 | 23 | 24 | 25 | 26 | 27 | 29 | 32 | 34 | 43 | 44 | 45}`;

/** A broken invariant, and what was seen. */
export interface Violation {
  readonly invariant: InvariantId;
  readonly what: string;
  /** The slots, nodes (by name) and instances that it is about: whose story is shown. Empty: everybody's. */
  readonly concerns: readonly string[];
}

/** What each says, in a few words. */
export const invariantNames: Readonly<Record<Violation['invariant'], string>> = {
  1: 'wdrip itself never takes the etcd quorum away',
  2: 'no more repairs at once than the budgets allow',
  3: 'nothing disruptive on a node that was Ready, or while blind',
  4: 'an attempt takes effect at most once',
  5: "only what carries the cluster's tag is touched, and no instance is leaked",
  6: 'cordons of wdrip are lifted, and those of people stay',
  7: 'what comes back holds what was promised, and the newest verified backup stays',
  8: 'every node is Ready again when the faults are over',
  ladder: 'no dearer rung before a cheaper one that could help',
  locked: 'nothing begins on an instance that the cloud has locked',
  suspicion: 'nothing begins at the first NotReady',
  settling: 'Ready must hold before a node is healthy again',
  'safety 3': "an instance is gone only on the cloud's word",
  'safety 23': 'what was seen before our own work does not count',
  'safety 25': 'a failed climb is followed by a rest',
  'safety 1': 'no slot is deleted again and again',
  'safety 5': 'an instance is made only for a slot that has none',
  'safety 7': 'in a storm nothing is taken from a node that is well',
  'safety 9': 'what was just booted or made is given its time',
  'safety 13': 'nothing holds back the recovery of a node that is Ready',
  'safety 14': 'nothing is decided on what was seen before sight was lost',
  'safety 24': 'nobody holds a permit who is not under repair',
  'safety 26': 'a pause holds at the next step',
  'safety 27': 'a drain ends by its deadline',
  'safety 29': 'pods are released only when nothing can write any more',
  'safety 32': 'a zone without stock is not asked again and again',
  'safety 34': 'a node under repair is marked',
  'safety 43': "a member's data is never thrown away",
  'safety 44': 'nothing is made anew while a quorum could still come back',
  'safety 45': 'nobody serves while data is made anew, and revisions go on',
};

/** News reach an actor's decision within this time: one look, one commit. */
export const newsTakeMs = 1_000;

/** Calls that take an instance away. A start gives it back, and a disk is replaced only after a stop. */
const taking: readonly string[] = ['reboot', 'stop', 'deleteInstance'];

/** 1. wdrip's own actions never take the etcd quorum away. Where it is lost already, they can't. */
export function quorumStands(deed: QuorumDeed): readonly Violation[] {
  const { call, instance, voters, healthy, healthyWithout } = deed;
  const needed = quorumOf(voters);
  if (!taking.includes(call) || healthy < needed || healthyWithout >= needed) return [];
  const what = `${call} of ${instance} leaves ${healthyWithout} of ${voters} voters, and ${needed} are needed`;
  return [{ invariant: 1, what, concerns: [instance] }];
}

/** 2. Never more repairs in flight than the budgets allow; never two control-plane nodes at once. */
export function withinBudgets(moment: Moment): readonly Violation[] {
  const holders = moment.nodes.filter(({ permit }) => permit !== null);
  const violations: Violation[] = [];
  for (const [pool, limit] of moment.budgets) {
    const held = holders.filter((node) => node.pool === pool && node.role === 'worker');
    if (held.length > limit)
      violations.push({
        invariant: 2,
        what: `${names(held)} of pool ${pool} hold permits, and ${limit} may`,
        concerns: held.map(({ slot }) => slot),
      });
  }
  const masters = holders.filter(({ role }) => role === 'controlPlane');
  // A restore waits for no ladder that only waits: that one is blind, and what it waits for may be the restore.
  const isRestore = moment.quorumPermit === 'restore';
  const beside = isRestore ? masters.filter(({ state }) => state.endsWith('.acting')) : masters;
  const withQuorum = moment.quorumPermit !== null && beside.length > 0;
  if (masters.length > 1 || withQuorum)
    violations.push({
      invariant: 2,
      what: `${names(masters)}${moment.quorumPermit === null ? '' : ' and the quorum'} hold permits at once`,
      concerns: masters.map(({ slot }) => slot),
    });
  return violations;
}

/** 3. No disruptive action begins on a node that was Ready in the newest observation, or while blind. */
export function onlyOnTheFailed({ slot, rung, readyForMs, blindForMs }: Beginning): readonly Violation[] {
  if (blindForMs !== null && blindForMs > newsTakeMs)
    return [
      {
        invariant: 3,
        what: `${rung} of ${slot} began ${blindForMs} ms after sight was lost`,
        concerns: [slot],
      },
    ];
  if (readyForMs !== null && readyForMs > newsTakeMs)
    return [
      {
        invariant: 3,
        what: `${rung} of ${slot} began although it had been seen Ready for ${readyForMs} ms`,
        concerns: [slot],
      },
    ];
  return [];
}

/** 4. A destructive attempt takes effect at most once. */
export function atMostOnce({ call, instance, times }: Deed): readonly Violation[] {
  return times > 1
    ? [
        {
          invariant: 4,
          what: `${call} of ${instance} took effect ${times} times for one attempt`,
          concerns: [instance],
        },
      ]
    : [];
}

/** 5. Nothing outside the cluster's tag is touched. */
export function onlyOurs({ call, instance, ours }: Deed): readonly Violation[] {
  return ours
    ? []
    : [{ invariant: 5, what: `${call} of ${instance}, which is not this cluster's`, concerns: [instance] }];
}

/** 5. No instance is leaked: those that exist are those that the pools want. */
export function nothingLeaked({ slots, instances }: Ending): readonly Violation[] {
  const counts = new Map(slots.map((slot) => [slot, 0]));
  for (const slot of instances) counts.set(slot, (counts.get(slot) ?? 0) + 1);
  const wanted = new Set(slots);
  return [...counts].flatMap(([slot, count]): readonly Violation[] => {
    if (count === (wanted.has(slot) ? 1 : 0)) return [];
    const what = `slot ${slot}${wanted.has(slot) ? '' : ', which nobody wants,'} has ${count} instances`;
    return [{ invariant: 5, what, concerns: [slot] }];
  });
}

/** 5. Nothing is left of an instance that is gone. */
export function nothingOrphaned({ orphans }: Ending): readonly Violation[] {
  return orphans.map(
    (node): Violation => ({
      invariant: 5,
      what: `the Node object ${node} is of an instance that is gone`,
      concerns: [node],
    }),
  );
}

/** 6. A cordon that wdrip set is gone when the node is healthy; one that it did not set stays. */
export function cordonsAsTheyShould({ nodes, personCordons }: Moment): readonly Violation[] {
  return [
    ...nodes
      .filter(({ state, cordonedByWdrip }) => state === 'healthy' && cordonedByWdrip)
      .map(
        ({ slot }): Violation => ({
          invariant: 6,
          what: `${slot} is healthy and still cordoned by wdrip`,
          concerns: [slot],
        }),
      ),
    ...personCordons
      .filter(({ by }) => by !== 'person')
      .map(
        ({ node }): Violation => ({
          invariant: 6,
          what: `a person's cordon of ${node} is gone`,
          concerns: [node],
        }),
      ),
  ];
}

/** 8. When the faults stop, every node is Ready within a bound. */
export function allHealed({ slots, healthy }: Ending): readonly Violation[] {
  const well = new Set(healthy);
  const ill = slots.filter((slot) => !well.has(slot));
  return ill.length === 0
    ? []
    : [{ invariant: 8, what: `not healthy in time: ${ill.join(', ')}`, concerns: ill }];
}

function names(nodes: readonly NodeMoment[]): string {
  return nodes.map(({ slot }) => slot).join(' and ');
}
