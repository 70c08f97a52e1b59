import type { World } from './world.ts';

/** Where a system event is in its life. */
export const cycles = [
  'Scheduled',
  'Inquiring',
  'Executing',
  'Executed',
  'Avoided',
  'Canceled',
  'Failed',
] as const;
export type Cycle = (typeof cycles)[number];

/** Event types that the sandbox knows (official documentation). */
export const eventTypes = [
  'SystemMaintenance.Reboot',
  'SystemMaintenance.Redeploy',
  'SystemMaintenance.Stop',
  'SystemFailure.Reboot',
  'SystemFailure.Redeploy',
  'SystemFailure.Delete',
  'InstanceFailure.Reboot',
] as const;
export type EventType = (typeof eventTypes)[number];

/** A system event of an instance. Times are epoch ms. */
export interface SystemEvent {
  readonly id: string;
  readonly sequence: number;
  readonly instanceId: string;
  readonly type: EventType;
  readonly cycle: Cycle;
  readonly publishedAt: number;
  readonly notBefore: number;
  readonly finishedAt: number | null;
  readonly reason: string;
}

/** The most events kept; the oldest go first. The real cloud keeps 30 days. */
const MOST_EVENTS = 2_000;

/** All events, oldest first. */
export function eventsOf(world: World): readonly SystemEvent[] {
  return [...world.events.values()];
}

/** What to do when an event executes: the real operations. */
export interface EventOperations {
  reboot(id: string): void;
}

/**
 * Publishes an event: Scheduled until `notBefore`, Executing for the timings' `eventMs` (or `forMs`), then Executed. With `operations` it
 * really reboots a Running instance when it begins to execute.
 */
export function publishEvent(
  world: World,
  event: {
    readonly instanceId: string;
    readonly type: EventType;
    readonly notBefore: number;
    readonly forMs?: number;
    readonly operations?: EventOperations;
  },
): SystemEvent {
  const now = world.clock.now();
  const published: SystemEvent = {
    id: world.newId('e'),
    sequence: world.nextSequence(),
    instanceId: event.instanceId,
    type: event.type,
    cycle: event.notBefore <= now ? 'Executing' : 'Scheduled',
    publishedAt: now,
    notBefore: event.notBefore,
    finishedAt: null,
    reason: 'sandbox',
  };
  put(world, published);
  world.background(
    async () => {
      await world.waitExactly(event.notBefore - now);
      if (world.events.get(published.id)?.cycle === 'Avoided') return;
      move(world, published.id, 'Executing');
      if (world.instances.get(event.instanceId)?.status === 'Running')
        event.operations?.reboot(event.instanceId);
      await (event.forMs === undefined ? world.wait(world.timings.eventMs) : world.waitExactly(event.forMs));
      move(world, published.id, 'Executed');
    },
    () => move(world, published.id, 'Failed'),
  );
  return published;
}

/** An executed `SystemFailure.Delete`: an order that failed for stock after it was taken. */
export function failEventOf(world: World, instanceId: string): void {
  const now = world.clock.now();
  put(world, {
    id: world.newId('e'),
    sequence: world.nextSequence(),
    instanceId,
    type: 'SystemFailure.Delete',
    cycle: 'Executed',
    publishedAt: now,
    notBefore: now,
    finishedAt: now,
    reason: 'OperationDenied.NoStock',
  });
}

/** The user rebooted it: reboots that were only planned are avoided. */
export function noteReboot(world: World, instanceId: string): void {
  for (const event of world.events.values())
    if (event.instanceId === instanceId && event.cycle === 'Scheduled' && event.type.endsWith('.Reboot'))
      move(world, event.id, 'Avoided');
}

function put(world: World, event: SystemEvent): void {
  world.events.set(event.id, event);
  const oldest = world.events.keys().next();
  if (world.events.size > MOST_EVENTS && oldest.done !== true) world.events.delete(oldest.value);
}

function move(world: World, id: string, cycle: Cycle): void {
  const event = world.events.get(id);
  if (event === undefined || event.cycle === cycle) return;
  const finished = cycle === 'Executing' ? null : world.clock.now();
  world.events.set(id, { ...event, cycle, finishedAt: finished });
}
