import { describe, expect, test } from '@jest/globals';
import {
  bestSurvivor,
  type DataEvidence,
  hasQuorum,
  lossProven,
  margin,
  mayAdd,
  mayPromote,
  mayRemove,
  type QuorumMember,
  quorumOf,
  removeFirst,
  survivesWithout,
} from '../../machines/quorum.ts';

/**
 * Members as a word, one letter each: `h` a healthy voter, `d` a dead one, `u` one that never started, `l` a learner, `x` a dead
 * learner, `n` a learner that never started. Their ids are m0, m1, … and their zones z0, z1, z2 in turn.
 */
function of(word: string): readonly QuorumMember[] {
  return [...word].map((letter, index) => ({
    id: `m${index}`,
    voter: 'hdu'.includes(letter),
    started: !'un'.includes(letter),
    healthy: 'hl'.includes(letter),
    zone: `z${index % 3}`,
  }));
}

/** All clusters of 1 to 7 voters, healthy or not, with and without a learner. */
function* every(): Generator<{ readonly voters: number; readonly healthy: number; readonly word: string }> {
  for (let voters = 1; voters <= 7; voters++)
    for (let healthy = 0; healthy <= voters; healthy++)
      for (const ill of ['d', 'u'])
        for (const learner of ['', 'l', 'x', 'n'])
          yield { voters, healthy, word: 'h'.repeat(healthy) + ill.repeat(voters - healthy) + learner };
}

const answer = (given: ReturnType<typeof mayAdd>) => (given.may ? 'may' : given.because);

test.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [4, 3],
  [5, 3],
  [6, 4],
  [7, 4],
])('of %i voters %i must agree', (voters, quorum) => {
  expect(quorumOf(voters)).toBe(quorum);
});

test.each([
  // members, quorum holds, margin, survives without m0
  ['h', true, 0, false],
  ['d', false, -1, false],
  ['u', false, -1, false],
  ['hl', true, 0, false],
  ['hh', true, 0, false],
  ['hd', false, -1, false],
  ['hu', false, -1, false],
  ['hhh', true, 1, true],
  ['hhd', true, 0, false],
  ['dhh', true, 0, true],
  ['hdd', false, -1, false],
  ['hdl', false, -1, false],
  ['hhdl', true, 0, false],
  ['lhhh', true, 1, true],
  ['lhhd', true, 0, true],
  ['hhhh', true, 1, true],
  ['hhhd', true, 0, false],
  ['hhdd', false, -1, false],
  ['hhhhh', true, 2, true],
  ['hhhhd', true, 1, true],
  ['hhhdd', true, 0, false],
  ['dhhhd', true, 0, true],
  ['hhddd', false, -1, false],
  ['hhhhhh', true, 2, true],
  ['hhhhdd', true, 0, false],
  ['hhhddd', false, -1, false],
  ['hhhhhhh', true, 3, true],
  ['hhhhddd', true, 0, false],
  ['hhhhhdd', true, 1, true],
  ['hhhdddd', false, -1, false],
])('%s: quorum %s, margin %i, survives without the first: %s', (word, quorum, left, survives) => {
  expect(hasQuorum(of(word))).toBe(quorum);
  expect(margin(of(word))).toBe(left);
  expect(survivesWithout(of(word), 'm0')).toBe(survives);
});

test.each([
  ['h', 'may'],
  ['hh', 'may'],
  ['hhh', 'may'],
  ['hhhhhh', 'may'],
  ['hhhhhhh', 'tooManyVoters'],
  ['hhl', 'learnerPending'],
  ['hhn', 'learnerPending'],
  ['hhx', 'learnerPending'],
  ['hhd', 'memberUnhealthy'],
  ['hhu', 'memberUnhealthy'],
  ['hdd', 'noQuorum'],
  ['d', 'noQuorum'],
])('%s: a learner may be added: %s', (word, expected) => {
  expect(answer(mayAdd(of(word)))).toBe(expected);
});

test.each([
  ['hl', 'm1', 'may'],
  ['hhl', 'm2', 'may'],
  ['hhhdl', 'm4', 'may'],
  // The new voter would be the one that the quorum hangs on: let it fail, and nothing can be written.
  ['hhdl', 'm3', 'breaksQuorum'],
  ['hhx', 'm2', 'memberUnhealthy'],
  ['hhn', 'm2', 'memberUnhealthy'],
  ['hhl', 'm1', 'notALearner'],
  ['hhl', 'm9', 'unknownMember'],
  ['hdl', 'm2', 'noQuorum'],
  ['hhhhhhhl', 'm7', 'tooManyVoters'],
])('%s: %s may be promoted: %s', (word, id, expected) => {
  expect(answer(mayPromote(of(word), id))).toBe(expected);
});

test.each([
  ['h', 'm0', 'lastVoter'],
  ['hl', 'm0', 'lastVoter'],
  ['hl', 'm1', 'may'],
  ['hh', 'm1', 'may'],
  ['hd', 'm1', 'noQuorum'],
  ['hhd', 'm2', 'may'],
  ['hhu', 'm2', 'may'],
  // A healthy one, while another is not.
  ['hhd', 'm0', 'memberUnhealthy'],
  ['hhh', 'm2', 'may'],
  // One change at a time.
  ['hhhl', 'm2', 'learnerPending'],
  ['hhhl', 'm3', 'may'],
  ['hhhx', 'm3', 'may'],
  // But a dead voter stands in the learner's own way.
  ['hhdl', 'm2', 'may'],
  ['hhhn', 'm3', 'may'],
  // Both dead ones of five, one after the other (safety 39).
  ['hhhdd', 'm3', 'may'],
  ['hhhd', 'm3', 'may'],
  ['hhh', 'm7', 'unknownMember'],
  ['hddx', 'm3', 'noQuorum'],
])('%s: %s may be removed: %s', (word, id, expected) => {
  expect(answer(mayRemove(of(word), id))).toBe(expected);
});

