import type { MemberFacts } from './members.ts';
import type { RepairFailure } from './node.ts';

/** Every number that the quorum machine waits by, in ms; the reason of each stands beside it. */
export interface QuorumPolicy {
  /** How long something may be missing before it is repaired: a restart of etcd, or of its node, takes seconds. */
  readonly patienceMs: number;
  /** After a step: until the next look at the members can have seen what it changed. */
  readonly lookAgainMs: number;
  /** From one check of a lost quorum to the next. */
  readonly checkMs: number;
  /** So many failed checks in a row confirm that the quorum is lost (safety 44). */
  readonly checks: number;
  /** From a restart of etcd to a healthy member: it reads its log first. */
  readonly memberWaitMs: number;
  /** The most that one change of the membership may take; a learner's catching up is the longest of them. */
  readonly changeMs: number;
  /** How long it is tried to get the quorum back without losing anything. */
  readonly reviveMs: number;
  /** The most that looking at what is left may take. */
  readonly lookMs: number;
  /** The most that bringing data back may take: gigabytes from another region. */
  readonly restoreMs: number;
  /** Rest after a failure. */
  readonly throttleMs: number;
}

export const defaultQuorumPolicy: QuorumPolicy = Object.freeze({
  patienceMs: 30_000,
  lookAgainMs: 5_000,
  checkMs: 10_000,
  checks: 6,
  memberWaitMs: 60_000,
  changeMs: 300_000,
  reviveMs: 180_000,
  lookMs: 180_000,
  restoreMs: 1_800_000,
  throttleMs: 300_000,
});

/** Where a lost cluster's data comes from: what is left on a master, or a backup. */
export type RestoreSource =
  | {
      readonly kind: 'member';
      readonly slot: string;
      readonly instanceId: string;
      /** Of the data found on the instance: the highest of all. */
      readonly term: number;
      readonly index: number;
    }
  | {
      readonly kind: 'backup';
      readonly key: string;
      readonly region: string;
      readonly revision: number;
      /** Better ones that could not be used, and why. */
      readonly passedOver: readonly { readonly key: string; readonly why: string }[];
    };

/** What looking at every master and every backup came to. */
export type SourceChoice =
  | { readonly kind: 'source'; readonly source: RestoreSource; readonly because: string }
  /** It answers again: nothing is to be restored. */
  | { readonly kind: 'held' }
  /** A member whose loss is not proven may still come back: nothing is overwritten (design.md section 6). */
  | { readonly kind: 'unproven'; readonly because: string }
  /** Proven lost, and there is nothing to restore from: a person must decide. */
  | { readonly kind: 'none'; readonly because: string };

export interface QuorumContext {
  readonly cluster: string;
  /** How many masters the cluster is to have. */
  readonly size: number;
  readonly members: readonly MemberFacts[];
  /** The newest look found a quorum. */
  readonly held: boolean;
  /** Failed checks in a row. */
  readonly failedChecks: number;
  /** The member that is worked on. */
  readonly target: MemberFacts | null;
  /** Slots whose etcd was restarted since the membership was last whole. */
  readonly restarted: readonly string[];
  /** The permit to change the membership, or to restore. Its existence here IS the permit. */
  readonly permit: string | null;
  readonly source: RestoreSource | null;
  /** Why this source, or why none: for people. */
  readonly because: string | null;
  readonly failedRepairs: number;
  readonly failure: RepairFailure | null;
  readonly paused: boolean;
  readonly policy: Partial<QuorumPolicy>;
}

export interface QuorumInput {
  readonly cluster: string;
  readonly size: number;
  readonly policy: Partial<QuorumPolicy>;
}

