import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ActionAnswer } from './actions/action.ts';
import { ApiError } from './api-error.ts';
import type { Params } from './params.ts';
import type { UsedToken } from './records.ts';
import { unverified } from './unverified.ts';

/** How many used tokens are remembered; the oldest go first. The real cloud keeps them for a day or so. */
const MOST_TOKENS = 5_000;

/** Parameters that differ between two tries of the same call. */
const ofTheTry = new Set([
  'AccessKeyId',
  'ClientToken',
  'Format',
  'SecurityToken',
  'Signature',
  'SignatureMethod',
  'SignatureNonce',
  'SignatureVersion',
  'Timestamp',
]);

const bodySchema = z.record(z.string(), z.json());

/** Idempotence by ClientToken: same token and parameters, same answer and no new effect. */
export interface ClientTokens {
  /**
   * Runs a call unless its token was used. A call that was refused leaves its token unused.
   * @throws ApiError IdempotentParameterMismatch, LastTokenProcessing, or what `run` throws
   */
  once(
    account: string,
    action: string,
    token: string,
    params: Params,
    run: () => Promise<ActionAnswer>,
  ): Promise<ActionAnswer>;
  used(): readonly UsedToken[];
}

export function createClientTokens(known: readonly UsedToken[]): ClientTokens {
  const used = new Map(known.map((entry) => [entry.key, entry]));
  const inFlight = new Map<string, string>();
  return {
    async once(account, action, token, params, run) {
      if (token.length > 64 || !/^[\x20-\x7e]+$/.test(token))
        throw new ApiError(unverified.malformedClientToken);
      const key = `${account}/${action}/${token}`;
      const fingerprint = fingerprintOf(params);
      const before = used.get(key);
      if ((before?.fingerprint ?? inFlight.get(key) ?? fingerprint) !== fingerprint)
        throw new ApiError(unverified.tokenMismatch);
      if (before !== undefined) return { body: before.body, effect: false };
      if (inFlight.has(key)) throw new ApiError(unverified.tokenInFlight);
      inFlight.set(key, fingerprint);
      try {
        const answer = await run();
        used.set(key, { key, fingerprint, body: bodySchema.parse(answer.body) });
        const oldest = used.keys().next();
        if (used.size > MOST_TOKENS && oldest.done !== true) used.delete(oldest.value);
        return answer;
      } finally {
        inFlight.delete(key);
      }
    },
    used: () => [...used.values()],
  };
}

function fingerprintOf(params: Params): string {
  const asked = [...params].filter(([name]) => !ofTheTry.has(name)).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(asked)).digest('hex');
}