describe('of all clusters of 1 to 7 voters, with and without a learner', () => {
  test('no change that may be made takes the quorum away', () => {
    let allowed = 0;
    for (const { word } of every()) {
      const members = of(word);
      for (const { id } of members) {
        if (mayRemove(members, id).may) {
          allowed += 1;
          expect([word, id, hasQuorum(members.filter((member) => member.id !== id))]).toEqual([
            word,
            id,
            true,
          ]);
        }
        if (mayPromote(members, id).may) {
          allowed += 1;
          const after = members.map((member) => (member.id === id ? { ...member, voter: true } : member));
          expect([word, hasQuorum(after)]).toEqual([word, true]);
          // And it holds without the new one, but where there can be none.
          if (members.length > 2) expect([word, survivesWithout(after, id)]).toEqual([word, true]);
        }
      }
    }
    expect(allowed).toBeGreaterThan(100);
  });

  test('without a quorum no change may be made', () => {
    for (const { word, voters, healthy } of every()) {
      if (healthy * 2 > voters) continue;
      const members = of(word);
      const answers = members.flatMap(({ id }) => [mayRemove(members, id), mayPromote(members, id)]);
      expect([word, [...answers, mayAdd(members)].some((each) => each.may)]).toEqual([word, false]);
    }
  });

  test('safety 39, 42: while the quorum holds, removals and additions lead back to the old size', () => {
    for (const { word, voters, healthy } of every()) {
      if (healthy * 2 <= voters) continue;
      let members = of(word);
      for (let steps = 0; steps < 40; steps++) {
        const id = removeFirst(members, { desired: voters, leader: 'm0' });
        if (id !== null) {
          expect([word, mayRemove(members, id)]).toEqual([word, { may: true }]);
          members = members.filter((member) => member.id !== id);
          continue;
        }
        const learner = members.find((member) => !member.voter);
        if (learner !== undefined) {
          // The size may be reached already: then the learner is one too many for it.
          if (members.length > voters) members = members.filter((member) => member !== learner);
          else {
            expect([word, mayPromote(members, learner.id)]).toEqual([word, { may: true }]);
            members = members.map((member) => (member === learner ? { ...member, voter: true } : member));
          }
          continue;
        }
        if (members.length === voters) break;
        expect([word, mayAdd(members)]).toEqual([word, { may: true }]);
        members = [...members, { id: `n${steps}`, voter: false, started: true, healthy: true, zone: 'z0' }];
      }
      expect([word, members.length, margin(members)]).toEqual([word, voters, voters - quorumOf(voters)]);
    }
  });
});

test.each([
  ['hhh', 3, null, null],
  ['hhh', 1, 'm0', 'm2'],
  // Never the leader, unless it is the last.
  ['hhh', 1, 'm2', 'm1'],
  ['h', 0, 'm0', null],
  // Of the zone that has most: m0 and m3 are in the same.
  ['hhhh', 3, null, 'm3'],
  ['hhhh', 3, 'm3', 'm0'],
  // What blocks goes first (safety 37).
  ['hhdx', 3, null, 'm3'],
  ['hhdn', 3, null, 'm3'],
  ['hhhdu', 5, null, 'm4'],
  ['hhd', 3, null, 'm2'],
  ['hhhl', 3, null, null],
])('%s, %i wanted, %s leads: %s goes first', (word, desired, leader, expected) => {
  expect(removeFirst(of(word), { desired, leader })).toBe(expected);
});

test('the best survivor: the highest term, then the highest index, then the first id', () => {
  const a = { id: 'a', raftTerm: 3, raftIndex: 900 };
  const b = { id: 'b', raftTerm: 4, raftIndex: 100 };
  const c = { id: 'c', raftTerm: 4, raftIndex: 200 };
  const d = { id: 'd', raftTerm: 4, raftIndex: 200 };
  expect(bestSurvivor([])).toBeNull();
  expect(bestSurvivor([a])).toBe(a);
  expect(bestSurvivor([a, b])).toBe(b);
  expect(bestSurvivor([a, b, c])).toBe(c);
  expect(bestSurvivor([d, b, c])).toBe(c);
  expect(bestSurvivor([c, d])).toBe(c);
});

test.each([
  // p: the data is there, g: proven gone, u: not known
  ['', false],
  ['p', false],
  ['u', false],
  ['g', true],
  ['gp', true],
  ['ppp', false],
  ['gpp', false],
  ['gup', false],
  ['ggp', true],
  ['ggu', true],
  ['guu', false],
  ['uuu', false],
  ['ggg', true],
  ['gguuu', false],
  ['ggguu', true],
  ['ggppppp', false],
  ['gggpppp', false],
  ['ggggppp', true],
])('safety 44: of voters whose data is %s the quorum is proven lost: %s', (word, proven) => {
  const kinds = new Map<string, DataEvidence>([
    ['p', 'present'],
    ['g', 'gone'],
    ['u', 'unknown'],
  ]);
  expect(lossProven([...word].map((letter) => kinds.get(letter) ?? 'unknown'))).toBe(proven);
});
