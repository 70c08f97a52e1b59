import { quorumOf } from '../../machines/quorum.ts';
import type { Violation } from './invariants.ts';

/**
 * The invariants of etcd's members and of what is restored, as pure functions over plain facts. Numbers are the design's, or the safety
 * list's.
 */

/** Voters, and those of them that run. */
export interface VotersNow {
  readonly voters: number;
  readonly healthy: number;
}

/** A change of the members that wdrip made. */
export interface MembersChanged {
  readonly what: 'add' | 'promote' | 'remove';
  readonly id: string;
  readonly before: VotersNow;
  readonly after: VotersNow;
}

/** 1, safety 39 and 42. A change of the membership never takes away a quorum that was there. */
export function membersKeepQuorum({ what, id, before, after }: MembersChanged): readonly Violation[] {
  if (before.healthy < quorumOf(before.voters) || after.healthy >= quorumOf(after.voters)) return [];
  const left = `${after.healthy} of ${after.voters} voters`;
  return [{ invariant: 1, what: `${what} of the member ${id} leaves ${left}`, concerns: [] }];
}

/** What is done to a master's data: it is thrown away, goes on alone, or is made of a backup. */
export interface DataDone {
  readonly what: 'wipe' | 'force' | 'restore';
  readonly instance: string;
  /** How often it took effect for the same attempt, this time included. */
  readonly times: number;
  /** Of the members that served last: how many vote, and how many of their data lie whole on an instance that exists. */
  readonly voters: number;
  readonly intact: number;
  /** The data that was there is that of a voter of the members that served last. */
  readonly wasVoter: boolean;
  /** How far it had come, and how far the furthest that could be looked at. */
  readonly came: { readonly term: number; readonly index: number } | null;
  readonly furthest: { readonly term: number; readonly index: number } | null;
  /** The API is served, by whatever master. */
  readonly served: boolean;
}

/** 4. An attempt to throw away, force or restore takes effect at most once. */
export function dataOnce({ what, instance, times }: DataDone): readonly Violation[] {
  return times <= 1
    ? []
    : [
        {
          invariant: 4,
          what: `${what} on ${instance} took effect ${times} times for one attempt`,
          concerns: [instance],
        },
      ];
}

/** Safety 44, 7. Nothing is made anew while members could still come back that are a quorum. */
export function restoredOnProof({ what, instance, voters, intact }: DataDone): readonly Violation[] {
  if (what === 'wipe' || intact < quorumOf(voters)) return [];
  const still = `the data of ${intact} of ${voters} voters is still there`;
  return [{ invariant: 'safety 44', what: `${what} on ${instance} while ${still}`, concerns: [instance] }];
}

/** Safety 43. Only the data of one that is no member any more is thrown away. */
export function wipesNoMember({ what, instance, wasVoter }: DataDone): readonly Violation[] {
  return what === 'wipe' && wasVoter
    ? [
        {
          invariant: 'safety 43',
          what: `the data of ${instance} was a voter's, and was wiped`,
          concerns: [instance],
        },
      ]
    : [];
}

/** 7. Of the data that is left the one that has come furthest carries on. */
export function furthestCarriesOn({ what, instance, came, furthest }: DataDone): readonly Violation[] {
  if (what !== 'force' || came === null || furthest === null) return [];
  if (came.term > furthest.term || (came.term === furthest.term && came.index >= furthest.index)) return [];
  const [own, other] = [came, furthest].map(({ term, index }) => `term ${term}, index ${index}`);
  return [
    {
      invariant: 7,
      what: `${instance} carries on from ${own}, and another has ${other}`,
      concerns: [instance],
    },
  ];
}

/** Safety 45 and 55. Nobody serves the API while data is made anew. */
export function nobodyServes({ what, instance, served }: DataDone): readonly Violation[] {
  return what !== 'wipe' && served
    ? [
        {
          invariant: 'safety 45',
          what: `${what} on ${instance} while the API was served`,
          concerns: [instance],
        },
      ]
    : [];
}

/** The API is served again, by members that were made anew. */
export interface ServedAnew {
  readonly from: 'force' | 'restore';
  /** Number of the last of the writer's writes that it has, and of the last that was promised. */
  readonly has: number;
  readonly promised: number;
  /** Its revision, and the highest that a client was ever told. */
  readonly revision: number;
  readonly toldRevision: number;
}

/** 7. What comes back holds every write acknowledged before the point that was chosen. */
export function holdsWhatWasPromised({ from, has, promised }: ServedAnew): readonly Violation[] {
  const what = `after a ${from} the API is served with ${has} writes, and ${promised} were promised`;
  return has >= promised ? [] : [{ invariant: 7, what, concerns: [] }];
}

/** Safety 45. No client sees a revision twice. */
export function revisionsGoOn({ from, revision, toldRevision }: ServedAnew): readonly Violation[] {
  const what = `after a restore the revision is ${revision}, and clients were told ${toldRevision}`;
  return from === 'force' || revision > toldRevision ? [] : [{ invariant: 'safety 45', what, concerns: [] }];
}

/** 7, safety 50. The newest verified backup is never removed. Ids, newest first. */
export function newestVerifiedStays(pruned: {
  readonly verifiedBefore: readonly string[];
  readonly left: readonly string[];
}): readonly Violation[] {
  const [newest] = pruned.verifiedBefore;
  return newest === undefined || pruned.left.includes(newest)
    ? []
    : [{ invariant: 7, what: `the newest verified backup ${newest} was removed`, concerns: [] }];
}

/** 8. When the faults are over every master has a voter, and the API is served. */
export function allVote(end: {
  readonly masters: number;
  readonly voting: number;
  readonly served: boolean;
  readonly quorum: string;
}): readonly Violation[] {
  const { masters, voting, served, quorum } = end;
  if (voting === masters && served && quorum === 'healthy') return [];
  const what = `${voting} of ${masters} masters vote, the API is ${served ? '' : 'not '}served, the quorum is ${quorum}`;
  return [{ invariant: 8, what, concerns: ['quorum'] }];
}
