import { setMaxListeners } from 'node:events';
import { Observable, type ObservableMiddleware } from '@kubernetes/client-node';
import { Failure } from '../failure.ts';
import { sleep } from '../runtime/clock.ts';
import type { Apis } from './apis.ts';
import type { Connection } from './connection.ts';
import { isConflict, isNotFound, Refusal } from './failures.ts';
import { listAll } from './list.ts';
import { inParallel } from './parallel.ts';
import { isBeingDeleted, type PodObject, podName, podsOn, selectForDrain } from './pods.ts';
import type { DrainProgress } from './port.ts';
import { backoff, type RetryContext } from './retry.ts';

/** Evictions at once for one node. A client held to five a second took 39 minutes for 750 nodes (safety 30). */
const EVICTIONS_AT_ONCE = 16;

/** What is remembered of one pod between two looks. */
interface Eviction {
  readonly state: 'accepted' | 'blocked' | 'failed';
  /** When it may be asked for again. */
  readonly retryAt: number;
  readonly failures: number;
}

export interface DrainOptions {
  readonly deadlineMs: number;
  readonly unreachable: boolean;
  readonly signal: AbortSignal;
}

/** Why the drain's own signal was aborted: its time is up. */
const DEADLINE = new Failure({
  kind: 'retryable',
  code: 'DrainDeadline',
  message: 'The drain has used up its time',
});

/**
 * See `Kubernetes.drain`. Ends at the deadline whatever the API does, with what was reached till then; if not even one look at the pods
 * was had, it throws why. Aborted, it throws the signal's reason: a drain that was called off is never a success (safety 17).
 */
export async function drain(
  connection: Connection,
  apis: Apis,
  context: RetryContext,
  node: string,
  { deadlineMs, unreachable, signal }: DrainOptions,
): Promise<DrainProgress> {
  const { clock, limits } = context;
  signal.throwIfAborted();
  const over = new AbortController();
  setMaxListeners(0, over.signal);
  const callOff = () => over.abort(signal.reason);
  signal.addEventListener('abort', callOff, { once: true });
  const disarm = clock.after(deadlineMs, () => over.abort(DEADLINE));

  const seen = new Set<string>();
  const evictions = new Map<string, Eviction>();
  let left: readonly PodObject[] | null = null;
  let failure: unknown = null;

  const progress = (now: readonly PodObject[]): DrainProgress => ({
    total: seen.size,
    evicted: [...evictions.values()].filter(({ state }) => state === 'accepted').length,
    blocked: now
      .filter((pod) => !isBeingDeleted(pod) && evictions.get(pod.metadata.uid)?.state === 'blocked')
      .map(podName),
    left: now.length,
  });

  try {
    while (true) {
      try {
        const { items } = await listAll(connection, podsOn(node), context, over.signal);
        const selected = selectForDrain(items, unreachable);
        for (const pod of selected.wanted) seen.add(pod.metadata.uid);
        left = selected.left;
        if (left.length === 0) return progress(left);
        const due = left.filter((pod) => isDue(pod, evictions.get(pod.metadata.uid), clock.now()));
        await inParallel(due, EVICTIONS_AT_ONCE, async (pod) => {
          const before = evictions.get(pod.metadata.uid);
          evictions.set(
            pod.metadata.uid,
            await evict(apis, context, pod, before?.failures ?? 0, over.signal),
          );
        });
      } catch (caught) {
        // While there is time, an API that does not answer is waited for. A permission that is missing does not come by waiting.
        if (over.signal.aborted || !(caught instanceof Failure) || caught.kind === 'rejected') throw caught;
        failure = caught;
      }
      await sleep(clock, limits.drainPollMs, over.signal);
    }
  } catch (caught) {
    if (caught !== DEADLINE) throw caught;
    if (left === null) throw failure ?? DEADLINE;
    return progress(left);
  } finally {
    disarm();
    signal.removeEventListener('abort', callOff);
  }
}

function isDue(pod: PodObject, eviction: Eviction | undefined, now: number): boolean {
  if (isBeingDeleted(pod)) return false;
  return eviction === undefined || now >= eviction.retryAt;
}

/** Asks for one eviction, once. Throws only what waiting can't help. */
async function evict(
  apis: Apis,
  context: RetryContext,
  pod: PodObject,
  failuresBefore: number,
  signal: AbortSignal,
): Promise<Eviction> {
  const { name, namespace, uid } = pod.metadata;
  const now = () => context.clock.now();
  const failures = failuresBefore + 1;
  try {
    // With the uid, a pod of the same name that has been made anew elsewhere is not the one that is evicted.
    const body = { metadata: { name, namespace }, deleteOptions: { preconditions: { uid } } };
    await apis.core.createNamespacedPodEviction({ name, namespace, body }, abortedBy(signal));
    // Should the deletion not show at the next look, it is asked for again: an accepted eviction is not a promise.
    return { state: 'accepted', retryAt: now() + context.limits.evictionRetryMs, failures: 0 };
  } catch (caught) {
    if (!(caught instanceof Failure) || signal.aborted) throw caught;
    if (isNotFound(caught) || isConflict(caught)) {
      return { state: 'accepted', retryAt: now() + context.limits.evictionRetryMs, failures: 0 };
    }
    const causes = caught instanceof Refusal ? caught.causes : [];
    // A namespace that is being deleted takes no evictions; its pods go by themselves.
    if (caught.kind === 'rejected' && !causes.includes('NamespaceTerminating')) throw caught;
    const wait = Math.max(caught.retryAfterMs ?? context.limits.evictionRetryMs, backoff(failures, context));
    const isBudget = caught.kind === 'throttled' && !isFlowControl(caught);
    return { state: isBudget ? 'blocked' : 'failed', retryAt: now() + wait, failures };
  }
}

/** The API says 429 for a budget, with a cause, and also when it is flooded with calls, without one. */
function isFlowControl(caught: Failure): boolean {
  return !(caught instanceof Refusal && caught.causes.includes('DisruptionBudget'));
}

/** Options for a call of the library that end it with `signal`. */
function abortedBy(signal: AbortSignal) {
  const middleware: ObservableMiddleware = {
    pre(request) {
      request.setSignal(signal);
      return new Observable(Promise.resolve(request));
    },
    post: (response) => new Observable(Promise.resolve(response)),
  };
  return { middleware: [middleware], middlewareMergeStrategy: 'append' as const };
}
