import { z } from 'zod';
import { Failure } from '../failure.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FaultSpec } from './cloud/faults.ts';
import type { LockReason } from './cloud/records.ts';
import type { EventType } from './cloud/system-events.ts';

/** The control interface answers from memory: what takes longer does not answer at all. */
const CALL_LIMIT_MS = 10_000;

const instanceSchema = z.object({
  id: z.string(),
  ip: z.string(),
  zone: z.string(),
  status: z.string(),
  tags: z.record(z.string(), z.string()),
  locks: z.array(z.string()),
  /** Its system runs: what the cloud calls Running can be dead. */
  booted: z.boolean(),
  bootCount: z.number(),
  diskId: z.string(),
});
/** An instance as the sandbox itself knows it: more than the cloud's API tells. */
export type SandboxInstance = Readonly<z.infer<typeof instanceSchema>>;

const balancerSchema = z.looseObject({ id: z.string(), name: z.string(), address: z.string() });
/** A load balancer of the sandbox's cloud. */
export type SandboxBalancer = Readonly<z.infer<typeof balancerSchema>>;

const callSchema = z.object({
  at: z.number(),
  action: z.string(),
  parameters: z.record(z.string(), z.string()),
  code: z.string(),
  status: z.number(),
  effect: z.boolean(),
  requestId: z.string(),
});
/** A call of the cloud's API as it was counted. Times are epoch ms. */
export type SandboxCall = Readonly<z.infer<typeof callSchema>>;

const changeSchema = z.object({
  at: z.number(),
  instanceId: z.string(),
  from: z.string().nullable(),
  to: z.string(),
  why: z.string(),
});
/** A change of an instance's state. */
export type SandboxChange = Readonly<z.infer<typeof changeSchema>>;

const faultSchema = z.looseObject({ id: z.string(), action: z.string(), hits: z.number() });
/** A fault that is set, and how many calls it has hit. */
export type SandboxFault = Readonly<z.infer<typeof faultSchema>>;

/** The hand of the command line and of tests on a sandbox's cloud, over HTTP. All methods throw `Failure`. */
export interface AdminClient {
  instances(): Promise<readonly SandboxInstance[]>;
  balancers(): Promise<readonly SandboxBalancer[]>;
  /** API calls since `since` (epoch ms), oldest first. */
  calls(since?: number): Promise<readonly SandboxCall[]>;
  clearCalls(): Promise<void>;
  history(since?: number): Promise<readonly SandboxChange[]>;
  faults(): Promise<readonly SandboxFault[]>;
  addFault(fault: FaultSpec): Promise<SandboxFault>;
  removeFault(id: string): Promise<void>;
  clearFaults(): Promise<void>;
  /** Breaks an instance, or mends it: see `SandboxCloud.breakInstance` and `lock`. */
  setCondition(
    id: string,
    condition: {
      readonly unbootable?: boolean;
      readonly hung?: boolean;
      readonly now?: boolean;
      readonly locks?: readonly LockReason[];
    },
  ): Promise<void>;
  setStock(zone: string, instanceType: string, stock: 'now' | 'late' | null): Promise<void>;
  /** Makes a bucket, in the cloud's own region by default. */
  putBucket(name: string, region?: string): Promise<void>;
  /** Turns over one bit of a stored object, and of nothing that the cloud tells of it. */
  damageObject(object: { readonly bucket: string; readonly key: string; readonly at: number }): Promise<void>;
  /** A system event that executes at once. */
  executeEvent(event: {
    readonly instanceId: string;
    readonly type: EventType;
    readonly forMs?: number;
    readonly really?: boolean;
  }): Promise<void>;
}

/** Speaks to the control interface at `endpoint` (`host:port`). */
export function adminClient(endpoint: string, adminToken: string, clock: Clock): AdminClient {
  const ask = async <T>(schema: z.ZodType<T>, method: string, path: string, body?: unknown): Promise<T> => {
    const what = `${method} http://${endpoint}/_sandbox/${path}`;
    const late = new AbortController();
    const answered = clock.after(CALL_LIMIT_MS, () => late.abort());
    const noAnswer = (cause: unknown): never => {
      const message = `${what} got no answer: is the sandbox up? See \`wdrip sandbox status\``;
      throw new Failure({ kind: 'retryable', code: 'SandboxUnreachable', message }, { cause });
    };
    const response = await fetch(`http://${endpoint}/_sandbox/${path}`, {
      method,
      headers: { authorization: `Bearer ${adminToken}` },
      signal: late.signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
      .then(async (got) => ({ ok: got.ok, status: got.status, text: await got.text() }))
      .catch(noAnswer)
      .finally(answered);
    if (response.ok) return schema.parse(JSON.parse(response.text));
    throw new Failure({
      kind: response.status === 404 ? 'notFound' : 'rejected',
      code: 'SandboxRefused',
      message: `${what} was answered with ${response.status}: ${errorOf(response.text)}`,
    });
  };
  const done = z.looseObject({});
  return {
    instances: () => ask(z.array(instanceSchema), 'GET', 'instances'),
    balancers: () => ask(z.array(balancerSchema), 'GET', 'balancers'),
    calls: (since = 0) => ask(z.array(callSchema), 'GET', `calls?since=${since}`),
    clearCalls: async () => void (await ask(done, 'DELETE', 'calls')),
    history: (since = 0) => ask(z.array(changeSchema), 'GET', `history?since=${since}`),
    faults: () => ask(z.array(faultSchema), 'GET', 'faults'),
    addFault: (fault) => ask(faultSchema, 'POST', 'faults', fault),
    removeFault: async (id) => void (await ask(done, 'DELETE', `faults/${encodeURIComponent(id)}`)),
    clearFaults: async () => void (await ask(done, 'DELETE', 'faults')),
    setCondition: async (id, condition) =>
      void (await ask(done, 'POST', `instances/${encodeURIComponent(id)}/condition`, condition)),
    setStock: async (zone, instanceType, stock) =>
      void (await ask(done, 'POST', 'stock', { zone, instanceType, stock })),
    putBucket: async (name, region) => void (await ask(done, 'POST', 'buckets', { name, region })),
    damageObject: async (object) => void (await ask(done, 'POST', 'damage', object)),
    executeEvent: async (event) => void (await ask(done, 'POST', 'events', event)),
  };
}

function errorOf(text: string): string {
  try {
    const parsed = z.object({ error: z.string() }).safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.error : text;
  } catch {
    return text;
  }
}
