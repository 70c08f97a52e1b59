import { z } from 'zod';
import { Failure } from '../failure.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { allPages, type Page } from './pages.ts';
import { cloudTags, type Instance, type InstanceList } from './port.ts';
import { type Caller, fill } from './sdk.ts';

/** What the reading half needs. */
export interface Reading {
  readonly call: Caller;
  readonly region: string;
  readonly clock: Clock;
}

/** Entries a page: the API's upper limit. */
const PAGE_SIZE = 100;

/** A new instance exists before it is listed: seconds, by experience. It is looked for again this long, in ms, and this often. */
const LISTED_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 250;

const instanceAnswer = z
  .object({
    instanceId: z.string().min(1),
    status: z.enum(['Pending', 'Starting', 'Running', 'Stopping', 'Stopped']),
    zoneId: z.string(),
    imageId: z.string(),
    instanceType: z.string(),
    startTime: z.string().optional(),
    vpcAttributes: z
      .object({ privateIpAddress: z.object({ ipAddress: z.array(z.string()).optional() }).optional() })
      .optional(),
    tags: z
      .object({
        tag: z.array(z.object({ tagKey: z.string(), tagValue: z.string().optional() })).optional(),
      })
      .optional(),
    operationLocks: z
      .object({ lockReason: z.array(z.object({ lockReason: z.string() })).optional() })
      .optional(),
  })
  .transform(
    (answer): Instance => ({
      id: answer.instanceId,
      status: answer.status,
      zone: answer.zoneId,
      privateIp: answer.vpcAttributes?.privateIpAddress?.ipAddress?.[0] ?? null,
      tags: Object.fromEntries(
        (answer.tags?.tag ?? []).map(({ tagKey, tagValue }) => [tagKey, tagValue ?? '']),
      ),
      locks: (answer.operationLocks?.lockReason ?? []).map(({ lockReason }) => lockReason),
      startedAt: answer.startTime ?? '',
      systemDiskId: null,
      imageId: answer.imageId,
      instanceType: answer.instanceType,
    }),
  );

/** The list itself must be there: an answer without one is not an empty list. */
const instancesAnswer = z
  .object({
    instances: z.object({ instance: z.array(instanceAnswer) }),
    nextToken: z.string().optional(),
  })
  .transform((body): Page<Instance> => ({ items: body.instances.instance, next: body.nextToken ?? null }));

const disksAnswer = z.object({
  disks: z.object({ disk: z.array(z.object({ diskId: z.string().min(1), type: z.string().optional() })) }),
});

const attributeAnswer = z.object({ instanceId: z.string().min(1) });

/** The list must be there here too. */
const securityGroupsAnswer = z.object({
  securityGroups: z.object({ securityGroup: z.array(z.object({ securityGroupId: z.string() })) }),
});

const eventsAnswer = z
  .object({
    instanceSystemEventSet: z.object({
      instanceSystemEventType: z.array(
        z.object({
          instanceId: z.string(),
          eventType: z.object({ name: z.string() }),
          eventCycleStatus: z.object({ name: z.string() }),
        }),
      ),
    }),
    nextToken: z.string().optional(),
  })
  .transform(({ instanceSystemEventSet, nextToken }) => ({
    items: instanceSystemEventSet.instanceSystemEventType,
    next: nextToken ?? null,
  }));

/** All of a cluster's instances, each once, without their disks. */
export async function listInstances(
  { call, region, clock }: Reading,
  cluster: string,
): Promise<InstanceList> {
  const askedAt = clock.now();
  const all = await allPages('DescribeInstances', (token) =>
    call({
      action: 'DescribeInstances',
      repeatable: 'always',
      answer: instancesAnswer,
      send: (client, ecs) =>
        client.describeInstances(
          fill(ecs.DescribeInstancesRequest, {
            regionId: region,
            tag: [fill(ecs.DescribeInstancesRequestTag, { key: cloudTags.cluster, value: cluster })],
            maxResults: PAGE_SIZE,
            ...(token === null ? {} : { nextToken: token }),
          }),
        ),
    }),
  );
  // One that moved between pages comes twice: the later answer is the newer. One without the tag is none of ours, whatever was asked.
  const ours = all.filter((instance) => instance.tags[cloudTags.cluster] === cluster);
  return { instances: [...new Map(ours.map((instance) => [instance.id, instance])).values()], askedAt };
}

