import { describe, expect, test } from '@jest/globals';
import {
  allHealed,
  atMostOnce,
  type Beginning,
  cordonsAsTheyShould,
  type Deed,
  type Ending,
  type Moment,
  type NodeMoment,
  nothingLeaked,
  nothingOrphaned,
  onlyOnTheFailed,
  onlyOurs,
  quorumStands,
  withinBudgets,
} from '../../src/simulator/invariants.ts';

const node = (slot: string, over: Partial<NodeMoment> = {}): NodeMoment => ({
  slot,
  pool: 'workers',
  role: 'worker',
  state: 'healthy',
  permit: null,
  cordonedByWdrip: false,
  ...over,
});
const moment = (nodes: readonly NodeMoment[], personCordons: Moment['personCordons'] = []): Moment => ({
  at: 0,
  nodes,
  quorumPermit: null,
  budgets: new Map([['workers', 1]]),
  personCordons,
});
const held = { permit: 'p', state: 'repairing.rebooting.acting' };
const beginning: Beginning = { slot: 'w-0', rung: 'rebooting', readyForMs: null, blindForMs: null };
const deed: Deed = { call: 'reboot', instance: 'i-1', ours: true, times: 1 };
const ending: Ending = {
  slots: ['w-0', 'w-1'],
  healthy: ['w-0', 'w-1'],
  instances: ['w-0', 'w-1'],
  orphans: [],
};

describe('each invariant holds on what is right, and a planted violation is caught', () => {
  test('1: the quorum', () => {
    const stop = { call: 'stop', instance: 'i-1', voters: 3, healthy: 3, healthyWithout: 2 };
    expect(quorumStands(stop)).toEqual([]);
    expect(quorumStands({ ...stop, healthy: 2, healthyWithout: 1 })).toMatchObject([{ invariant: 1 }]);
    expect(quorumStands({ ...stop, call: 'start', healthy: 2, healthyWithout: 1 })).toEqual([]);
    // This one is down already, or all is lost already.
    expect(quorumStands({ ...stop, healthy: 2, healthyWithout: 2 })).toEqual([]);
    expect(quorumStands({ ...stop, healthy: 1, healthyWithout: 0 })).toEqual([]);
    expect(quorumStands({ ...stop, voters: 1, healthy: 1, healthyWithout: 0 })).toMatchObject([
      { invariant: 1 },
    ]);
  });

  test('2: budgets', () => {
    expect(withinBudgets(moment([node('w-0', held), node('w-1')]))).toEqual([]);
    expect(withinBudgets(moment([node('w-0', held), node('w-1', held)]))).toMatchObject([{ invariant: 2 }]);
  });

  test('2: two control-plane nodes', () => {
    const master = { ...held, role: 'controlPlane', pool: 'control-plane' } as const;
    expect(withinBudgets(moment([node('m-0', master), node('w-0', held)]))).toEqual([]);
    expect(withinBudgets(moment([node('m-0', master), node('m-1', master)]))).toMatchObject([
      { invariant: 2 },
    ]);
    const changing = { ...moment([node('m-0', master)]), quorumPermit: 'p' };
    expect(withinBudgets(changing)).toMatchObject([{ invariant: 2 }]);
    expect(withinBudgets({ ...moment([]), quorumPermit: 'p' })).toEqual([]);
    const waiting = node('m-0', { ...master, state: 'repairing.rebooting.awaitingReady' });
    expect(withinBudgets({ ...moment([waiting]), quorumPermit: 'restore' })).toEqual([]);
    expect(withinBudgets({ ...changing, quorumPermit: 'restore' })).toMatchObject([{ invariant: 2 }]);
  });

  test('3: only on what failed, and never blind', () => {
    expect(onlyOnTheFailed(beginning)).toEqual([]);
    expect(onlyOnTheFailed({ ...beginning, readyForMs: 500, blindForMs: 500 })).toEqual([]);
    expect(onlyOnTheFailed({ ...beginning, readyForMs: 1_500 })).toMatchObject([{ invariant: 3 }]);
    expect(onlyOnTheFailed({ ...beginning, blindForMs: 1_500 })).toMatchObject([{ invariant: 3 }]);
  });

  test('4: at most once', () => {
    expect(atMostOnce(deed)).toEqual([]);
    expect(atMostOnce({ ...deed, times: 2 })).toMatchObject([{ invariant: 4 }]);
  });

  test('5: only ours, and nothing leaked', () => {
    expect(onlyOurs(deed)).toEqual([]);
    expect(onlyOurs({ ...deed, ours: false })).toMatchObject([{ invariant: 5 }]);
    expect(nothingLeaked(ending)).toEqual([]);
    expect(nothingLeaked({ ...ending, instances: ['w-0', 'w-0', 'w-1'] })).toMatchObject([{ invariant: 5 }]);
    expect(nothingLeaked({ ...ending, instances: ['w-0'] })).toMatchObject([{ invariant: 5 }]);
    expect(nothingOrphaned(ending)).toEqual([]);
    expect(nothingOrphaned({ ...ending, orphans: ['n-0'] })).toMatchObject([
      { invariant: 5, concerns: ['n-0'] },
    ]);
  });

  test('6: cordons', () => {
    const repaired = node('w-0', { cordonedByWdrip: true, state: 'repairing.rebooting.acting' });
    expect(cordonsAsTheyShould(moment([repaired], [{ node: 'n', by: 'person' }]))).toEqual([]);
    expect(cordonsAsTheyShould(moment([node('w-0', { cordonedByWdrip: true })]))).toMatchObject([
      { invariant: 6 },
    ]);
    expect(cordonsAsTheyShould(moment([], [{ node: 'n', by: null }]))).toMatchObject([{ invariant: 6 }]);
  });

  test('8: all healed', () => {
    expect(allHealed(ending)).toEqual([]);
    expect(allHealed({ ...ending, healthy: ['w-0'] })).toMatchObject([
      { invariant: 8, what: expect.stringContaining('w-1') },
    ]);
  });
});
