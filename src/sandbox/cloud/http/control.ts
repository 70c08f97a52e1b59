import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Json } from '../../../runtime/record.ts';
import { ApiError } from '../api-error.ts';
import type { SandboxCloud } from '../cloud.ts';
import { faultSchema } from '../faults.ts';
import { OssError } from '../objects/oss-error.ts';
import { lockReasons } from '../records.ts';
import { sameText } from '../signatures.ts';
import { eventTypes } from '../system-events.ts';

const conditionSchema = z.object({
  unbootable: z.boolean().optional(),
  hung: z.boolean().optional(),
  /** Its system dies now, while the cloud goes on calling it Running. */
  now: z.boolean().optional(),
  locks: z.array(z.enum(lockReasons)).optional(),
});
const stockSchema = z.object({
  zone: z.string(),
  instanceType: z.string(),
  stock: z.enum(['now', 'late']).nullable(),
});
const eventSchema = z.object({
  instanceId: z.string(),
  type: z.enum(eventTypes),
  forMs: z.number().int().min(0).optional(),
  really: z.boolean().optional(),
});
const bucketSchema = z.object({ name: z.string(), region: z.string().optional() });
const damageSchema = z.object({ bucket: z.string(), key: z.string(), at: z.number().int().min(0) });
const quotaSchema = z.object({ calls: z.number().int().min(0), windowMs: z.number().int().min(1) });
const quotasSchema = z.object({
  everyAction: quotaSchema.optional(),
  byAction: z.record(z.string(), quotaSchema).optional(),
});

interface Answer {
  readonly status: number;
  readonly body: Json;
}
const done: Answer = { status: 200, body: {} };

/** The sandbox's own interface, for its command line and for tests. JSON; every request carries the admin token as its bearer. */
export async function handleControl(
  cloud: SandboxCloud,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): Promise<void> {
  const given = request.headers.authorization ?? '';
  const { status, body: answer } = sameText(given, `Bearer ${cloud.adminToken}`)
    ? await route(cloud, request, body)
    : { status: 401, body: { error: 'The admin token is missing or wrong.' } };
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer));
}

async function route(cloud: SandboxCloud, request: IncomingMessage, body: Buffer): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const [, , collection = '', id = '', verb = ''] = url.pathname.split('/').map(decodeURIComponent);
  const since = Number(url.searchParams.get('since') ?? 0);
  try {
    const json = () => z.json().parse(JSON.parse(body.toString('utf8') || '{}'));
    switch (`${request.method} ${[collection, id && '*', verb].filter(Boolean).join('/')}`) {
      case 'GET faults':
        return { status: 200, body: cloud.faults.all().map(plain) };
      case 'POST faults':
        return { status: 200, body: plain(cloud.faults.add(faultSchema.parse(json()))) };
      case 'DELETE faults':
        cloud.faults.clear();
        return done;
      case 'DELETE faults/*':
        return cloud.faults.remove(id) ? done : { status: 404, body: { error: `No fault ${id}.` } };
      case 'GET calls':
        return { status: 200, body: cloud.world.journal.calls.filter((call) => call.at >= since).map(plain) };
      case 'DELETE calls':
        cloud.world.journal.clearCalls();
        return done;
      case 'GET history':
        return {
          status: 200,
          body: cloud.world.journal.history.filter((change) => change.at >= since).map(plain),
        };
      case 'GET instances':
        return { status: 200, body: cloud.instances().map(summary) };
      case 'GET balancers':
        return { status: 200, body: [...cloud.world.balancers.values()].map(plain) };
      case 'POST instances/*/condition': {
        const { locks, unbootable, hung, now } = conditionSchema.parse(json());
        if (locks !== undefined) cloud.lock(id, locks);
        if (unbootable !== undefined || hung !== undefined || now !== undefined)
          cloud.breakInstance(id, {
            ...(unbootable === undefined ? {} : { unbootable }),
            ...(hung === undefined ? {} : { hung }),
            ...(now === undefined ? {} : { now }),
          });
        return done;
      }
      case 'POST stock': {
        const { zone, instanceType, stock } = stockSchema.parse(json());
        cloud.setStock(zone, instanceType, stock);
        return done;
      }
      case 'POST events': {
        const { instanceId, type, forMs, really } = eventSchema.parse(json());
        const event = cloud.executeEvent(instanceId, type, {
          ...(forMs === undefined ? {} : { forMs }),
          ...(really === undefined ? {} : { really }),
        });
        return { status: 200, body: plain(event) };
      }
      case 'POST buckets': {
        const { name, region } = bucketSchema.parse(json());
        await cloud.putBucket(name, region);
        return done;
      }
      case 'POST damage': {
        const { bucket, key, at } = damageSchema.parse(json());
        await cloud.damageObject(bucket, key, at);
        return done;
      }
      case 'POST quotas': {
        const { everyAction, byAction } = quotasSchema.parse(json());
        cloud.throttle.setQuotas({
          ...(everyAction === undefined ? {} : { everyAction }),
          ...(byAction === undefined ? {} : { byAction }),
        });
        return done;
      }
      default:
        return { status: 404, body: { error: `No ${request.method} ${url.pathname} here.` } };
    }
  } catch (caught) {
    if (caught instanceof z.ZodError) return { status: 400, body: { error: z.prettifyError(caught) } };
    if (caught instanceof SyntaxError) return { status: 400, body: { error: caught.message } };
    if (caught instanceof ApiError || caught instanceof OssError)
      return { status: caught.status, body: { error: caught.message, code: caught.code } };
    throw caught;
  }
}

type InstanceRecord = ReturnType<SandboxCloud['instances']>[number];

function summary(instance: InstanceRecord): Json {
  return {
    id: instance.id,
    ip: instance.ip,
    zone: instance.zone,
    status: instance.status,
    tags: instance.tags,
    locks: instance.locks,
    diskId: instance.disk.id,
    imageId: instance.imageId,
    bootCount: instance.bootCount,
    booted: instance.booted,
    releasing: instance.releasing,
    createdAt: instance.createdAt,
    startedAt: instance.startedAt,
  };
}

/** Data as JSON holds it: without what is undefined. */
function plain(data: object): Json {
  return z.json().parse(JSON.parse(JSON.stringify(data)));
}
