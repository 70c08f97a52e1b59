import type { Clock } from '../../runtime/clock.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Of temporary credentials. */
  readonly securityToken?: string | undefined;
}

/** Gives the credentials that hold now. Asked before every request, so it must be quick: see `refreshed`. */
export type CredentialsSource = () => Promise<Credentials>;

/** Credentials that end. */
export interface TemporaryCredentials extends Credentials {
  /** Epoch ms. */
  readonly expiresAt: number;
}

/** New ones are fetched this long before the old ones end, in ms: a role's new credentials appear half an hour before. */
const RENEW_BEFORE_MS = 15 * 60_000;
/** After a failure the old ones are used on, and new ones asked for again after this long, in ms. */
const AGAIN_MS = 10_000;

/**
 * Temporary credentials, fetched when they are needed and again before they end. All who wait share one fetch. A failure of it gets out
 * only when the old ones have ended.
 */
export function refreshed(fetch: () => Promise<TemporaryCredentials>, clock: Clock): CredentialsSource {
  let current: TemporaryCredentials | undefined;
  let fetching: Promise<TemporaryCredentials> | undefined;
  let notBefore = Number.NEGATIVE_INFINITY;
  return async () => {
    const now = clock.now();
    const holds = current !== undefined && now < current.expiresAt;
    const fresh = current !== undefined && now < current.expiresAt - RENEW_BEFORE_MS;
    if (current !== undefined && (fresh || (holds && now < notBefore))) return current;
    fetching ??= fetch().finally(() => {
      fetching = undefined;
    });
    try {
      current = await fetching;
    } catch (caught) {
      notBefore = clock.now() + AGAIN_MS;
      if (current === undefined || clock.now() >= current.expiresAt) throw caught;
    }
    return current;
  };
}
