import type { AnyMachineSnapshot } from 'xstate';
import { type BackupContext, type BackupFacts, backupMachine } from '../../machines/backup.ts';
import type { AnyEvent, Rules, Space } from './explore.ts';
import { declaredDeadlines, declaredEffects, dotted } from './pure.ts';

const failure = { kind: 'retryable', code: 'Unavailable', message: 'no answer' };

function backup(key: string): BackupFacts {
  return { key, revision: 7, takenAt: 1, bytes: 100, regions: ['r'] };
}

/** A new backup's key: neither that of the last one nor that of the verified one. */
function nextKey({ taken, verified }: BackupContext): string {
  return ['a', 'b', 'c'].find((key) => key !== taken?.key && key !== verified?.key) ?? 'd';
}

/** Left out: names, and how many failures there were (only whether any was). Whether the last one is the verified one matters. */
function stateKey({ value, context }: { readonly value: unknown; readonly context: BackupContext }): string {
  const { wantedFor, takingFor, taken, verified, failures, schedule } = context;
  const which = verified === null ? 'none' : verified.key === taken?.key ? 'last' : 'other';
  return `${dotted(value)} ${wantedFor} ${takingFor} ${taken !== null} ${which} ${failures > 0} ${schedule}`;
}

function done(id: string, context: BackupContext): AnyEvent {
  const outputs: Readonly<Record<string, object>> = {
    planBackup: { waitMs: 60_000 },
    takeBackup: { backup: backup(nextKey(context)) },
  };
  return { type: `xstate.done.actor.${id}`, output: { at: 1, ...outputs[id] } };
}

export const backupSpace: Space = {
  machine: backupMachine,
  inputs: [{ cluster: 'c', schedule: 'often', policy: {} }],
  keyOf: stateKey,
  possible: (snapshot) => [
    { type: 'BACKUP_WANTED', at: 1, reason: 'chaos' },
    { type: 'SCHEDULE_CHANGED', at: 1, schedule: snapshot.context.schedule === 'often' ? 'daily' : 'often' },
    ...declaredDeadlines(snapshot).map((type) => ({ type })),
    ...declaredEffects(snapshot).flatMap((id) => [
      done(id, snapshot.context),
      { type: `xstate.error.actor.${id}`, error: failure },
    ]),
  ],
};

/** Steps succeed, and time passes where nothing is at work. */
export function whatComesWhenBackupsSucceed(snapshot: AnyMachineSnapshot): AnyEvent {
  const [deadline] = declaredDeadlines(snapshot);
  if (dotted(snapshot.value) === 'failing') return { type: deadline ?? 'nothing' };
  const [effect] = declaredEffects(snapshot);
  return effect === undefined ? { type: deadline ?? 'nothing' } : done(effect, snapshot.context);
}

function begins(started: readonly { readonly src: string }[], effect: string): boolean {
  return started.some(({ src }) => src === effect);
}

export const backupRules: Rules<BackupContext> = {
  // The newest verified one is safe whatever retention says, and nothing goes before a newer one has proven itself.
  'backups are removed though the last one is not verified': ({ started, after }) =>
    begins(started, 'pruneBackups') && (after.verified === null || after.verified.key !== after.taken?.key),
  'a backup counts as verified that was not looked at': ({ event, before, after }) =>
    after.verified?.key !== before.verified?.key &&
    !(event === 'xstate.done.actor.verifyBackup' && after.verified?.key === before.taken?.key),
  'another backup is verified than the one that was just taken': ({ event, started, after }) =>
    started.some(
      ({ src, input }) =>
        src === 'verifyBackup' &&
        !(
          event === 'xstate.done.actor.takeBackup' &&
          JSON.stringify(input) === JSON.stringify({ backup: after.taken })
        ),
    ),
  'a wish is forgotten before a backup was begun for it': ({ event, started, before, after }) =>
    (before.wantedFor !== null || event === 'BACKUP_WANTED') &&
    after.wantedFor === null &&
    !begins(started, 'takeBackup'),
  'a backup does not say what it is wanted for': ({ started, before }) =>
    before.wantedFor !== null &&
    started.some(
      ({ src, input }) =>
        src === 'takeBackup' && JSON.stringify(input) !== JSON.stringify({ reason: before.wantedFor }),
    ),
  'a schedule that has changed is not asked for the next time': ({ event, to, started }) =>
    event === 'SCHEDULE_CHANGED' && to === 'planning' && !begins(started, 'planBackup'),
  'a failure is told to nobody': ({ from, to, started }) =>
    from !== to && to === 'failing' && !begins(started, 'reportBackupTrouble'),
  'a step begins while another is at work': ({ started }) => started.length > 1,
};
