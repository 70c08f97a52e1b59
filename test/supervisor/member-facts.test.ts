import { describe, expect, test } from '@jest/globals';
import { isWhole, type MemberFacts, nextStep } from '../../machines/members.ts';
import { cloudTags, type Instance } from '../../src/cloud/port.ts';
import type { ClusterLook, LookedMember } from '../../src/effects/quorum/look.ts';
import { admitMember } from '../../src/supervisor/member-admission.ts';
import { memberFacts, quorumFacts } from '../../src/supervisor/member-facts.ts';
import type { CloudView } from '../../src/supervisor/observation.ts';

function body(index: number, changes: Partial<Instance> = {}): Instance {
  return {
    id: `i-${index}`,
    status: 'Running',
    zone: 'z',
    privateIp: `10.0.0.${index}`,
    tags: {
      [cloudTags.role]: 'controlPlane',
      [cloudTags.slot]: `control-plane-${index}`,
      [cloudTags.cluster]: 'demo',
    },
    locks: [],
    startedAt: '',
    systemDiskId: null,
    imageId: 'm',
    instanceType: 't',
    ...changes,
  };
}
function found(index: number, changes: Partial<LookedMember> = {}): LookedMember {
  return {
    id: `m${index}`,
    name: `i-${index}`,
    started: true,
    peerUrls: [`https://10.0.0.${index}:2380`],
    clientUrls: [`https://10.0.0.${index}:2379`],
    learner: false,
    hosts: [`10.0.0.${index}`],
    healthy: true,
    why: null,
    status: null,
    alarm: null,
    ...changes,
  };
}
const cloudOf = (bodies: readonly Instance[], gone: readonly string[] = []): CloudView => ({
  instances: new Map(bodies.map((each) => [each.id, each])),
  gone: new Set(gone),
  repairing: new Set(),
  askedAlone: new Map(),
  askedAt: 1,
});
const look = (members: readonly LookedMember[], held = true): ClusterLook => ({
  held,
  clusterId: members.length === 0 ? null : 'c',
  members,
  strayAlarms: [],
  leader: null,
  toldBy: members[0]?.hosts[0] ?? null,
  why: held ? null : 'nobody answered',
});
const wanted = ['control-plane-0', 'control-plane-1', 'control-plane-2'];
const well = [found(0), found(1), found(2)];
const bodies = [body(0), body(1), body(2)];
const whole = memberFacts({ look: look(well), cloud: cloudOf(bodies), wanted, before: [] });

