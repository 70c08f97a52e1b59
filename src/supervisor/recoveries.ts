import type { RecoveryContext } from '../../machines/recovery.ts';
import { Failure } from '../failure.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import type { ActorRecord } from '../runtime/record.ts';
import type { EffectContext, Runtime } from '../runtime/types.ts';
import { actorIds, statePath } from './fleet.ts';
import type { Supervisor } from './supervisor.ts';

/** From one look at a recovery to the next, in ms. */
const lookMs = 500;

/** How long a backup waits for a history, and from one look to the next, in ms: at the start the cloud is asked first, in seconds. */
const knownMs = 15_000;

/**
 * Whose revisions are written now. A cluster of one that was made of a survivor's data goes on with the same cluster id, but its revisions
 * are another history: also if the recovery failed later. Null while no quorum is seen, or a recovery is at work: nobody can tell yet.
 */
export function currentHistory({
  supervisor,
  runtime,
}: {
  readonly supervisor: () => Supervisor;
  readonly runtime: () => Runtime;
}): string | null {
  const look = supervisor().controlPlane?.view()?.look ?? null;
  if (look === null || !look.held || look.clusterId === null) return null;
  if (isRecovering(runtime())) return null;
  const [forced] = recoveries(runtime())
    .filter(({ context }) => context.source.kind === 'member' && context.master !== null)
    .sort((a, b) => b.record.since - a.record.since);
  return forced === undefined ? look.clusterId : `${look.clusterId}-${forced.id.slice(0, 8)}`;
}

/** Is data being brought back now? */
export function isRecovering(runtime: Runtime): boolean {
  return recoveries(runtime).some(({ record }) => !isOver(record));
}

/**
 * The history that a backup is of. The end of a recovery is waited for: without a backup after it, and the change log that begins there,
 * the next loss would take all that was written since. Throws `NoHealthyMember` (retryable) if there is none for another reason for a
 * while.
 */
export async function historyOfBackup(
  { history, recovering }: { readonly history: () => string | null; readonly recovering: () => boolean },
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  for (let waited = 0; ; waited += recovering() ? 0 : lookMs) {
    const now = history();
    if (now !== null) return now;
    if (waited >= knownMs)
      throw new Failure({
        kind: 'retryable',
        code: 'NoHealthyMember',
        message: 'no quorum of etcd is seen: nobody can tell whose revisions these are',
      });
    await sleep(clock, lookMs, signal);
  }
}

function recoveries(
  runtime: Runtime,
): readonly { readonly id: string; readonly record: ActorRecord; readonly context: RecoveryContext }[] {
  const prefix = actorIds.recovery('');
  return runtime.ids().flatMap((actor) => {
    const record = actor.startsWith(prefix) ? runtime.record(actor) : undefined;
    // The runtime has checked the record's machine and version, so its context is what it says.
    return record === undefined
      ? []
      : [
          {
            id: actor.slice(prefix.length),
            record,
            context: record.snapshot.context as unknown as RecoveryContext,
          },
        ];
  });
}

/** The state of the recovery that was begun or changed last; null: there was none. */
export function newestRecovery(runtime: Runtime): string | null {
  const [newest] = recoveries(runtime)
    .map(({ record }) => record)
    .sort((a, b) => b.since - a.since);
  return newest === undefined ? null : statePath(newest.snapshot.value);
}

/** The highest revision that a recovery is known to have come to; 0 if none. */
export function restoredUpTo(runtime: Runtime): number {
  return Math.max(0, ...recoveries(runtime).map(({ context }) => context.revision));
}

/** Starts the recovery unless it is there, ends any other, and waits for its end. */
export async function recover(
  runtime: Runtime,
  id: string,
  input: Pick<RecoveryContext, 'cluster' | 'source'>,
  { clock, signal }: EffectContext,
): Promise<{ readonly revision: number; readonly lost: string | null }> {
  for (;;) {
    signal.throwIfAborted();
    const all = recoveries(runtime);
    // One that an earlier attempt gave up on must not work on the same masters.
    for (const other of all)
      if (other.id !== id && !isOver(other.record)) await runtime.remove(actorIds.recovery(other.id));
    const own = all.find((each) => each.id === id);
    if (own === undefined)
      runtime.send(actorIds.supervisor, {
        type: 'RECOVERY_WANTED',
        at: clock.now(),
        id: actorIds.recovery(id),
        input: JSON.parse(JSON.stringify(input)),
      });
    else if (isOver(own.record)) {
      const { revision, lost, failure } = own.context;
      if (statePath(own.record.snapshot.value) === 'recovered') return { revision, lost };
      throw new Failure({
        kind: 'retryable',
        code: failure?.code ?? 'RecoveryFailed',
        message: `the recovery failed: ${failure?.message ?? 'no reason is known'}`,
      });
    }
    await sleep(clock, lookMs, signal);
  }
}

function isOver({ snapshot }: ActorRecord): boolean {
  return ['recovered', 'failed'].includes(statePath(snapshot.value));
}
