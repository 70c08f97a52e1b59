import { describe, expect, test } from '@jest/globals';
import {
  asksElsewhere,
  cheapestFirst,
  createsOne,
  decidedInSight,
  deletesWithMeasure,
  drainsEnd,
  fencedFirst,
  goneOnProof,
  isMarked,
  joinsInPeace,
  locksHold,
  notOnTheReady,
  pausesHold,
  permitsReturn,
  recoversOnFreshWord,
  recoveryIsFree,
  restsFirst,
  stormsHold,
  suspectsFirst,
  type WorkBegins,
  worksWithPermit,
} from '../../src/simulator/safety.ts';

const begins: WorkBegins = {
  slot: 'w-0',
  work: 'rebooting',
  holdsPermit: true,
  skipsKubelet: false,
  pausedForMs: null,
  lockedForMs: null,
  sightedForMs: 60_000,
  notReadyForMs: 60_000,
  wronglyGone: false,
  storm: { state: 'calm', forMs: 0 },
  liedAboutForMs: null,
  bootedMsAgo: null,
  bootWaitMs: 180_000,
};

describe('each safety case that is an invariant holds on what is right, and a planted violation is caught', () => {
  test('2: work without a permit', () => {
    expect(worksWithPermit(begins)).toEqual([]);
    expect(worksWithPermit({ ...begins, work: 'restartingKubelet', holdsPermit: false })).toEqual([]);
    expect(worksWithPermit({ ...begins, holdsPermit: false })).toMatchObject([{ invariant: 2 }]);
  });

  test('the ladder: a dearer rung before the kubelet was restarted', () => {
    expect(cheapestFirst(begins)).toEqual([]);
    expect(cheapestFirst({ ...begins, work: 'restartingKubelet', skipsKubelet: true })).toEqual([]);
    expect(cheapestFirst({ ...begins, skipsKubelet: true })).toMatchObject([{ invariant: 'ladder' }]);
  });

  test('safety 1: deletions of one slot in an hour', () => {
    expect(deletesWithMeasure('w-0', 3)).toEqual([]);
    expect(deletesWithMeasure('w-0', 4)).toMatchObject([{ invariant: 'safety 1', concerns: ['w-0'] }]);
  });

  test('safety 5: a second instance for a slot', () => {
    expect(createsOne('w-0', [])).toEqual([]);
    expect(createsOne('w-0', ['i-1'])).toMatchObject([{ invariant: 'safety 5' }]);
  });

  test('safety 7: storms', () => {
    expect(stormsHold(begins)).toEqual([]);
    const holding = { ...begins, storm: { state: 'holding', forMs: 1_500 } } as const;
    expect(stormsHold(holding)).toMatchObject([{ invariant: 'safety 7' }]);
    expect(stormsHold({ ...holding, storm: { state: 'holding', forMs: 500 } })).toEqual([]);
    expect(stormsHold({ ...holding, work: 'restartingKubelet' })).toEqual([]);
    const confirming = { ...begins, storm: { state: 'confirming', forMs: 90_000 } } as const;
    expect(stormsHold(confirming)).toEqual([]);
    expect(stormsHold({ ...confirming, liedAboutForMs: 119_000 })).toEqual([]);
    expect(stormsHold({ ...confirming, liedAboutForMs: 121_000 })).toMatchObject([{ invariant: 'safety 7' }]);
  });

  test('safety 9: time to join', () => {
    expect(joinsInPeace(begins)).toEqual([]);
    expect(joinsInPeace({ ...begins, bootedMsAgo: 180_000 })).toEqual([]);
    expect(joinsInPeace({ ...begins, bootedMsAgo: 170_000 })).toMatchObject([{ invariant: 'safety 9' }]);
  });

  test('safety 13: recovery is never held', () => {
    const waits = {
      slot: 'w-0',
      state: 'repairing.rebooting.admitting',
      readyForMs: 46_000,
      silentForMs: 5_000,
    };
    expect(recoveryIsFree(waits)).toMatchObject([{ invariant: 'safety 13' }]);
    expect(recoveryIsFree({ ...waits, state: 'held' })).toMatchObject([{ invariant: 'safety 13' }]);
    expect(recoveryIsFree({ ...waits, state: 'awaitingCloud.working' })).toMatchObject([
      { invariant: 'safety 13' },
    ]);
    for (const state of ['healthy', 'recovering.clearing', 'settling', 'repairing.rebooting.acting'])
      expect(recoveryIsFree({ ...waits, state })).toEqual([]);
    expect(recoveryIsFree({ ...waits, readyForMs: 44_000 })).toEqual([]);
    expect(recoveryIsFree({ ...waits, readyForMs: null })).toEqual([]);
    // Its Node says Ready, and its kubelet nothing any more: that is a failure.
    expect(recoveryIsFree({ ...waits, silentForMs: 59_000 })).toHaveLength(1);
    expect(recoveryIsFree({ ...waits, silentForMs: 60_000 })).toEqual([]);
  });

  test('3: nothing is done to a node that has become Ready meanwhile', () => {
    const deed = { call: 'reboot', slot: 'w-0', readyForMs: 5_000, silentForMs: 5_000 };
    expect(notOnTheReady(deed)).toMatchObject([{ invariant: 3 }]);
    expect(notOnTheReady({ ...deed, readyForMs: 3_000 })).toEqual([]);
    expect(notOnTheReady({ ...deed, readyForMs: null })).toEqual([]);
    expect(notOnTheReady({ ...deed, silentForMs: 60_000 })).toEqual([]);
  });

  test('safety 11, 14, 16: nothing on what was seen before', () => {
    expect(decidedInSight(begins)).toEqual([]);
    expect(decidedInSight({ ...begins, sightedForMs: 15_000 })).toMatchObject([{ invariant: 'safety 14' }]);
    expect(decidedInSight({ ...begins, sightedForMs: null })).toMatchObject([{ invariant: 'safety 14' }]);
    expect(decidedInSight({ ...begins, work: 'retiring', sightedForMs: 0 })).toEqual([]);
  });

  test('safety 24: permits', () => {
    const held = { slot: 'w-0', state: 'repairing.rebooting.acting', permit: 'p' };
    expect(permitsReturn(held)).toEqual([]);
    expect(permitsReturn({ ...held, state: 'settling' })).toMatchObject([{ invariant: 'safety 24' }]);
    expect(permitsReturn({ ...held, state: 'settling', permit: null })).toEqual([]);
  });

  test('safety 26: pauses', () => {
    expect(pausesHold(begins)).toEqual([]);
    expect(pausesHold({ ...begins, pausedForMs: 500 })).toEqual([]);
    expect(pausesHold({ ...begins, pausedForMs: 1_500 })).toMatchObject([{ invariant: 'safety 26' }]);
  });

  test('locks', () => {
    expect(locksHold({ ...begins, lockedForMs: 100_000 })).toEqual([]);
    expect(locksHold({ ...begins, lockedForMs: 121_000 })).toMatchObject([{ invariant: 'locked' }]);
  });

  test('suspicion, and proof that an instance is gone (safety 3)', () => {
    expect(suspectsFirst(begins)).toEqual([]);
    expect(suspectsFirst({ ...begins, notReadyForMs: null })).toEqual([]);
    expect(suspectsFirst({ ...begins, notReadyForMs: 100 })).toMatchObject([{ invariant: 'suspicion' }]);
    expect(suspectsFirst({ ...begins, work: 'retiring', notReadyForMs: 100 })).toEqual([]);
    expect(goneOnProof(begins)).toEqual([]);
    expect(goneOnProof({ ...begins, wronglyGone: true })).toMatchObject([{ invariant: 'safety 3' }]);
  });

  test('settling, and the rest after a climb (safety 25)', () => {
    const settles = { slot: 'w-0', from: 'settling', to: 'healthy', restedMs: 30_000 };
    expect(restsFirst(settles)).toEqual([]);
    expect(restsFirst({ ...settles, restedMs: 10 })).toMatchObject([{ invariant: 'settling' }]);
    expect(restsFirst({ ...settles, from: 'recovering.clearing' })).toMatchObject([
      { invariant: 'settling' },
    ]);
    expect(restsFirst({ ...settles, to: 'suspect', restedMs: 10 })).toEqual([]);
    const climbs = { ...settles, from: 'throttled', to: 'repairing.resetting.admitting' };
    expect(restsFirst({ ...climbs, restedMs: 600_000 })).toEqual([]);
    expect(restsFirst(climbs)).toMatchObject([{ invariant: 'safety 25' }]);
  });

  test('safety 23: a word from before our own work', () => {
    expect(recoversOnFreshWord({ slot: 'w-0', bootedAt: 5, heardAt: 5 })).toEqual([]);
    expect(recoversOnFreshWord({ slot: 'w-0', bootedAt: 5, heardAt: 4 })).toMatchObject([
      { invariant: 'safety 23' },
    ]);
  });

  test('safety 27: drains end', () => {
    expect(drainsEnd({ slot: 'w-0', overMs: 2_000 })).toEqual([]);
    expect(drainsEnd({ slot: 'w-0', overMs: 4_000 })).toMatchObject([{ invariant: 'safety 27' }]);
  });

  test('safety 28, 29: nothing can write any more', () => {
    const release = { node: 'n-0', act: 'releasePods' };
    expect(fencedFirst({ ...release, status: null })).toEqual([]);
    expect(fencedFirst({ ...release, status: 'Stopped' })).toEqual([]);
    for (const status of ['Running', 'Stopping', 'Starting'])
      expect(fencedFirst({ ...release, status })).toMatchObject([{ invariant: 'safety 29' }]);
  });

  test('safety 32: stock', () => {
    expect(asksElsewhere('a', 'z', 3)).toEqual([]);
    expect(asksElsewhere('a', 'z', 4)).toMatchObject([{ invariant: 'safety 32' }]);
  });

  test('safety 34: the mark', () => {
    const deed = { call: 'reboot', slot: 'w-0' };
    expect(isMarked({ ...deed, annotation: 'rebooting' })).toEqual([]);
    expect(isMarked({ ...deed, annotation: null })).toEqual([]);
    expect(isMarked({ ...deed, annotation: undefined })).toMatchObject([{ invariant: 'safety 34' }]);
  });
});
