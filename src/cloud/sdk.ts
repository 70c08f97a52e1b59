import { z } from 'zod';
import type { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { ecs as ecsModule } from './ecs-module.ts';
import { badAnswer, failureOf, scrubber } from './errors.ts';
import type { Asking } from './port.ts';
import { defaultRetryPolicy, type Repeatable, type RetryNote, type RetryPolicy, withRetry } from './retry.ts';

/**
 * How long one call may take, in ms. Also the SDK's connect time-out, which is really one of an idle connection and would cut a slow
 * answer short if it were less. A create takes seconds; the SDK's own default of 3 s would leave its outcome open.
 */
export const CALL_TIMEOUT_MS = 20_000;

/** What the adapter is made with. */
export interface AlibabaOptions {
  readonly region: string;
  /** `host` or `host:port` without a scheme; by default the region's own. */
  readonly endpoint?: string | undefined;
  /** By default https. */
  readonly protocol?: 'http' | 'https' | undefined;
  /** Explicit, since the SDK's default chain never recovers from one total failure. */
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of every retry before its wait. */
  readonly log?: ((note: RetryNote) => void) | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** The most that one call may take, in ms; see CALL_TIMEOUT_MS. */
  readonly timeoutMs?: number | undefined;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Of temporary credentials. */
  readonly securityToken?: string | undefined;
}

/** The SDK's module: its request classes, and the client as `default`. */
export type Ecs = typeof ecsModule;
export type EcsClient = InstanceType<Ecs['default']>;

/** One action of the API. */
export interface Call<T> {
  /** The API's own name of it. */
  readonly action: string;
  readonly repeatable: Repeatable;
  send(client: EcsClient, ecs: Ecs): Promise<{ readonly body?: unknown }>;
  /** What the answer's body must be. */
  readonly answer: z.ZodType<T>;
  /** Reads a failure anew where this action means something else by it. */
  readonly reread?: (failure: Failure) => Failure;
}

/** Makes a call as the retry policy says. Rejects with `Failure`, with the signal's reason once it is aborted, or as `before` does. */
export type Caller = <T>(call: Call<T>, asking?: Asking) => Promise<T>;

/** For actions whose answer says nothing but that they were taken. */
export const taken: z.ZodType<unknown> = z.looseObject({});

/** Fills one of the SDK's request classes, whose constructors would take any misspelt field in silence. */
export function fill<T extends object>(
  Type: new (map?: Record<string, unknown>) => T,
  fields: Partial<T>,
): T {
  return new Type({ ...fields });
}

/** The SDK behind one door. It is loaded with the first call, since that takes a second and 100 MB. */
export function createCaller(options: AlibabaOptions): Caller {
  const { accessKeySecret, securityToken } = options.credentials;
  const scrub = scrubber([accessKeySecret, securityToken]);
  let loaded: Promise<{ ecs: Ecs; client: EcsClient }> | undefined;

  return (call, asking) => {
    const once = async () => {
      loaded ??= load(options);
      const { ecs, client } = await loaded;
      const response = await call.send(client, ecs).catch((caught: unknown) => {
        const failure = failureOf(caught, call.action, scrub);
        throw call.reread?.(failure) ?? failure;
      });
      const parsed = call.answer.safeParse(response.body);
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
      signal: asking?.signal,
      before: asking?.before,
    });
  };
}

/** How many of an answer's faults a message names: the first says most. */
const ISSUES_SHOWN = 3;

/** What is wrong with an answer, without its values. */
export function issuesOf(error: z.ZodError): string {
  return error.issues.map(issueText).slice(0, ISSUES_SHOWN).join('; ');
}

/** Where and what, without the value. */
function issueText(issue: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  return `${issue.path.map(String).join('.')}: ${issue.message}`;
}

async function load(options: AlibabaOptions): Promise<{ ecs: Ecs; client: EcsClient }> {
  const { ecs, openapi } = await import('./ecs-module.ts');
  const timeout = options.timeoutMs ?? CALL_TIMEOUT_MS;
  const { accessKeyId, accessKeySecret, securityToken } = options.credentials;
  // Without `retryOptions` the SDK makes each call once: the retries are ours.
  const config = new openapi.$OpenApiUtil.Config({
    accessKeyId,
    accessKeySecret,
    ...(securityToken === undefined ? {} : { securityToken }),
    regionId: options.region,
    protocol: options.protocol ?? 'https',
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    readTimeout: timeout,
    connectTimeout: timeout,
  });
  return { ecs, client: new ecs.default(config) };
}
