import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ObjectStore } from './objects/port.ts';
import { type RegionProblem, regionProblem } from './regions.ts';

export interface EachRegionOptions {
  readonly stores: readonly ObjectStore[];
  /** What is done, for messages. */
  readonly about: string;
  readonly clock: Clock;
  /** How much longer than the first one that succeeds another may take, in ms. */
  readonly graceMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** What came of it: in which regions it was done, and why not in the others. */
export interface RegionResults<T> {
  readonly done: readonly { readonly store: ObjectStore; readonly value: T }[];
  readonly problems: readonly RegionProblem[];
}

type Outcome<T> =
  | { readonly ok: true; readonly store: ObjectStore; readonly value: T }
  | { readonly ok: false; readonly store: ObjectStore; readonly caught: unknown };

/**
 * Does something in all regions at the same time. One that fails is a problem and no failure; once one has succeeded the others have only
 * so much time left, so that a dead region can't hold up the rest. Rejects only with the signal's reason.
 */
export async function inEachRegion<T>(
  options: EachRegionOptions,
  work: (store: ObjectStore, signal: AbortSignal, index: number) => Promise<T>,
): Promise<RegionResults<T>> {
  const { stores, about, clock, graceMs, signal } = options;
  signal?.throwIfAborted();
  const late = new AbortController();
  const follow = () => late.abort(signal?.reason);
  signal?.addEventListener('abort', follow, { once: true });
  const aborted = new Promise<never>((_, reject) => {
    late.signal.addEventListener('abort', () => reject(late.signal.reason), { once: true });
  });
  aborted.catch(() => undefined);
  let cancel: (() => void) | undefined;
  const startGrace = () => {
    cancel ??= clock.after(graceMs, () =>
      late.abort(
        new Failure({
          kind: 'retryable',
          code: 'RegionTooSlow',
          message: `it was not done ${graceMs / 1000} s after another region`,
        }),
      ),
    );
  };
  try {
    const results = await Promise.all(
      stores.map(async (store, index): Promise<Outcome<T>> => {
        try {
          // Raced, since a call that does not heed its signal must not hold up the others.
          const value = await Promise.race([work(store, late.signal, index), aborted]);
          startGrace();
          return { ok: true, store, value };
        } catch (caught) {
          return { ok: false, store, caught };
        }
      }),
    );
    signal?.throwIfAborted();
    return {
      done: results.flatMap((each) => (each.ok ? [{ store: each.store, value: each.value }] : [])),
      problems: results.flatMap((each) =>
        each.ok ? [] : [regionProblem(each.store.region, about, each.caught)],
      ),
    };
  } finally {
    cancel?.();
    signal?.removeEventListener('abort', follow);
  }
}