/** One instance with its system disk, or null on the cloud's word that there is none. */
export async function findInstance(reading: Reading, id: string): Promise<Instance | null> {
  const { clock } = reading;
  const start = clock.now();
  for (;;) {
    const [instance, systemDiskId] = await Promise.all([describe(reading, id), systemDisk(reading, id)]);
    if (instance !== null) return { ...instance, systemDiskId };
    // The list leaves out what it doesn't know, and may be late: only the single query tells that it does not exist.
    if (!(await exists(reading, id))) return null;
    if (clock.now() - start >= LISTED_WITHIN_MS) {
      throw new Failure({
        kind: 'retryable',
        code: 'NotListed',
        message: `DescribeInstances: ${id} exists, but is not listed after ${LISTED_WITHIN_MS} ms`,
      });
    }
    await sleep(clock, LOOK_AGAIN_MS);
  }
}

async function describe({ call, region }: Reading, id: string): Promise<Instance | null> {
  const { items } = await call({
    action: 'DescribeInstances',
    repeatable: 'always',
    answer: instancesAnswer,
    send: (client, ecs) =>
      client.describeInstances(
        fill(ecs.DescribeInstancesRequest, { regionId: region, instanceIds: JSON.stringify([id]) }),
      ),
  });
  return items.find((instance) => instance.id === id) ?? null;
}

async function exists({ call }: Reading, id: string): Promise<boolean> {
  try {
    await call({
      action: 'DescribeInstanceAttribute',
      repeatable: 'always',
      answer: attributeAnswer,
      send: (client, ecs) =>
        client.describeInstanceAttribute(fill(ecs.DescribeInstanceAttributeRequest, { instanceId: id })),
    });
    return true;
  } catch (caught) {
    if (caught instanceof Failure && caught.kind === 'notFound') return false;
    throw caught;
  }
}

/** Id of the disk that the instance boots from; null if it has none, such as while it is being replaced. */
async function systemDisk({ call, region }: Reading, id: string): Promise<string | null> {
  try {
    const { disks } = await call({
      action: 'DescribeDisks',
      repeatable: 'always',
      answer: disksAnswer,
      send: (client, ecs) =>
        client.describeDisks(
          fill(ecs.DescribeDisksRequest, { regionId: region, instanceId: id, diskType: 'system' }),
        ),
    });
    return disks.disk.find(({ type }) => type === undefined || type === 'system')?.diskId ?? null;
  } catch (caught) {
    // No instance, no disk; whether it exists is asked of the instance itself.
    if (caught instanceof Failure && caught.kind === 'notFound') return null;
    throw caught;
  }
}

/** Unknown ids are simply absent from the answer (official documentation of DescribeSecurityGroups). */
export async function hasSecurityGroup({ call, region }: Reading, id: string): Promise<boolean> {
  const { securityGroups } = await call({
    action: 'DescribeSecurityGroups',
    repeatable: 'always',
    answer: securityGroupsAnswer,
    send: (client, ecs) =>
      client.describeSecurityGroups(
        fill(ecs.DescribeSecurityGroupsRequest, { regionId: region, securityGroupIds: JSON.stringify([id]) }),
      ),
  });
  return securityGroups.securityGroup.some(({ securityGroupId }) => securityGroupId === id);
}

/**
 * Which of these instances the cloud is itself repairing. Asked for the whole region, since few events run at a time. The state must
 * be asked for: by default only events that have ended are listed.
 */
export async function executingSystemEvents(
  { call, region }: Reading,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const events = await allPages('DescribeInstanceHistoryEvents', (token) =>
    call({
      action: 'DescribeInstanceHistoryEvents',
      repeatable: 'always',
      answer: eventsAnswer,
      send: (client, ecs) =>
        client.describeInstanceHistoryEvents(
          fill(ecs.DescribeInstanceHistoryEventsRequest, {
            regionId: region,
            instanceEventCycleStatus: ['Executing'],
            instanceEventType: ['SystemFailure.Reboot', 'SystemFailure.Redeploy', 'SystemFailure.Delete'],
            maxResults: PAGE_SIZE,
            ...(token === null ? {} : { nextToken: token }),
          }),
        ),
    }),
  );
  const asked = new Set(ids);
  return new Set(
    events
      .filter(({ eventCycleStatus }) => eventCycleStatus.name === 'Executing')
      .filter(({ eventType }) => eventType.name.startsWith('SystemFailure.'))
      .map(({ instanceId }) => instanceId)
      .filter((id) => asked.has(id)),
  );
}
