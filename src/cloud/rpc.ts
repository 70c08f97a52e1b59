import { z } from 'zod';
import type { Failure } from '../failure.ts';
import { badAnswer, failureOf, scrubber } from './errors.ts';
import { defaultRetryPolicy, type Repeatable, withRetry } from './retry.ts';
import { type AlibabaOptions, CALL_TIMEOUT_MS, issuesOf } from './sdk.ts';

/**
 * Calls of products whose SDK can't be had from the registry: the official core signs and sends them, and we say what goes in and what
 * comes out. RPC style, everything in the query (reference: the official SDK's own clients, whose methods do just this).
 */

/** A product's API. */
export interface Product {
  readonly version: string;
  /** Of a region, unless the options name another. */
  endpoint(region: string): string;
}

/** One action of it. */
export interface RpcCall<T> {
  readonly action: string;
  readonly repeatable: Repeatable;
  /** In the API's own spelling. Lists and objects are flattened: `Tag.1.Key`. What is undefined is left out. */
  readonly query: Readonly<Record<string, unknown>>;
  /** What the answer's body must be, in the API's own spelling. */
  readonly answer: z.ZodType<T>;
  /** Reads a failure anew where this action means something else by it. */
  readonly reread?: (failure: Failure) => Failure;
}

/** Makes a call as the retry policy says. Rejects with `Failure`, or with the signal's reason once it is aborted. */
export type RpcCaller = <T>(call: RpcCall<T>, signal?: AbortSignal) => Promise<T>;

const answered = z.looseObject({ body: z.unknown() });

/** The core behind one door. It is loaded with the first call. */
export function createRpcCaller(options: AlibabaOptions, product: Product): RpcCaller {
  const scrub = scrubber([options.credentials.accessKeySecret, options.credentials.securityToken]);
  let loaded: ReturnType<typeof load> | undefined;
  return (call, signal) => {
    const once = async () => {
      loaded ??= load(options, product);
      const send = await loaded;
      const response = await send(call.action, call.query).catch((caught: unknown) => {
        const failure = failureOf(caught, call.action, scrub);
        throw call.reread?.(failure) ?? failure;
      });
      const parsed = call.answer.safeParse(answered.parse(response).body);
      if (parsed.success) return parsed.data;
      throw badAnswer(call.action, issuesOf(parsed.error));
    };
    return withRetry(once, {
      action: call.action,
      repeatable: call.repeatable,
      policy: options.retry ?? defaultRetryPolicy,
      clock: options.clock,
      random: options.random,
      log: options.log,
      signal,
    });
  };
}

async function load(options: AlibabaOptions, product: Product) {
  const { openapi, dara } = await import('./openapi-module.ts');
  const { accessKeyId, accessKeySecret, securityToken } = options.credentials;
  const timeout = options.timeoutMs ?? CALL_TIMEOUT_MS;
  const protocol = options.protocol ?? 'https';
  const client = new openapi.default(
    new openapi.$OpenApiUtil.Config({
      accessKeyId,
      accessKeySecret,
      ...(securityToken === undefined ? {} : { securityToken }),
      regionId: options.region,
      protocol,
      endpoint: options.endpoint ?? product.endpoint(options.region),
      readTimeout: timeout,
      connectTimeout: timeout,
    }),
  );
  return (action: string, query: Readonly<Record<string, unknown>>) =>
    client.callApi(
      new openapi.$OpenApiUtil.Params({
        action,
        version: product.version,
        protocol: protocol.toUpperCase(),
        pathname: '/',
        method: 'POST',
        authType: 'AK',
        style: 'RPC',
        reqBodyType: 'formData',
        bodyType: 'json',
      }),
      new openapi.$OpenApiUtil.OpenApiRequest({ query: openapi.OpenApiUtil.query({ ...query }) }),
      new dara.RuntimeOptions({}),
    );
}
