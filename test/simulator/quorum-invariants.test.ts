import { expect, test } from '@jest/globals';
import {
  allVote,
  type DataDone,
  dataOnce,
  furthestCarriesOn,
  holdsWhatWasPromised,
  membersKeepQuorum,
  newestVerifiedStays,
  nobodyServes,
  restoredOnProof,
  revisionsGoOn,
  wipesNoMember,
} from '../../src/simulator/quorum-invariants.ts';

const three = { voters: 3, healthy: 3 };
const forced: DataDone = {
  what: 'force',
  instance: 'i-1',
  times: 1,
  voters: 3,
  intact: 1,
  wasVoter: true,
  came: { term: 3, index: 90 },
  furthest: { term: 3, index: 90 },
  served: false,
};

test('1, safety 39, safety 42: a change of the members keeps the quorum', () => {
  const remove = {
    what: 'remove',
    id: 'a',
    before: { voters: 3, healthy: 2 },
    after: { voters: 2, healthy: 2 },
  } as const;
  expect(membersKeepQuorum(remove)).toEqual([]);
  expect(membersKeepQuorum({ ...remove, after: { voters: 2, healthy: 1 } })).toMatchObject([
    { invariant: 1 },
  ]);
  const promote = { what: 'promote', id: 'a', before: three, after: { voters: 4, healthy: 2 } } as const;
  expect(membersKeepQuorum(promote)).toMatchObject([{ invariant: 1 }]);
});

test('4: data is made anew once an attempt', () => {
  expect(dataOnce(forced)).toEqual([]);
  expect(dataOnce({ ...forced, times: 2 })).toMatchObject([{ invariant: 4 }]);
});

test('safety 44: nothing is made anew while a quorum could come back', () => {
  expect(restoredOnProof(forced)).toEqual([]);
  expect(restoredOnProof({ ...forced, intact: 2 })).toMatchObject([{ invariant: 'safety 44' }]);
  expect(restoredOnProof({ ...forced, what: 'wipe', intact: 2 })).toEqual([]);
});

test('safety 43: no voter loses its data to wdrip', () => {
  expect(wipesNoMember({ ...forced, what: 'wipe', wasVoter: false })).toEqual([]);
  expect(wipesNoMember({ ...forced, what: 'wipe' })).toMatchObject([{ invariant: 'safety 43' }]);
});

test('7: the furthest survivor carries on, by term and then by index', () => {
  expect(furthestCarriesOn(forced)).toEqual([]);
  expect(furthestCarriesOn({ ...forced, furthest: { term: 3, index: 91 } })).toMatchObject([
    { invariant: 7 },
  ]);
  expect(furthestCarriesOn({ ...forced, furthest: { term: 4, index: 1 } })).toMatchObject([{ invariant: 7 }]);
});

test('safety 45: nobody serves meanwhile, and no revision comes twice', () => {
  expect(nobodyServes(forced)).toEqual([]);
  expect(nobodyServes({ ...forced, served: true })).toMatchObject([{ invariant: 'safety 45' }]);
  const anew = { from: 'restore', has: 5, promised: 5, revision: 1_001, toldRevision: 1_000 } as const;
  expect(revisionsGoOn(anew)).toEqual([]);
  expect(revisionsGoOn({ ...anew, revision: 1_000 })).toMatchObject([{ invariant: 'safety 45' }]);
  expect(holdsWhatWasPromised(anew)).toEqual([]);
  expect(holdsWhatWasPromised({ ...anew, has: 4 })).toMatchObject([{ invariant: 7 }]);
});

test('7, safety 50: the newest verified backup stays', () => {
  expect(newestVerifiedStays({ verifiedBefore: ['b', 'a'], left: ['c', 'b'] })).toEqual([]);
  expect(newestVerifiedStays({ verifiedBefore: ['b', 'a'], left: ['c', 'a'] })).toMatchObject([
    { invariant: 7 },
  ]);
});

test('8: every member votes and the API is served', () => {
  const end = { masters: 3, voting: 3, served: true, quorum: 'healthy' };
  expect(allVote(end)).toEqual([]);
  expect(allVote({ ...end, voting: 2 })).toMatchObject([{ invariant: 8 }]);
  expect(allVote({ ...end, served: false })).toMatchObject([{ invariant: 8 }]);
  expect(allVote({ ...end, quorum: 'degraded.waiting' })).toMatchObject([{ invariant: 8 }]);
});
