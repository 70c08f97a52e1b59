import type { Cloud } from '../../cloud/port.ts';
import { Failure } from '../../failure.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';

/** A call of the port that reaches the cloud. */
export type CloudCall = Exclude<keyof Cloud, 'region'>;

/** How one request goes wrong. `lost`: no answer comes at all; `error`: the cloud answers with a 5xx; `slow`: late, but in time. */
export interface Misfortune {
  readonly how: 'throttled' | 'error' | 'lost' | 'slow';
  /** The request has taken effect all the same, and only its answer is bad. Never true of `throttled`. */
  readonly afterEffect: boolean;
}

/** How a call may be asked again: as the adapter of the real cloud does it. */
export type Repeat = 'always' | 'withoutEffect';

/** How long a request takes, and one that is slow; how long no answer is waited for. In ms. */
const latencyMs = 100;
const slowMs = 3_000;
const timeoutMs = 10_000;
/** Tries of one call and the waits between them, in ms: some 30 s in all, as long as a passing state may take. */
const tries = 7;
const firstWaitMs = 500;
const longestWaitMs = 8_000;

interface CallOptions<T, Call> {
  readonly clock: Clock;
  readonly repeat: Repeat;
  /** It only reads: then it makes no difference when within its time it is served, and it is served at its end. */
  readonly reads?: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Asked right before each try, as the adapter does it. */
  readonly before?: (() => Promise<void>) | undefined;
  /** What is asked for. */
  readonly call: Call;
  /** Draws the next request's fate. Called once a request, when it is made. */
  readonly misfortune: (call: Call) => Misfortune | null;
  /** What the request does. It throws `Failure` where the cloud refuses. */
  readonly act: () => T;
}

/** A call that only reads, and that the cloud never refuses. There are so many of them that one that goes well takes a single promise. */
export function readCloud<T, Call>(
  options: Pick<CallOptions<T, Call>, 'clock' | 'call' | 'misfortune' | 'act'>,
): Promise<T> {
  const { clock, act } = options;
  const fate = options.misfortune(options.call);
  if (fate !== null) return insist({ ...options, repeat: 'always', reads: true }, fate);
  return new Promise((resolve) => {
    clock.after(latencyMs, () => resolve(act()));
  });
}

/** Makes the requests of a call, with the misfortunes that are drawn for them, and asks again where that is safe. */
export function callCloud<T, Call>(options: CallOptions<T, Call>): Promise<T> {
  return insist(options);
}

/** `first` is the fate of the first request, where it is drawn already. */
async function insist<T, Call>(options: CallOptions<T, Call>, first?: Misfortune | null): Promise<T> {
  const { clock, signal } = options;
  let drawn = first;
  for (let attempt = 1, waitMs = firstWaitMs; ; attempt++, waitMs = Math.min(longestWaitMs, waitMs * 2)) {
    signal?.throwIfAborted();
    if (options.before !== undefined) {
      await options.before();
      signal?.throwIfAborted();
    }
    try {
      const fate = drawn === undefined ? options.misfortune(options.call) : drawn;
      drawn = undefined;
      if (fate !== null || options.reads !== true) return await request(clock, fate, options.act);
      await sleep(clock, latencyMs);
      return options.act();
    } catch (caught) {
      if (!(caught instanceof Failure) || attempt === tries || !mayRepeat(caught, options.repeat))
        throw caught;
      await sleep(clock, waitMs, signal);
    }
  }
}

function mayRepeat(failure: Failure, repeat: Repeat): boolean {
  if (failure.kind === 'throttled' || failure.code === 'Busy') return true;
  return failure.kind === 'retryable' && repeat === 'always';
}

async function request<T>(clock: Clock, fate: Misfortune | null, act: () => T): Promise<T> {
  await sleep(clock, fate?.how === 'slow' ? slowMs : latencyMs / 2);
  if (fate === null || fate.how === 'slow') {
    const answer = act();
    await sleep(clock, latencyMs / 2);
    return answer;
  }
  if (fate.how === 'throttled') throw busy;
  if (fate.afterEffect) act();
  if (fate.how === 'error') throw failed;
  await sleep(clock, timeoutMs);
  throw unanswered;
}

// Made once: an error with its stack is dear, and these are frequent.
const busy = new Failure({
  kind: 'throttled',
  code: 'Busy',
  message: 'the simulated cloud is asked too often',
});
const failed = new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'the simulated cloud failed' });
const unanswered = new Failure({
  kind: 'retryable',
  code: 'NoAnswer',
  message: 'the simulated cloud did not answer',
});