/** The facts that the quorum's actor hears of. `at` is when the look began, in epoch ms. */
export type QuorumEvent =
  | {
      readonly type: 'MEMBERS_OBSERVED';
      readonly at: number;
      readonly held: boolean;
      readonly members: readonly MemberFacts[];
    }
  | { readonly type: 'SIZE_CHANGED'; readonly at: number; readonly size: number }
  | { readonly type: 'POLICY_CHANGED'; readonly at: number; readonly policy: Partial<QuorumPolicy> }
  | { readonly type: 'REPAIRS_PAUSED'; readonly at: number }
  | { readonly type: 'REPAIRS_RESUMED'; readonly at: number };

export interface MemberInput {
  readonly slot: string | null;
  readonly instanceId: string | null;
  readonly memberId: string | null;
  readonly because: string;
}
interface Ended {
  readonly at: number;
}

/** What each effect is given and gives back; they live in src/effects/quorum. `at` is when it ended, in epoch ms. */
export interface QuorumEffects {
  /** Waits until admission lets the membership be changed, however long that takes. */
  readonly requestMemberPermit: {
    readonly input: MemberInput;
    readonly output: Ended & { readonly permit: string };
  };
  /** Restarts etcd on the member's instance. */
  readonly restartMember: { readonly input: MemberInput; readonly output: Ended };
  /** Takes the member out of the membership, its leadership handed over before. Gone already is no error. */
  readonly removeMember: { readonly input: MemberInput; readonly output: Ended };
  /**
   * Empties the instance's data directory and sets it up to join the present members. Its old data is kept aside. Where its agent took no
   * command the last time either, the instance is rebooted, and this fails: the next attempt finds an agent.
   */
  readonly rebuildMember: {
    /** `failedBefore`: repairs of the membership that failed since it was whole. */
    readonly input: MemberInput & { readonly failedBefore: number };
    readonly output: Ended;
  };
  /** Adds the master to the membership as a learner, and waits until it is heard of. */
  readonly addLearner: {
    readonly input: MemberInput;
    readonly output: Ended & { readonly memberId: string };
  };
  /** Promotes it as soon as it has caught up. */
  readonly promoteLearner: { readonly input: MemberInput; readonly output: Ended };
  /** NOSPACE: compacts, defragments one member after the other, and lifts the alarm. */
  readonly clearAlarm: { readonly input: MemberInput; readonly output: Ended };
  /** One look at etcd, now. */
  readonly checkQuorum: {
    readonly input: { readonly size: number };
    readonly output: Ended & { readonly held: boolean };
  };
  /** What loses nothing: starts stopped instances and etcd. Ends as soon as the quorum is back, or when all was tried. */
  readonly reviveMembers: {
    readonly input: { readonly size: number; readonly forMs: number };
    readonly output: Ended & { readonly held: boolean };
  };
  /** Looks for proof at every master, and for the best source. */
  readonly chooseSource: {
    readonly input: {
      /** Who voted when the quorum was last seen. */
      readonly voters: readonly MemberFacts[];
      /** Something has failed before: a backup's copy is read to its end before it is chosen, and not only looked at. */
      readonly readThrough: boolean;
    };
    readonly output: Ended & { readonly choice: SourceChoice };
  };
  /** Brings the data back on one master, API servers stopped before; ends when the API is writable again. */
  readonly restoreQuorum: {
    readonly input: { readonly source: RestoreSource | null };
    readonly output: Ended & { readonly revision: number };
  };
  /** After the members are whole: the same data on all, no stale leases, controllers restarted. */
  readonly verifyQuorum: { readonly input: { readonly size: number }; readonly output: Ended };
  /** Tells people. */
  readonly reportQuorumTrouble: {
    readonly input: { readonly trouble: 'failed' | 'undecided' | 'lost'; readonly because: string };
    readonly output: Ended;
  };
}

export type QuorumDone = {
  [K in keyof QuorumEffects]: {
    readonly type: `xstate.done.actor.${K}`;
    readonly output: QuorumEffects[K]['output'];
  };
}[keyof QuorumEffects];
export type QuorumError = {
  [K in keyof QuorumEffects]: { readonly type: `xstate.error.actor.${K}`; readonly error: RepairFailure };
}[keyof QuorumEffects];
