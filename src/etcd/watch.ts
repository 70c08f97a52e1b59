import type { IEvent, IWatchRequest, IWatchResponse } from 'etcd3';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Connections } from './connections.ts';
import { failureOf } from './failures.ts';
import { hexOf, numberOf } from './numbers.ts';
import type { Change, Endpoint, Etcd, RevisionChanges, WatchItem, Watching } from './port.ts';
import { endCall, messagesOf } from './stream.ts';

/** From the first key there can be, to the last: a range that begins and ends with a zero byte is everything. */
const everything = Buffer.from([0]);
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
    const stream = await connections.client(endpoint).watchClient.watch();
    const write = (request: IWatchRequest) => stream.write(request);
    // A server that is busy can't split one revision's changes over messages without saying so (`fragment`).
    write({
      create_request: {
        key: everything,
        range_end: everything,
        start_revision: Math.min(fromRevision, revision),
        fragment: true,
      },
    });
    let cancelTimer = () => {};
    const askForProgress = () => {
      cancelTimer = clock.after(progressMs, () => {
        write({ progress_request: {} });
        askForProgress();
      });
    };
    askForProgress();
    try {
      yield* items(
        messagesOf(stream, {
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
      endCall(stream);
    }
  } catch (caught) {
    if (signal.aborted) return;
    throw failureOf(caught, what);
  }
}

/** What the server's messages say, revision by revision. */
export async function* items(
  messages: AsyncIterable<IWatchResponse>,
  fromRevision: number,
  what: string,
): AsyncGenerator<WatchItem> {
  let told = fromRevision - 1;
  /** Of a revision that may go on in the next fragment. */
  let pending: RevisionChanges | null = null;
  for await (const message of messages) {
    if (message.canceled) {
      const compactRevision = numberOf(message.compact_revision, 'the compacted revision');
      if (compactRevision > fromRevision) {
        yield { kind: 'compacted', compactRevision };
        return;
      }
      throw new Failure({
        kind: 'retryable',
        code: 'WatchCancelled',
        message: `${what}: etcd has ended it: ${message.cancel_reason}`,
      });
    }
    if (message.created) continue;
    if (message.events.length === 0) {
      const revision = numberOf(message.header.revision, 'a revision');
      // While a revision is half told there is no progress to tell.
      if (pending === null && revision >= told) {
        told = revision;
        yield { kind: 'progress', revision };
      }
      continue;
    }
    const wanted = message.events.filter(({ kv }) => Number(kv.mod_revision) >= fromRevision);
    const grouped = group(pending, wanted);
    pending = message.fragment ? (grouped.pop() ?? null) : null;
    const last = grouped.at(-1);
    if (last === undefined) continue;
    told = last.revision;
    yield { kind: 'changes', revision: told, revisions: grouped };
  }
  throw new Failure({ kind: 'retryable', code: 'WatchCancelled', message: `${what}: etcd has ended it` });
}

function group(pending: RevisionChanges | null, events: readonly IEvent[]): RevisionChanges[] {
  const grouped: { revision: number; changes: Change[] }[] =
    pending === null ? [] : [{ revision: pending.revision, changes: [...pending.changes] }];
  for (const event of events) {
    const change = changeOf(event);
    const last = grouped.at(-1);
    if (last?.revision === change.modRevision) last.changes.push(change);
    else grouped.push({ revision: change.modRevision, changes: [change] });
  }
  return grouped;
}

function changeOf({ type, kv }: IEvent): Change {
  const modRevision = numberOf(kv.mod_revision, 'a revision');
  if (type === 'Delete') return { type: 'delete', key: kv.key, modRevision };
  return {
    type: 'put',
    key: kv.key,
    value: kv.value,
    version: numberOf(kv.version, 'a version'),
    createRevision: numberOf(kv.create_revision, 'a revision'),
    modRevision,
    lease: kv.lease === '0' ? null : hexOf(kv.lease),
  };
}
