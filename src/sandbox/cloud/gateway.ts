import type { Json } from '../../runtime/record.ts';
import type { ActionAnswer } from './actions/action.ts';
import { type Product, products } from './actions/table.ts';
import { ApiError } from './api-error.ts';
import type { Authentication, SignedCall, WireRequest } from './authentication.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { Fault, Faults } from './faults.ts';
import { mayCall } from './identity.ts';
import { toldParameters } from './journal.ts';
import type { Lifecycle } from './lifecycle.ts';
import { namedInstances, optional } from './params.ts';
import type { Throttle } from './throttle.ts';
import { unverified } from './unverified.ts';
import type { World } from './world.ts';

/** What the caller gets. */
export type Outcome =
  | {
      readonly kind: 'json';
      readonly status: number;
      readonly body: { readonly [key: string]: Json };
      readonly headers: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'html'; readonly status: 502 }
  | { readonly kind: 'reset' }
  | { readonly kind: 'noAnswer' };

/** The way of one call: signature, permission, quota, faults, ClientToken, the action itself, and the journal. */
export interface Gateway {
  handle(request: WireRequest): Promise<Outcome>;
  /** The same from inside the process, without a signature. @throws ApiError */
  call(action: string, params: Readonly<Record<string, string>>): Promise<ActionAnswer['body']>;
}

export interface GatewayParts {
  readonly world: World;
  readonly lifecycle: Lifecycle;
  readonly authentication: Authentication;
  readonly faults: Faults;
  readonly throttle: Throttle;
  readonly clientTokens: ClientTokens;
  /** Resolves when everything so far is on disk: no change is answered before. */
  readonly saved: () => Promise<void>;
}

export function createGateway(parts: GatewayParts): Gateway {
  const { world, faults } = parts;

  const perform = async (call: Pick<SignedCall, 'action' | 'version' | 'params'>) => {
    const { action, params } = call;
    const entry = productOf(call.version).actions.get(action);
    if (entry === undefined) throw new ApiError(unverified.unknownAction);
    const region = optional(params, 'RegionId');
    if (region !== null && region !== world.region) throw new ApiError(unverified.unknownRegion);
    const run = async () => entry.run({ world, lifecycle: parts.lifecycle, params });
    const token = entry.idempotent ? optional(params, 'ClientToken') : null;
    if (token === null) return run();
    return parts.clientTokens.once(world.accountId, action, token, params, run);
  };

  const answered = async (request: WireRequest, requestId: string) => {
    let effect = false;
    const tell = (outcome: Outcome, code: string) => ({ outcome, code, effect });
    try {
      const call = parts.authentication.check(request);
      if (!mayCall(call.principal, `${productOf(call.version).name}:${call.action}`)) throw forbidden();
      parts.throttle.admit(world.accountId, call.action);
      const fault = faults.take(call.action, namedInstances(call.params));
      const delayMs = fault?.answer.kind === 'delay' ? fault.answer.ms : 0;
      if (delayMs > 0 && fault?.afterEffect === false) await world.waitExactly(delayMs);
      if (fault !== null && fault.answer.kind !== 'delay' && !fault.afterEffect)
        return tell(...faulty(fault, requestId));
      const answer = await perform(call).catch((caught: unknown) => {
        if (fault === null || fault.answer.kind === 'delay') throw caught;
        return null;
      });
      effect = answer?.effect ?? false;
      if (effect) await parts.saved();
      if (delayMs > 0 && fault?.afterEffect === true) await world.waitExactly(delayMs);
      if (answer === null || (fault !== null && fault.answer.kind !== 'delay'))
        return tell(...faulty(fault, requestId));
      const body = { ...answer.body, RequestId: requestId };
      return tell({ kind: 'json', status: 200, body, headers: {} }, 'OK');
    } catch (caught) {
      const error = caught instanceof ApiError ? caught : internalError();
      return tell(refusal(error, requestId), error.code);
    }
  };

  return {
    async handle(request) {
      const requestId = requestIdOf(world.random.hex(16));
      const { outcome, code, effect } = await answered(request, requestId);
      const { action, params } = parts.authentication.named(request);
      world.journal.call({
        at: world.clock.now(),
        action,
        parameters: toldParameters(params),
        code,
        status: 'status' in outcome ? outcome.status : 0,
        effect,
        requestId,
      });
      return outcome;
    },
    async call(action, params) {
      const product = products.find(({ actions }) => actions.has(action));
      const answer = await perform({
        action,
        version: product?.version ?? '',
        params: new Map(Object.entries({ RegionId: world.region, ...params })),
      });
      if (answer.effect) await parts.saved();
      return answer.body;
    },
  };
}

/** The version of its API says which product a call is for. @throws ApiError InvalidVersion */
function productOf(version: string): Product {
  const product = products.find((each) => each.version === version);
  if (product === undefined) throw new ApiError(unverified.unknownVersion);
  return product;
}

function faulty(fault: Fault | null, requestId: string): [Outcome, string] {
  switch (fault?.answer.kind) {
    case 'error':
      return [refusal(new ApiError(fault.answer), requestId), fault.answer.code];
    case 'html':
      return [{ kind: 'html', status: 502 }, 'BadGateway'];
    case 'reset':
      return [{ kind: 'reset' }, 'Reset'];
    case 'noAnswer':
      return [{ kind: 'noAnswer' }, 'NoAnswer'];
    case 'delay':
    // These two are of object storage.
    case 'cut':
    case 'slow':
    case undefined:
      return [refusal(internalError(), requestId), 'InternalError'];
  }
}

function refusal(error: ApiError, requestId: string): Outcome {
  const body = {
    RequestId: requestId,
    HostId: 'ecs.aliyuncs.com',
    Code: error.code,
    Message: error.message,
    Recommend: `https://api.aliyun.com/troubleshoot?q=${error.code}&product=Ecs&requestId=${requestId}`,
  };
  const headers: Record<string, string> =
    error.retryAfterMs === undefined ? {} : { 'x-acs-retry-after': String(error.retryAfterMs) };
  return { kind: 'json', status: error.status, body, headers };
}

function forbidden(): ApiError {
  return new ApiError({
    status: 403,
    code: 'Forbidden.RAM',
    message: 'User not authorized to operate on the specified resource, or this API does not support RAM.',
  });
}

function internalError(): ApiError {
  return new ApiError({
    status: 500,
    code: 'InternalError',
    message: 'The request processing has failed due to some unknown error, exception or failure.',
  });
}

/** `4A2C1F0E-…`, as Alibaba Cloud writes them. */
function requestIdOf(hex: string): string {
  const text = hex.toUpperCase();
  return [
    text.slice(0, 8),
    text.slice(8, 12),
    text.slice(12, 16),
    text.slice(16, 20),
    text.slice(20, 32),
  ].join('-');
}
