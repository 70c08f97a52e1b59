import { assign } from 'xstate';
import type { QuorumContext } from '../../machines/etcd-quorum.ts';
import { testPaths } from './paths.ts';
import { testDefects } from './plant.ts';
import { quorumRules } from './quorum-rules.ts';
import { quorumSpace, whatComesWhenMembersAreWell } from './quorum-space.ts';

const inBoth = (path: string) => [`degraded.${path}`, `lost.rejoining.${path}`];

testPaths<QuorumContext>({
  space: quorumSpace,
  rules: quorumRules,
  size: [1_000, 10_000],
  unreachable: {},
  passedThrough: [
    'lost.failed',
    ...['choosing', 'replacingMember.done', 'restartingMember.done', 'takingOut.done'].flatMap(inBoth),
  ],
  toldAgain: ({ type }) => type === 'MEMBERS_OBSERVED',
  patient: {},
  beginsAnew: {},
  home: { states: ['healthy'], next: whatComesWhenMembersAreWell, mostSteps: 12 },
});

const nothing = assign({});
const always = () => true;
const change = (place: string) => `states.degraded.states.replacingMember.states.${place}`;

testDefects(quorumSpace, quorumRules, {
  'the membership or the data is changed without a permit': [
    { actions: { takePermit: nothing } },
    { actions: { takeRestorePermit: nothing } },
  ],
  'a permit is kept where nothing is changed': [
    { actions: { returnPermit: nothing } },
    // As it was: whole before the promotion's end was heard, it went on to verify with the permit, and then to wait with it.
    { config: { 'states.lost.states.verifying.entry': [] } },
  ],
  'the membership is changed while no quorum answers': [
    { guards: { seesLoss: () => false, isLost: () => false } },
  ],
  'a member is removed that the quorum hangs on': [
    { actions: { aim: assign(({ context }) => ({ target: context.members[2] })) } },
  ],
  'a member is rebuilt that was not removed before': [
    { config: { [change('admitting.invoke.onDone')]: { target: 'rebuilding', actions: 'takePermit' } } },
    { actions: { noteRemoved: nothing } },
  ],
  'one change of a member begins before the other is over': [
    {
      actions: {
        noteMembers: assign(({ event }) => ({
          members: event.members,
          held: event.held,
          target: event.members?.[0],
        })),
      },
    },
  ],
  'a change of the membership goes on without the step before it': [
    {
      config: {
        [change('removing.invoke.onDone')]: { target: 'addingLearner', actions: 'noteRemoved' },
      },
    },
  ],
  'a member is restarted again and again': [
    { config: { 'states.degraded.states.choosing.always': { target: 'restartingMember', actions: 'aim' } } },
  ],
  'a corrupt member is restarted or told to free its store': [
    { config: { 'states.degraded.states.choosing.always': { target: 'restartingMember', actions: 'aim' } } },
  ],
  'data is restored although a quorum answers': [
    // As it was: what a restore had shown before it failed was believed after every check had failed.
    { actions: { countCheck: assign({ failedChecks: ({ context }) => context.failedChecks + 1 }) } },
  ],
  'data is restored without a source': [{ actions: { noteChoice: nothing } }],
  'data is restored without the loss having been confirmed': [{ guards: { isConfirmed: always } }],
  'data is restored without proof that was looked for now': [
    { config: { 'states.lost.states.undecided.after.patience': { target: 'restoring' } } },
  ],
  'a source is looked for before what loses nothing was tried': [
    {
      config: {
        'states.lost.states.confirming.states.checking.invoke.onDone': {
          target: '#quorum.lost.choosingSource',
        },
      },
    },
  ],
  'a backup is chosen by its looks after one was found damaged': [{ actions: { passOverCopy: nothing } }],
  'damage is passed over again and again, and nobody is told': [{ guards: { copyWasDamaged: always } }],
  'what loses nothing is tried before the loss was confirmed': [{ guards: { isConfirmed: always } }],
  'a restore is over and was not verified': [
    // As it was: any look while it verified led on to healthy.
    { config: { 'states.lost.states.verifying.on': {} } },
    { config: { 'states.lost.states.unverified.on': {} } },
  ],
  'something begins while repairs are paused': [
    { guards: { isPaused: () => false } },
    { config: { [change('admitting.on.REPAIRS_PAUSED')]: { actions: 'pause' } } },
  ],
  'people are not told what they must decide': [{ config: { 'states.lost.states.undecided.invoke': [] } }],
  'a healthy quorum remembers': [{ actions: { forget: nothing } }],
});
