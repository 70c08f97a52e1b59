import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Connections } from './connections.ts';
import { failureOf } from './failures.ts';
import type { Change, Endpoint, Etcd, RevisionChanges, WatchItem, Watching } from './port.ts';
import { messagesOf } from './stream.ts';
import { type Heard, WatchCall } from './watch-call.ts';

/** A watch that was asked for progress so many times without a word is dead. */
const unanswered = 2;

/** The watch of the port, on one member. */
export async function* watchAll(
  {
    connections,
    clock,
    status,
  }: { readonly connections: Connections; readonly clock: Clock; readonly status: Etcd['status'] },
  endpoint: Endpoint,
  { fromRevision, progressMs, signal }: Watching,
): AsyncGenerator<WatchItem> {
  const what = `a watch from revision ${fromRevision}, asked of ${endpoint}`;
  if (signal.aborted) return;
  try {
    // etcd tells no progress of a watch that begins in the future (storage/mvcc/watchable_store.go), so it begins now, and what is not
    // wanted yet is left out.
    const { revision } = await status(endpoint, { signal });
    const startRevision = Math.min(fromRevision, revision);
    const call = connections.call(endpoint, (tls) => new WatchCall({ endpoint, tls, clock, startRevision }));
    let cancelTimer = () => {};
    const askForProgress = () => {
      cancelTimer = clock.after(progressMs, () => {
        call.askForProgress();
        askForProgress();
      });
    };
    askForProgress();
    try {
      yield* items(
        messagesOf(call, {
          clock,
          idleMs: progressMs * (unanswered + 1),
          idle: () =>
            new Failure({
              kind: 'retryable',
              code: 'Quiet',
              message: `${what}: nothing for ${progressMs * (unanswered + 1)} ms, though progress was asked for`,
            }),
          signal,
        }),
        fromRevision,
        what,
      );
    } finally {
      cancelTimer();
      call.cancel();
    }
  } catch (caught) {
    if (signal.aborted) return;
    throw failureOf(caught, what);
  }
}

/** What the server's messages say, revision by revision. */
async function* items(
  heard: AsyncIterable<Heard>,
  fromRevision: number,
  what: string,
): AsyncGenerator<WatchItem> {
  let told = fromRevision - 1;
  /** Of a revision that may go on in the next fragment. */
  let pending: GrowingRevision | undefined;
  let since = 0;
  for await (const { messages, since: waitedSince } of heard) {
    if (pending === undefined) since = waitedSince;
    const revisions: GrowingRevision[] = pending === undefined ? [] : [pending];
    let fragment = pending !== undefined;
    let progress: number | undefined;
    for (const message of messages) {
      if (message.canceled || message.created) continue;
      // While a revision is half told there is no progress to tell.
      if (message.changes.length === 0) progress = fragment ? progress : message.revision;
      else fragment = message.fragment;
      // A busy member is asked again from what it told last.
      for (const change of message.changes) if (change.modRevision > told) add(revisions, change);
    }
    pending = fragment ? revisions.pop() : undefined;
    const last = revisions.at(-1);
    if (last !== undefined) {
      told = last.revision;
      yield { kind: 'changes', revision: told, revisions, since };
    }
    if (progress !== undefined && progress >= told) {
      told = progress;
      yield { kind: 'progress', revision: told };
    }
    const canceled = messages.find((message) => message.canceled);
    if (canceled !== undefined) {
      const { compactRevision, cancelReason } = canceled;
      if (compactRevision <= told + 1) throw ended(what, `: ${cancelReason}`);
      yield { kind: 'compacted', compactRevision };
      return;
    }
  }
  throw ended(what, '');
}

interface GrowingRevision extends RevisionChanges {
  readonly changes: Change[];
}

function add(revisions: GrowingRevision[], change: Change): void {
  const last = revisions.at(-1);
  if (last?.revision === change.modRevision) last.changes.push(change);
  else revisions.push({ revision: change.modRevision, changes: [change] });
}

function ended(what: string, why: string): Failure {
  return new Failure({
    kind: 'retryable',
    code: 'WatchCancelled',
    message: `${what}: etcd has ended it${why}`,
  });
}
