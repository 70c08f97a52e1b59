import { badAnswer } from '../../src/cloud/errors.ts';
import type { Reading } from '../../src/cloud/instances.ts';
import type { Call, Ecs, EcsClient } from '../../src/cloud/sdk.ts';
import { type VirtualClock, virtualClock } from './virtual-clock.ts';

/** A request as the adapter fills it in: the SDK's class replaced by its plain fields. */
export interface Sent {
  readonly action: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface FakeReading extends Reading {
  readonly clock: VirtualClock;
  readonly sent: Sent[];
}

/**
 * The adapter's door to the cloud without the SDK behind it, in virtual time. `answer` gives the body of each call (the SDK's
 * camelCase), or throws a `Failure`; bodies go through the adapter's own schemas.
 */
export function fakeReading(answer: (sent: Sent, count: number) => unknown): FakeReading {
  const sent: Sent[] = [];
  const counts = new Map<string, number>();
  const call = async <T>({ action, send, answer: schema }: Call<T>): Promise<T> => {
    let fields: Record<string, unknown> = {};
    await send(
      recordingClient((request) => {
        fields = request;
      }),
      plainClasses,
    );
    const request: Sent = { action, fields };
    sent.push(request);
    const count = (counts.get(action) ?? 0) + 1;
    counts.set(action, count);
    const parsed = schema.safeParse(answer(request, count));
    if (!parsed.success) throw badAnswer(action, parsed.error.message);
    return parsed.data;
  };
  return { call, region: 'cn-test', clock: virtualClock(), sent };
}

class Plain {
  constructor(fields: Record<string, unknown> = {}) {
    Object.assign(this, fields);
  }
}

/** Stands for every request class of the SDK. Loading the real ones takes a second and 100 MB, which unit tests don't have. */
const plainClasses: Ecs = new Proxy(Object.create(null), { get: () => Plain });

function recordingClient(record: (fields: Record<string, unknown>) => void): EcsClient {
  const method = async (request: object) => {
    record({ ...request });
    return {};
  };
  return new Proxy(Object.create(null), { get: () => method });
}
