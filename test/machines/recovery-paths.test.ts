import { expect, test } from '@jest/globals';
import { assign } from 'xstate';
import type { RecoveryContext } from '../../machines/recovery.ts';
import { finals, testPaths } from './paths.ts';
import { testDefects } from './plant.ts';
import { dotted } from './pure.ts';
import { recoveryRules, recoverySpace, whatComesWhenStepsSucceed } from './recovery-space.ts';

const walked = testPaths<RecoveryContext>({
  space: recoverySpace,
  rules: recoveryRules,
  size: [100, 2_000],
  unreachable: {},
  passedThrough: [],
  toldAgain: () => false,
  patient: {},
  beginsAnew: {},
  home: { states: [], next: whatComesWhenStepsSucceed, mostSteps: 15 },
});

test('it ends in two ways, and a failed one keeps why', () => {
  const ends = finals(walked()).map(({ snapshot }) => ({
    state: dotted(snapshot.value),
    why: snapshot.context.failure !== null,
  }));
  expect(new Set(ends.map((end) => JSON.stringify(end)))).toEqual(
    new Set([
      JSON.stringify({ state: 'recovered', why: false }),
      JSON.stringify({ state: 'failed', why: true }),
    ]),
  );
});

const gone = { target: '#recovery.failed', actions: 'countTry' };
const nothing = assign({});
testDefects(recoverySpace, recoveryRules, {
  'a step begins before the one before it was done': [
    {
      config: {
        'states.stoppingControlPlane.states.working.invoke.onDone': {
          target: '#recovery.restoringData',
          actions: 'stepDone',
        },
      },
    },
    {
      config: {
        'states.stoppingControlPlane.states.working.invoke.onError': { target: '#recovery.keepingOldData' },
      },
    },
  ],
  'a step of a master is taken before the master is chosen': [{ actions: { noteMaster: nothing } }],
  'a step is given another master than the chosen one': [
    { config: { 'states.keepingOldData.states.working.invoke.input': () => ({ master: null }) } },
  ],
  'changes are replayed into a survivor, which has them': [{ guards: { isFromBackup: () => true } }],
  'a change log is left out and nobody is told': [{ actions: { goWithoutChanges: nothing } }],
  'a change log is left out since its master was silent for a while': [
    { guards: { masterIsSilent: () => false } },
  ],
  'it gives up once the data is in, though its master is there': [
    { config: { 'states.startingControlPlane.states.working.invoke.onError': gone } },
    {
      config: {
        'states.reconciling.states.working.after.stepDeadline': { ...gone, actions: 'noteOverdue' },
      },
    },
  ],
  'it gives up before the data is in at the first failure that may pass': [
    { guards: { mayTryAgain: () => false } },
  ],
  'a step is tried a fourth time before the data is in': [{ guards: { mayTryAgain: () => true } }],
  'it is over before the API serves and the cluster was looked at': [
    {
      config: {
        'states.startingControlPlane.states.working.invoke.onDone': {
          target: '#recovery.recovered',
          actions: 'stepDone',
        },
      },
    },
  ],
});
