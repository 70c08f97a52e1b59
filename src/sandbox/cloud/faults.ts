import { z } from 'zod';

/** What a faulty call is answered with. */
const faultAnswerSchema = z.discriminatedUnion('kind', [
  /** A refusal in the API's form, with any code. */
  z.object({
    kind: z.literal('error'),
    status: z.number().int().min(400).max(599),
    code: z.string(),
    message: z.string().default('Injected by the sandbox.'),
  }),
  /** The connection is reset. */
  z.object({ kind: z.literal('reset') }),
  /** Nothing ever comes: the caller's time-out has to end it. */
  z.object({ kind: z.literal('noAnswer') }),
  /** 502 with an HTML page, as from a proxy. */
  z.object({ kind: z.literal('html') }),
  /** Object storage only: the connection breaks after so many bytes of the request's body, or of the answer's if the request has none. */
  z.object({ kind: z.literal('cut'), afterBytes: z.number().int().min(0) }),
  /** Object storage only: the request's body is read, or the answer's sent, at this pace. */
  z.object({ kind: z.literal('slow'), bytesPerSecond: z.number().int().min(1) }),
  /** The right answer, so many ms later; with `afterEffect` the wait comes after the effect, else before it. */
  z.object({ kind: z.literal('delay'), ms: z.number().int().min(0).max(600_000) }),
]);
export type FaultAnswer = z.infer<typeof faultAnswerSchema>;

/** A fault to inject, as tests give it. */
export const faultSchema = z
  .object({
    /** An action's name, or `*` for every one; of object storage it is `oss:PutObject` and so on, or `oss:*`. */
    action: z.string().min(1),
    /** Only calls that name this instance. */
    instanceId: z.string().optional(),
    /** Of object storage: only requests at this region's endpoint. With `oss:*` and `reset`, the region is gone. */
    region: z.string().optional(),
    /** Of object storage: only objects whose names begin so. */
    keyPrefix: z.string().optional(),
    /** How many calls it hits; for ever if absent. */
    count: z.number().int().min(1).optional(),
    /** True: the call takes effect, and only its answer is lost. */
    afterEffect: z.boolean().default(false),
    answer: faultAnswerSchema,
  })
  .readonly();
export type FaultSpec = z.input<typeof faultSchema>;
export type Fault = z.output<typeof faultSchema> & { readonly id: string; readonly hits: number };

/** The most faults at the same time: a test needs a handful. */
const MOST_FAULTS = 1_000;

/** Where a call of object storage goes. */
export interface FaultPlace {
  readonly region: string;
  readonly key: string;
}

/** The faults that are set. */
export interface Faults {
  /** @throws ZodError if it is not a fault */
  add(spec: FaultSpec): Fault;
  remove(id: string): boolean;
  clear(): void;
  all(): readonly Fault[];
  /** The first fault that hits this call; it is counted, and gone when used up. */
  take(action: string, instanceIds: readonly string[], place?: FaultPlace): Fault | null;
}

export function createFaults(): Faults {
  const faults = new Map<string, Fault>();
  let given = 0;
  return {
    add(spec) {
      if (faults.size >= MOST_FAULTS)
        throw new Error(`There are ${MOST_FAULTS} faults already: remove some.`);
      given += 1;
      const fault = { ...faultSchema.parse(spec), id: `fault-${given}`, hits: 0 };
      faults.set(fault.id, fault);
      return fault;
    },
    remove: (id) => faults.delete(id),
    clear: () => faults.clear(),
    all: () => [...faults.values()],
    take(action, instanceIds, place) {
      for (const fault of faults.values()) {
        if (!concerns(fault.action, action)) continue;
        if (fault.instanceId !== undefined && !instanceIds.includes(fault.instanceId)) continue;
        if (fault.region !== undefined && fault.region !== place?.region) continue;
        if (fault.keyPrefix !== undefined && place?.key.startsWith(fault.keyPrefix) !== true) continue;
        const hits = fault.hits + 1;
        if (fault.count !== undefined && hits >= fault.count) faults.delete(fault.id);
        else faults.set(fault.id, { ...fault, hits });
        return fault;
      }
      return null;
    },
  };
}

function concerns(pattern: string, action: string): boolean {
  if (pattern === 'oss:*') return action.startsWith('oss:');
  return pattern === '*' ? !action.startsWith('oss:') : pattern === action;
}
