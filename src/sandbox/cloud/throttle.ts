import type { Clock } from '../../runtime/clock.ts';
import { ApiError } from './api-error.ts';

/**
 * So many calls of an action in a window. Windows follow each other: what was refused in one works in the next (official documentation).
 */
export interface Quota {
  readonly calls: number;
  readonly windowMs: number;
}

/** What an account may call. The real figures are in the Quota Center only, so there are none by default. */
export interface Quotas {
  /** Of each action that has none of its own, but not of object storage. */
  readonly everyAction?: Quota;
  /** Object storage's are `oss:PutObject` and so on; `oss:*` is each of them that has none of its own. */
  readonly byAction?: Readonly<Record<string, Quota>>;
}

/** Refuses with `Throttling.User` what is over the quota, per account and action. */
export interface Throttle {
  /** Counts a call. @throws ApiError Throttling.User */
  admit(account: string, action: string): void;
  setQuotas(quotas: Quotas): void;
}

export function createThrottle(clock: Clock, initial: Quotas): Throttle {
  let quotas = initial;
  const counts = new Map<string, { readonly window: number; readonly calls: number }>();
  return {
    admit(account, action) {
      const otherwise = action.startsWith('oss:') ? quotas.byAction?.['oss:*'] : quotas.everyAction;
      const quota = quotas.byAction?.[action] ?? otherwise;
      if (quota === undefined) return;
      const window = Math.floor(clock.now() / quota.windowMs);
      const key = `${account}/${action}`;
      const before = counts.get(key);
      const calls = before?.window === window ? before.calls + 1 : 1;
      counts.set(key, { window, calls });
      if (calls <= quota.calls) return;
      throw new ApiError(
        {
          status: 400,
          code: 'Throttling.User',
          message: 'Request was denied due to user flow control.',
        },
        { retryAfterMs: (window + 1) * quota.windowMs - clock.now() },
      );
    },
    setQuotas(next) {
      quotas = next;
      counts.clear();
    },
  };
}
