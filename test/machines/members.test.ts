import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { asQuorum, isWhole, type MemberFacts, nextStep } from '../../machines/members.ts';
import { hasQuorum } from '../../machines/quorum.ts';
import { member } from './member.ts';

const dead = { health: 'unhealthy' } as const;
const none = { memberId: null, role: 'none', started: false, health: 'unknown' } as const;

describe('the next step towards a whole membership', () => {
  test.each<[string, readonly MemberFacts[], readonly string[], string, number | null]>([
    ['nothing', [member(0), member(1), member(2)], [], 'wait', null],
    [
      'a full store first',
      [member(0), member(1, dead), member(2, { alarm: 'noSpace' })],
      [],
      'clearAlarm',
      2,
    ],
    [
      'a full store after a corrupt one has gone: beside it etcd does not compact',
      [member(0), member(1, { alarm: 'corrupt' }), member(2, { alarm: 'noSpace' })],
      [],
      'replace',
      1,
    ],
    ['a silent etcd is restarted', [member(0), member(1, dead), member(2)], [], 'restart', 1],
    ['a restart did not help', [member(0), member(1, dead), member(2)], ['control-plane-1'], 'replace', 1],
    [
      'the body is stopped: its ladder starts it',
      [member(0), member(1, { ...dead, instance: 'stopped' }), member(2)],
      [],
      'wait',
      null,
    ],
    [
      'the body is gone: the member goes',
      [member(0), member(1, { ...dead, instance: 'gone' }), member(2)],
      [],
      'remove',
      1,
    ],
    [
      'a learner that has caught up',
      [member(0), member(1, { role: 'learner' }), member(2)],
      [],
      'promote',
      1,
    ],
    ['a body without a member joins', [member(0), member(1, none), member(2)], [], 'replace', 1],
    [
      'not while a learner is on its way',
      [member(0), member(1, none), member(2, { role: 'learner', health: 'unknown' })],
      [],
      'wait',
      null,
    ],
    [
      'a corrupt one is rebuilt without a restart',
      [member(0), member(1, { alarm: 'corrupt' }), member(2)],
      [],
      'replace',
      1,
    ],
    [
      'of a dead one and a corrupt one the dead one goes first: the corrupt one still votes',
      [member(0, dead), member(1, { alarm: 'corrupt' }), member(2)],
      ['control-plane-0'],
      'remove',
      0,
    ],
    [
      'beside a corrupt one no body is waited for: etcd serves nobody',
      [member(0, { ...dead, instance: 'stopped' }), member(1, { alarm: 'corrupt' }), member(2)],
      [],
      'remove',
      0,
    ],
    [
      'then the corrupt one, before anybody joins',
      [member(0, none), member(1, { alarm: 'corrupt' }), member(2)],
      ['control-plane-0'],
      'replace',
      1,
    ],
    ['one too many', [member(0), member(1), member(2), member(3, { wanted: false })], [], 'remove', 3],
    [
      'not one too many while another is dead',
      [member(0), member(1, { ...dead, instance: 'moving' }), member(2), member(3, { wanted: false })],
      [],
      'wait',
      null,
    ],
  ])('%s', (_, members, restarted, kind, index) => {
    const step = nextStep(members, restarted);
    expect(step.kind).toBe(kind);
    if (index !== null) expect(step).toMatchObject({ member: { slot: `control-plane-${index}` } });
  });

  const anyMember = (index: number) =>
    fc
      .record({
        instance: fc.constantFrom<MemberFacts['instance'][]>(
          'running',
          'stopped',
          'moving',
          'gone',
          'unknown',
        ),
        kind: fc.constantFrom<('voter' | 'learner' | 'none')[]>('voter', 'voter', 'voter', 'learner', 'none'),
        well: fc.boolean(),
        alarm: fc.constantFrom<MemberFacts['alarm'][]>(null, null, null, 'noSpace', 'corrupt'),
        wanted: fc.boolean(),
      })
      .map(
        ({ instance, kind, well, alarm, wanted }): MemberFacts =>
          kind === 'none'
            ? member(index, { ...none, instance, wanted })
            : member(index, {
                instance,
                role: kind,
                health: well && instance === 'running' ? 'healthy' : 'unhealthy',
                alarm,
                wanted,
              }),
      );

  test('safety 36, 42: no step ever takes a quorum away that holds', () => {
    fc.assert(
      fc.property(
        fc.tuple(...[0, 1, 2, 3, 4].map(anyMember)),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (all, count, restarted) => {
          const members = all.slice(0, count);
          fc.pre(hasQuorum(asQuorum(members)));
          const step = nextStep(members, restarted ? members.flatMap(({ slot }) => slot ?? []) : []);
          if (step.kind !== 'remove' && step.kind !== 'replace') return;
          const after = members.filter(
            ({ memberId }) => memberId !== step.member.memberId || memberId === null,
          );
          expect(hasQuorum(asQuorum(after))).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('safety 39: whatever is dead while the quorum holds, the steps end in a whole membership', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(3, 5),
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
        (size, isDead, isGone) => {
          let members: readonly MemberFacts[] = Array.from({ length: size }, (_, index) =>
            isDead[index]
              ? member(index, { ...dead, instance: isGone[index] ? 'gone' : 'running' })
              : member(index),
          );
          fc.pre(hasQuorum(asQuorum(members)));
          const restarted: string[] = [];
          for (let steps = 0; !isWhole(members, size); steps++) {
            expect(steps).toBeLessThan(50);
            const step = nextStep(members, restarted);
            // Its node's ladder brings a body back, one that waits to join.
            if (step.kind === 'wait') {
              const gone = members.find(({ instance }) => instance === 'gone');
              expect(gone).toBeDefined();
              members = members.map((each) =>
                each === gone ? { ...each, instance: 'running', instanceId: 'i-new' } : each,
              );
              continue;
            }
            const now = step.member;
            members = members.map((each) => {
              if (each !== now) return each;
              if (step.kind === 'restart') restarted.push(each.slot ?? '');
              if (step.kind === 'remove') return { ...each, ...none };
              if (step.kind === 'replace')
                return { ...each, memberId: `n${steps}`, role: 'learner', started: true, health: 'healthy' };
              return step.kind === 'promote' ? { ...each, role: 'voter' } : each;
            });
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
