import { assign } from 'xstate';
import type { BackupContext } from '../../machines/backup.ts';
import { backupRules, backupSpace, whatComesWhenBackupsSucceed } from './backup-space.ts';
import { testPaths } from './paths.ts';
import { testDefects, testFindings } from './plant.ts';

testPaths<BackupContext>({
  space: backupSpace,
  rules: backupRules,
  size: [100, 2_000],
  unreachable: {},
  passedThrough: [],
  toldAgain: () => false,
  patient: { planning: 'the schedule is reckoned from its text: nobody is asked, and nothing can hang' },
  beginsAnew: { 'planning: SCHEDULE_CHANGED': 'another schedule is another question' },
  home: { states: ['resting'], next: whatComesWhenBackupsSucceed, mostSteps: 12 },
});

testDefects(backupSpace, backupRules, {
  'backups are removed though the last one is not verified': [
    { config: { 'states.verifying.invoke.onError': { target: 'pruning', actions: 'noteFailure' } } },
    { config: { 'states.verifying.after.verifyDeadline': { target: 'pruning' } } },
    { actions: { noteVerified: assign({ failures: 0 }) } },
  ],
  'a backup counts as verified that was not looked at': [
    {
      actions: {
        noteTaken: assign(({ event }) => ({ taken: event.output.backup, verified: event.output.backup })),
      },
    },
  ],
  'another backup is verified than the one that was just taken': [
    { config: { 'states.failing.after.retry': { target: 'verifying' } } },
  ],
  'a wish is forgotten before a backup was begun for it': [
    // As it was: what was wanted while one was being taken was forgotten with that one's end.
    {
      actions: {
        noteTaken: assign(({ event }) => ({ taken: event.output.backup, takingFor: null, wantedFor: null })),
      },
    },
    { config: { 'on.BACKUP_WANTED': {} } },
  ],
  'a backup does not say what it is wanted for': [{ actions: { beginTaking: assign({ wantedFor: null }) } }],
  // As it was: the wait that the old schedule gave was waited all the same.
  'a schedule that has changed is not asked for the next time': [{ config: { 'states.planning.on': {} } }],
  'a failure is told to nobody': [{ config: { 'states.failing.invoke': [] } }],
  'a step begins while another is at work': [
    {
      config: {
        'states.verifying.entry': [],
        'states.verifying.invoke': [
          { id: 'verifyBackup', src: 'verifyBackup', input: () => ({ backup: null }) },
          { id: 'pruneBackups', src: 'pruneBackups' },
        ],
      },
    },
  ],
});

testFindings(backupSpace, () => false, {
  stuck: { config: { 'states.taking.after': {} } },
  begunTwice: { config: { 'states.taking.on': { BACKUP_WANTED: { target: 'taking', reenter: true } } } },
  // The same object in memory is another one once it was read back.
  restoredOtherwise: {
    guards: {
      isWanted: ({ context }: { readonly context: BackupContext }) =>
        context.verified !== null && context.verified === context.taken,
    },
  },
});
