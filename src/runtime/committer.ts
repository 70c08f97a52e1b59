import { type FailureData, toFailure } from '../failure.ts';
import { type Batch, newBatch, writesOf } from './batch.ts';
import type { Clock } from './clock.ts';
import type { RuntimeLog, Store } from './types.ts';

/** Waits between tries of a commit that failed, in ms: quick at first, and then so that a full disk is noticed free within seconds. */
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * Group commit: one batch is on its way to the disk while the next one fills. A batch that can't be written is tried again until it
 * can, for it holds what has happened; meanwhile nothing after it is let go.
 */
export interface Committer {
  /** The batch that fills. */
  readonly open: Batch;
  /** Nothing fills and nothing is on its way. */
  readonly isIdle: boolean;
  readonly stalled: FailureData | null;
  /** Sends the open batch on its way, unless one is already or it is empty. */
  flush(): void;
  /** From now on a commit that fails is not tried again: `onGivenUp` is called. */
  giveUpOnFailure(): void;
}

export interface CommitterOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: RuntimeLog;
  /** Called for each batch once it is durable, in order. */
  readonly onDurable: (batch: Batch) => void;
  readonly onGivenUp: (failure: unknown) => void;
}

export function createCommitter({ store, clock, log, onDurable, onGivenUp }: CommitterOptions): Committer {
  let open = newBatch();
  let flying: Batch | null = null;
  let stalled: FailureData | null = null;
  let givingUp = false;
  let retryMs = FIRST_RETRY_MS;
  let cancelRetry: (() => void) | null = null;
  let lastFailure: unknown;

  function commit(batch: Batch): void {
    cancelRetry = null;
    store.commit(writesOf(batch)).then(
      () => landed(batch),
      (caught) => failed(batch, caught),
    );
  }

  function landed(batch: Batch): void {
    if (stalled) log('info', 'the store takes writes again', {});
    stalled = null;
    retryMs = FIRST_RETRY_MS;
    flying = null;
    flush();
    onDurable(batch);
  }

  function failed(batch: Batch, caught: unknown): void {
    stalled = toFailure(caught);
    lastFailure = caught;
    if (givingUp) {
      onGivenUp(caught);
      return;
    }
    log('error', `the store takes no writes, nothing new is begun: ${stalled.message}`, {
      code: stalled.code,
      retryMs,
    });
    cancelRetry = clock.after(retryMs, () => commit(batch));
    retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
  }

  function flush(): void {
    if (flying || (open.records.size === 0 && open.whenDurable.length === 0)) return;
    flying = open;
    open = newBatch();
    commit(flying);
  }

  return {
    get open() {
      return open;
    },
    get isIdle() {
      return !flying && open.records.size === 0 && open.whenDurable.length === 0;
    },
    get stalled() {
      return stalled;
    },
    flush,
    giveUpOnFailure() {
      givingUp = true;
      if (!cancelRetry) return;
      cancelRetry();
      onGivenUp(lastFailure);
    },
  };
}
