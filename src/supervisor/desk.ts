import type { Log } from '../log.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EffectContext } from '../runtime/types.ts';
import type { AdmissionRequest, AdmissionRule, Decision } from './admission.ts';

/** Why a node waits, for `wdrip explain`. */
export interface Waiting<Request = AdmissionRequest> {
  readonly request: Request;
  readonly rule: AdmissionRule;
  readonly why: string;
  /** When this rule began to hold it, in epoch ms. */
  readonly since: number;
}

/**
 * Where repairs wait for their permit. It asks the pure decision again whenever facts may have changed, oldest request first, one at a
 * time, so that two grants can never be given on the same free place.
 */
export interface AdmissionDesk<Request = AdmissionRequest> {
  request(request: Request, context: EffectContext): Promise<string>;
  /** Looks at every waiting request again, soon. Called whenever a fact has changed. */
  review(): void;
  waiting(slot: string): Waiting<Request> | null;
  /** Slots with a grant that their record may not show yet: they count as permits. */
  grantedSlots(): ReadonlySet<string>;
  /** The slot's record now shows what became of the grant. */
  settled(slot: string): void;
  stop(): void;
}

interface Pending<Request> {
  readonly request: Request;
  readonly attempt: string;
  readonly grant: (permit: string) => void;
  waiting: Waiting<Request> | null;
}

/** Time alone can change a decision (sight grows old enough, a list too old): while somebody waits for that, look this often, in ms. */
const reviewEveryMs = 1_000;
/** Who waits for news is looked at when there is some. This often in any case, in ms: whatever was missed, by whatever defect, is made up for. */
const missedEveryMs = 30_000;

export function createDesk<Request extends { readonly slot: string; readonly rung: string }>(options: {
  readonly clock: Clock;
  readonly log: Log;
  /** Begins a look. What it returns decides all requests of that look, so that what they share is gathered once. */
  decider(): (request: Request) => Decision;
  /** Rules that never end without a `review`. Default: none. */
  readonly endsByNews?: ReadonlySet<AdmissionRule>;
}): AdmissionDesk<Request> {
  const { clock, log, endsByNews } = options;
  const pending = new Map<string, Pending<Request>>();
  const granted = new Set<string>();
  let cancelReview: (() => void) | null = null;
  let reviewIsSoon = false;

  function schedule(ms: number, soon: boolean): void {
    if (reviewIsSoon) return;
    cancelReview?.();
    reviewIsSoon = soon;
    cancelReview = clock.after(ms, look);
  }

  function look(): void {
    cancelReview = null;
    reviewIsSoon = false;
    if (pending.size === 0) return;
    const decide = options.decider();
    let againMs = missedEveryMs;
    for (const [slot, entry] of pending) {
      const decision = decide(entry.request);
      if (decision.granted) {
        pending.delete(slot);
        granted.add(slot);
        log.info('repair admitted', { slot, rung: entry.request.rung });
        entry.grant(entry.attempt);
        continue;
      }
      if (endsByNews?.has(decision.rule) !== true) againMs = reviewEveryMs;
      if (decision.rule !== entry.waiting?.rule || decision.why !== entry.waiting.why) {
        const since = decision.rule === entry.waiting?.rule ? entry.waiting.since : clock.now();
        if (decision.rule !== entry.waiting?.rule)
          log.info('repair waits', {
            slot,
            rung: entry.request.rung,
            rule: decision.rule,
            why: decision.why,
          });
        entry.waiting = { request: entry.request, rule: decision.rule, why: decision.why, since };
      }
    }
    if (pending.size > 0) schedule(againMs, false);
  }

  return {
    request(request, context) {
      return new Promise((resolve, reject) => {
        if (context.signal.aborted) return reject(context.signal.reason);
        const entry: Pending<Request> = { request, attempt: context.attempt, grant: resolve, waiting: null };
        pending.set(request.slot, entry);
        context.signal.addEventListener(
          'abort',
          () => {
            if (pending.get(request.slot) === entry) pending.delete(request.slot);
            reject(context.signal.reason);
          },
          { once: true },
        );
        schedule(0, true);
      });
    },
    review: () => {
      if (pending.size > 0) schedule(0, true);
    },
    waiting: (slot) => pending.get(slot)?.waiting ?? null,
    grantedSlots: () => granted,
    settled: (slot) => {
      granted.delete(slot);
    },
    stop() {
      cancelReview?.();
      cancelReview = null;
    },
  };
}
