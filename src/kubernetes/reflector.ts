import { z } from 'zod';
import { Failure, type FailureData, toFailure } from '../failure.ts';
import { sleep } from '../runtime/clock.ts';
import type { Connection } from './connection.ts';
import { type Asked, isExpired, parseStatus, Refusal } from './failures.ts';
import { type Listing, listAll, parseAs, parseJsonAs } from './list.ts';
import { backoff, type RetryContext } from './retry.ts';
import { isOlderRevision } from './revision.ts';

/** An API object as the reflector needs it; `namespace` plays no part, as what is watched has unique names. */
export interface Reflected {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string | undefined };
}

export interface ReflectorSink<T> {
  /** A complete list: everything that is not in it is gone. */
  replaced(objects: readonly T[], resourceVersion: string): void;
  put(object: T): void;
  removed(name: string): void;
  /** The watch is open: what happens from here on is seen. */
  opened(): void;
  /** The watch or the list ended; the reflector goes on by itself. */
  troubled(failure: FailureData): void;
}

const eventSchema = z.object({ type: z.string(), object: z.unknown() });
const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string().min(1) }) });

/** Without any news between them, this many failed watches in a row make the reflector list anew, whatever the failure was. */
const FAILURES_BEFORE_RELIST = 3;
/** After this many quiet watches in a row the list is read again, in case the API accepts watches and then says nothing. */
const QUIETS_BEFORE_RELIST = 3;
/** A watch that the API ends in good order sooner than this, without news, is treated as failed: no tight loop of openings. */
const SHORTEST_WATCH_MS = 1_000;

/**
 * Keeps one collection mirrored into `sink`, until `signal` is aborted: a complete list, then the watch from its revision. A watch that
 * breaks is resumed where it was; if its revision is gone (410), or an event could not be read, everything is listed anew.
 * It never gives up, and never rejects.
 */
export async function reflect<T extends Reflected>(
  connection: Connection,
  listing: Listing<T>,
  sink: ReflectorSink<T>,
  context: RetryContext,
  signal: AbortSignal,
): Promise<void> {
  const { clock, limits } = context;
  /** Revision that each object was last seen at: an answer from a replica that lags behind must not undo what is known. */
  const known = new Map<string, string>();
  let position: string | null = null;
  let failures = 0;
  let quiets = 0;

  const asked: Asked = { method: 'WATCH', url: connection.url(listing.path) };

  const take = (line: string) => {
    const event = parseJsonAs(eventSchema, line, asked);
    quiets = 0;
    if (event.type === 'ERROR') {
      const status = parseStatus(event.object);
      throw new Refusal(asked, status.code ?? 500, status, undefined);
    }
    if (event.type === 'BOOKMARK') {
      const { metadata } = parseAs(bookmarkSchema, event.object, asked);
      advance(metadata.resourceVersion);
      return;
    }
    if (event.type !== 'ADDED' && event.type !== 'MODIFIED' && event.type !== 'DELETED') {
      throw new Failure({
        kind: 'retryable',
        code: 'BadAnswer',
        message: `${asked.url}: unknown event ${event.type}`,
      });
    }
    const object = parseAs(listing.item, event.object, asked);
    const { name, resourceVersion } = object.metadata;
    failures = 0;
    if (isOlderRevision(resourceVersion, known.get(name))) return;
    if (event.type === 'DELETED') {
      known.delete(name);
      sink.removed(name);
    } else {
      if (resourceVersion !== undefined) known.set(name, resourceVersion);
      sink.put(object);
    }
    if (resourceVersion !== undefined) advance(resourceVersion);
  };

  const advance = (resourceVersion: string) => {
    if (!isOlderRevision(resourceVersion, position ?? undefined)) position = resourceVersion;
  };

  const list = async () => {
    const complete = await listAll(connection, listing, context, signal);
    known.clear();
    for (const { metadata } of complete.items) {
      if (metadata.resourceVersion !== undefined) known.set(metadata.name, metadata.resourceVersion);
    }
    position = complete.resourceVersion;
    sink.replaced(complete.items, complete.resourceVersion);
    return complete.resourceVersion;
  };

  const watch = async (resourceVersion: string) => {
    let openedAt: number | null = null;
    let ended: unknown = null;
    const url = connection.url(listing.path, {
      ...listing.query,
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds: Math.max(1, Math.round(limits.watchMs / 1000)),
    });
    const onOpen = () => {
      openedAt = clock.now();
      sink.opened();
    };
    const times = { openMs: limits.callMs, quietMs: limits.quietMs };
    try {
      await connection.stream({ method: 'GET', url, ...times, signal, onOpen, onLine: take });
    } catch (caught) {
      ended = caught;
    }
    const lasted = openedAt !== null && clock.now() - openedAt >= Math.min(SHORTEST_WATCH_MS, limits.quietMs);
    if (lasted) failures = 0;
    if (ended instanceof Failure && ended.code === 'Quiet') {
      quiets += 1;
      if (quiets < QUIETS_BEFORE_RELIST) return;
      quiets = 0;
      position = null;
    } else if (ended !== null) {
      throw ended;
    } else if (!lasted && position === resourceVersion) {
      throw new Failure({
        kind: 'retryable',
        code: 'WatchEnded',
        message: `${asked.url}: the watch ended at once`,
      });
    }
  };

  while (!signal.aborted) {
    try {
      await watch(position ?? (await list()));
    } catch (caught) {
      if (signal.aborted) return;
      failures += 1;
      const unreadable = caught instanceof Failure && caught.code === 'BadAnswer';
      if (isExpired(caught) || unreadable || failures >= FAILURES_BEFORE_RELIST) position = null;
      sink.troubled(toFailure(caught));
      // An expired revision is daily business: the first time there is no need to wait.
      if (failures > 1 || !isExpired(caught))
        await sleep(clock, backoff(failures, context), signal).catch(() => undefined);
    }
  }
}
