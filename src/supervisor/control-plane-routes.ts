import { z } from 'zod';
import type { Route } from '../dashboard/route.ts';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Json } from '../runtime/record.ts';
import type { BackupsOnShow } from './backup-service.ts';
import { reportBackup, reportQuorum } from './explain-quorum.ts';
import { actorIds } from './fleet.ts';
import { sendDurably } from './send-durably.ts';
import { currentOf, type Subject } from './subject.ts';

const backupBody = z.union([z.null(), z.strictObject({ reason: z.string().min(1).max(200).optional() })]);

const verifyBody = z.strictObject({ id: z.string().min(1).max(100).optional() });

/** How long every copy of a backup may take to be read and rehearsed, in ms: gigabytes from another region. */
const verifyMs = 900_000;
/** How long the regions may take to be listed, in ms. */
const listMs = 30_000;

/** What the supervisor offers of etcd's quorum and of the backups. */
export function controlPlaneRoutes(subject: Subject): readonly Route[] {
  const { clock } = subject;
  const backups = (): BackupsOnShow => {
    const shown = currentOf(subject).backups;
    if (shown !== null) return shown;
    throw new Failure({
      kind: 'notFound',
      code: 'NoBackups',
      message: 'this cluster has no backups: its configuration has no `backup` (docs/backup.md)',
    });
  };
  return [
    {
      method: 'GET',
      path: '/api/quorum',
      handle: () => {
        const { supervisor, runtime } = currentOf(subject);
        const record = runtime.record(actorIds.quorum);
        if (supervisor.controlPlane === null || record === undefined)
          throw new Failure({
            kind: 'notFound',
            code: 'NoQuorumSeen',
            message:
              supervisor.controlPlane === null
                ? 'this supervisor looks after workers only: its configuration has no `etcd` and `controlPlane`'
                : 'etcd has not been seen yet: see the log of the supervisor',
          });
        return asJson({ now: clock.now(), ...reportQuorum(record, supervisor.controlPlane) });
      },
    },
    {
      method: 'GET',
      path: '/api/backups',
      handle: async () => {
        const record = currentOf(subject).runtime.record(actorIds.backup);
        return asJson({
          now: clock.now(),
          ...(await within(clock, listMs, (signal) => backups().figures(signal))),
          actor: record === undefined ? null : reportBackup(record),
        });
      },
    },
    {
      method: 'POST',
      path: '/api/backups',
      handle: async ({ body }) => {
        backups();
        const asked = backupBody.safeParse(body);
        if (!asked.success)
          throw new Failure({
            kind: 'rejected',
            code: 'BadBackup',
            message: `what is asked is not clear: ${asked.error.message}`,
          });
        const at = clock.now();
        const reason = asked.data?.reason ?? 'a person';
        await sendDurably(currentOf(subject).runtime, actorIds.backup, { type: 'BACKUP_WANTED', at, reason });
        return { at };
      },
    },
    {
      method: 'POST',
      path: '/api/backups/verify',
      handle: async ({ body }) => {
        const service = backups();
        const asked = verifyBody.safeParse(body ?? {});
        if (!asked.success)
          throw new Failure({
            kind: 'rejected',
            code: 'BadBackup',
            message: `what is asked is not clear: ${asked.error.message}`,
          });
        return asJson(
          await within(clock, verifyMs, (signal) => service.check(asked.data.id ?? null, signal)),
        );
      },
    },
  ];
}

/** Gives it up after so long. */
async function within<T>(clock: Clock, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const cancel = clock.after(ms, () =>
    late.abort(
      new Failure({
        kind: 'retryable',
        code: 'TimedOut',
        message: `the regions did not answer within ${ms / 1_000} s`,
      }),
    ),
  );
  try {
    return await work(late.signal);
  } finally {
    cancel();
  }
}

/** Plain data, as JSON carries it. */
function asJson(data: unknown): Json {
  const copy: Json = JSON.parse(JSON.stringify(data ?? null));
  return copy;
}