describe('what is known of masters and members', () => {
  test('all is well', () => {
    expect(isWhole(whole, 3)).toBe(true);
    expect(quorumFacts(whole, true, 'control-plane-1')).toEqual({
      voters: 3,
      healthyVotersWithout: 2,
      learners: 0,
    });
  });

  test('a replaced body: the old member is nobody’s, and its instance is gone on proof only', () => {
    const cloud = cloudOf([body(0), body(1, { id: 'i-9', privateIp: '10.0.0.9' }), body(2)]);
    const members = [found(0), found(1, { healthy: false }), found(2)];
    const unproven = memberFacts({ look: look(members), cloud, wanted, before: whole });
    expect(unproven.find(({ slot }) => slot === null)).toMatchObject({ memberId: 'm1', instance: 'unknown' });
    const proven = memberFacts({
      look: look(members),
      cloud: { ...cloud, gone: new Set(['i-1']) },
      wanted,
      before: whole,
    });
    expect(proven.find(({ slot }) => slot === null)).toMatchObject({
      memberId: 'm1',
      instance: 'gone',
      wanted: false,
    });
    expect(proven.find(({ slot }) => slot === 'control-plane-1')).toMatchObject({
      instanceId: 'i-9',
      role: 'none',
    });
  });

  test('a learner that has not started is known by its address', () => {
    const members = [
      found(0),
      found(1, { name: '', started: false, learner: true, healthy: false }),
      found(2),
    ];
    const facts = memberFacts({ look: look(members), cloud: cloudOf(bodies), wanted, before: [] });
    expect(facts[1]).toMatchObject({
      slot: 'control-plane-1',
      role: 'learner',
      started: false,
      health: 'unhealthy',
    });
  });

  test('nobody answers: who voted is remembered, and nobody is healthy', () => {
    const facts = memberFacts({
      look: look([], false),
      cloud: cloudOf([body(0)], ['i-1', 'i-2']),
      wanted,
      before: whole,
    });
    expect(facts.map(({ role, health, instance }) => `${role} ${health} ${instance}`)).toEqual([
      'voter unhealthy running',
      'voter unhealthy gone',
      'voter unhealthy gone',
    ]);
    expect(quorumFacts(facts, false, 'control-plane-0')).toBeNull();
  });

  test('safety 54: the alarm of a member that is gone has the first voter cleared, since etcd refuses every write for it', () => {
    const seen = { ...look(well), strayAlarms: [{ memberId: 'm9', kind: 'corrupt' as const }] };
    const facts = memberFacts({ look: seen, cloud: cloudOf(bodies), wanted, before: [] });
    expect(facts.map(({ alarm }) => alarm)).toEqual(['noSpace', null, null]);
    expect(nextStep(facts, [])).toMatchObject({ kind: 'clearAlarm', member: { memberId: 'm0' } });
  });

  test('safety 44: only a learner answers, which knows of itself alone: who voted is remembered', () => {
    const learner = found(2, { learner: true });
    const before = memberFacts({
      look: look([found(0), found(1), learner]),
      cloud: cloudOf(bodies),
      wanted,
      before: [],
    });
    const facts = memberFacts({
      look: look([learner], false),
      cloud: cloudOf([body(2)], ['i-0', 'i-1']),
      wanted,
      before,
    });
    expect(facts.map(({ memberId, role, instance }) => `${memberId} ${role} ${instance}`)).toEqual([
      'm0 voter gone',
      'm1 voter gone',
      'm2 learner running',
    ]);
    const promoted = look([found(2)], false);
    expect(memberFacts({ look: promoted, cloud: cloudOf(bodies), wanted, before })[2]).toMatchObject({
      role: 'voter',
    });
  });

  test('safety 44: one answers that is no voter since the others were made anew without it: its old cluster is not believed', () => {
    const alone = memberFacts({
      look: look([found(0, { id: 'm0' })]),
      cloud: cloudOf(bodies),
      wanted,
      before: whole,
    });
    const old = { ...look(well, false), toldBy: '10.0.0.1' };
    const facts = memberFacts({ look: old, cloud: cloudOf(bodies), wanted, before: alone });
    expect(facts.map(({ role }) => role)).toEqual(['voter', 'none', 'none']);
    // The one that votes is believed, also about others that have come since.
    const more = { ...look([found(0), found(1)], false), toldBy: '10.0.0.0' };
    const since = memberFacts({ look: more, cloud: cloudOf(bodies), wanted, before: alone });
    expect(since.map(({ role }) => role)).toEqual(['voter', 'voter', 'none']);
  });

  test('nobody answers, and a slot has another body by now: the old vote is not forgotten', () => {
    const cloud = cloudOf([body(0, { id: 'i-9', privateIp: '10.0.0.9' })], ['i-0', 'i-1', 'i-2']);
    const facts = memberFacts({ look: look([], false), cloud, wanted, before: whole });
    expect(facts.filter(({ role }) => role === 'voter').map(({ memberId }) => memberId)).toEqual([
      'm1',
      'm2',
      'm0',
    ]);
    expect(facts[0]).toMatchObject({ slot: 'control-plane-0', instanceId: 'i-9', role: 'none' });
  });

  test('nobody answers, and two bodies take turns in a slot: the old vote is known again when its body is back', () => {
    const other = body(0, { id: 'i-9', privateIp: '10.0.0.9' });
    const turn = (now: readonly Instance[], before: readonly MemberFacts[]) =>
      memberFacts({ look: look([], false), cloud: cloudOf(now, ['i-1', 'i-2']), wanted, before });
    const away = turn([body(0, { status: 'Starting' }), other], whole);
    const back = turn([body(0), { ...other, status: 'Stopped' }], away);
    expect(back[0]).toMatchObject({ instanceId: 'i-0', memberId: 'm0', role: 'voter', health: 'unhealthy' });
    expect(back.filter(({ role }) => role === 'voter')).toHaveLength(3);
  });

  test('safety 3: a short list of the cloud proves nothing', () => {
    const facts = memberFacts({ look: look(well), cloud: cloudOf([body(0)]), wanted, before: whole });
    expect(facts.filter(({ instance }) => instance === 'gone')).toEqual([]);
  });

  test('a master beyond the wanted number', () => {
    const facts = memberFacts({
      look: look([...well, found(3)]),
      cloud: cloudOf([...bodies, body(3)]),
      wanted,
      before: [],
    });
    expect(facts[3]).toMatchObject({ slot: 'control-plane-3', wanted: false, role: 'voter' });
    expect(isWhole(facts, 3)).toBe(false);
  });
});

describe('when the membership may be changed', () => {
  const facts = (members: readonly MemberFacts[]) => ({
    paused: false,
    held: true,
    members,
    mastersUnderRepair: [],
  });
  const one = (changes: Partial<MemberFacts>) =>
    whole.map((each, index) => (index === 1 ? { ...each, ...changes } : each));
  const remove = {
    slot: 'quorum',
    rung: 'removing a member',
    memberId: 'm1',
    master: 'control-plane-1',
  } as const;
  const add = { slot: 'quorum', rung: 'adding a member', memberId: null, master: 'control-plane-1' } as const;

  test.each([
    ['a dead voter goes', remove, facts(one({ health: 'unhealthy' })), null],
    ['a healthy voter goes while all others are healthy', remove, facts(whole), null],
    [
      'safety 22, 41: not while a master is under repair',
      remove,
      { ...facts(whole), mastersUnderRepair: ['control-plane-2'] },
      'controlPlaneBudget',
    ],
    ['not while paused', remove, { ...facts(whole), paused: true }, 'paused'],
    ['not without a quorum', remove, { ...facts(whole), held: false }, 'quorum'],
    ['safety 37: nobody joins while a learner is on its way', add, facts(one({ role: 'learner' })), 'quorum'],
    [
      'a corrupt one votes, and is not taken out if a dead one is all that is left beside the last',
      remove,
      facts(one({ alarm: 'corrupt' }).map((each, i) => (i === 0 ? { ...each, health: 'unhealthy' } : each))),
      'quorum',
    ],
    ['a corrupt one goes', remove, facts(one({ alarm: 'corrupt' })), null],
    ['nobody joins while one is corrupt', add, facts(one({ alarm: 'corrupt' })), 'quorum'],
    ['nobody joins while one is dead', add, facts(one({ health: 'unhealthy' })), 'quorum'],
    ['one joins', add, facts(one({ memberId: null, role: 'none' })), null],
  ])('%s', (_, request, known, rule) => {
    const decision = admitMember(request, known);
    expect(decision.granted ? null : decision.rule).toBe(rule);
  });
});
