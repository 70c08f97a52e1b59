import { invalidParameter, missingParameter } from '../api-error.ts';
import { page, questionOf } from '../paging.ts';
import { flag, list, optional, type Params, required } from '../params.ts';
import { eventTypes, publishEvent, type SystemEvent } from '../system-events.ts';
import { unverified } from '../unverified.ts';
import type { World } from '../world.ts';
import type { Action } from './action.ts';
import { toSecond } from './describe-instances.ts';

/** What is listed unless the call asks for others (official documentation). */
const listedByDefault: readonly string[] = ['Executed', 'Avoided', 'Canceled', 'Failed'];

/** Makes a system event, as the sandbox's way to inject one. With TriggerRealOps it really reboots. */
export const createSimulatedSystemEvents: Action = ({ world, lifecycle, params }) => {
  const type = eventTypes.find((known) => known === required(params, 'EventType'));
  if (type === undefined) throw invalidParameter('EventType');
  const notBefore = new Date(required(params, 'NotBefore')).getTime();
  if (Number.isNaN(notBefore)) throw invalidParameter('NotBefore');
  const ids = list(params, 'InstanceId');
  if (ids.length === 0) throw missingParameter('InstanceId.1');
  for (const id of ids) world.instance(id);
  const really = flag(params, 'TriggerRealOps') ?? false;
  const operations = { reboot: (id: string) => lifecycle.reboot(id, { force: true }) };
  const events = ids.map((instanceId) =>
    publishEvent(world, { instanceId, type, notBefore, ...(really ? { operations } : {}) }),
  );
  return { body: { EventIdSet: { EventId: events.map((event) => event.id) } }, effect: true };
};

/** Events of instances; those that are not over only if their cycle states are asked for. */
export const describeInstanceHistoryEvents: Action = ({ world, params }) => {
  const wanted = list(params, 'InstanceEventCycleStatus');
  const one = optional(params, 'EventCycleStatus');
  const states = wanted.length > 0 ? wanted : one === null ? listedByDefault : [one];
  const types = list(params, 'InstanceEventType');
  const type = optional(params, 'EventType');
  const instanceId = optional(params, 'InstanceId');
  const resourceIds = list(params, 'ResourceId');
  const eventIds = list(params, 'EventId');
  const chosen = [...world.events.values()].filter(
    (event) =>
      states.includes(event.cycle) &&
      (types.length === 0 || types.includes(event.type)) &&
      (type === null || event.type === type) &&
      (instanceId === null || event.instanceId === instanceId) &&
      (resourceIds.length === 0 || resourceIds.includes(event.instanceId)) &&
      (eventIds.length === 0 || eventIds.includes(event.id)) &&
      within(params, 'NotBefore', event.notBefore) &&
      within(params, 'EventPublishTime', event.publishedAt),
  );
  const { items, fields } = page(params, chosen, (event) => event.sequence, questionOf(params));
  return {
    body: { ...fields, InstanceSystemEventSet: { InstanceSystemEventType: items.map(shownEvent) } },
    effect: false,
  };
};

/** Health and planned events of instances. */
export const describeInstancesFullStatus: Action = ({ world, params }) => {
  const ids = list(params, 'InstanceId');
  const health = optional(params, 'HealthStatus');
  const status = optional(params, 'Status');
  const chosen = [...world.instances.values()].filter(
    (instance) =>
      instance.visibleAt <= world.clock.now() &&
      (ids.length === 0 || ids.includes(instance.id)) &&
      (status === null || instance.status === status) &&
      (health === null || healthOf(world, instance.id) === health),
  );
  const { items, fields } = page(params, chosen, (instance) => instance.sequence, questionOf(params));
  const shown = items.map((instance) => ({
    InstanceId: instance.id,
    Status: { Name: instance.status },
    HealthStatus: { Name: healthOf(world, instance.id) },
    ScheduledSystemEventSet: {
      ScheduledSystemEventType: [...world.events.values()]
        .filter((event) => event.instanceId === instance.id)
        .filter((event) => ['Scheduled', 'Inquiring', 'Executing'].includes(event.cycle))
        .map(shownEvent),
    },
  }));
  return {
    body: {
      TotalCount: fields.TotalCount,
      PageNumber: fields.PageNumber,
      PageSize: fields.PageSize,
      InstanceFullStatusSet: { InstanceFullStatusType: shown },
    },
    effect: false,
  };
};

/** The cloud does not look into instances: only its own repair of one is a Warning. Not Running is NotApplicable. */
function healthOf(world: World, instanceId: string): string {
  if (world.instances.get(instanceId)?.status !== 'Running') return 'NotApplicable';
  const repairing = [...world.events.values()].some(
    (event) => event.instanceId === instanceId && event.cycle === 'Executing',
  );
  return repairing ? 'Warning' : 'Ok';
}

function within(params: Params, name: string, at: number): boolean {
  const start = optional(params, `${name}.Start`);
  const end = optional(params, `${name}.End`);
  return (
    (start === null || new Date(start).getTime() <= at) && (end === null || at <= new Date(end).getTime())
  );
}

function shownEvent(event: SystemEvent) {
  return {
    EventId: event.id,
    InstanceId: event.instanceId,
    ResourceType: 'instance',
    EventType: { Name: event.type },
    EventCycleStatus: { Name: event.cycle, Code: unverified.cycleCodes[event.cycle] },
    EventPublishTime: toSecond(event.publishedAt),
    NotBefore: toSecond(event.notBefore),
    ...(event.finishedAt === null ? {} : { EventFinishTime: toSecond(event.finishedAt) }),
    Reason: event.reason,
    ImpactLevel: '100',
  };
}
