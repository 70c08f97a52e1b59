import { type Cloud, cloudTags } from '../cloud/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { type InstanceTemplate, placement, slotName } from './cluster-spec.ts';
import { waitUntil } from './wait-until.ts';

/** How often an instance is looked at while it starts, in ms. */
const LOOK_MS = 500;

/** An instance that was asked for. */
export interface StartedInstance {
  readonly slot: string;
  readonly instanceId: string;
}

/** Asks the cloud for the instance of a slot. Rejects with the cloud's `Failure`. */
export async function startInstance(
  cloud: Pick<Cloud, 'runInstance'>,
  random: Random,
  order: {
    readonly cluster: string;
    readonly pool: string;
    readonly index: number;
    readonly role: 'worker' | 'controlPlane';
    readonly template: InstanceTemplate;
    readonly userData: string;
  },
): Promise<StartedInstance> {
  const { cluster, pool, index, role, template, userData } = order;
  const { imageId, instanceType, securityGroupId, ramRole, systemDisk } = template;
  const slot = slotName(pool, index);
  const tags = {
    [cloudTags.cluster]: cluster,
    [cloudTags.pool]: pool,
    [cloudTags.slot]: slot,
    [cloudTags.role]: role,
  };
  const machine = {
    imageId,
    instanceType,
    securityGroupId,
    ramRole,
    systemDisk,
    ...placement(template, index),
  };
  const instanceId = await cloud.runInstance({ ...machine, tags, userData }, `create-${random.hex(16)}`);
  return { slot, instanceId };
}

/** The instance's address, once it has one and runs. Rejects with `Failure` `WaitOverdue`. */
export function addressOf(
  { slot, instanceId }: StartedInstance,
  options: {
    readonly cloud: Pick<Cloud, 'findInstance'>;
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string> {
  return waitUntil<string>({
    ...options,
    what: `the instance ${instanceId} of ${slot} to run`,
    advice: 'See what the cloud says of it',
    intervalMs: LOOK_MS,
    look: async () => {
      const instance = await options.cloud.findInstance(instanceId);
      // Right after its creation even this can be: the cloud's lists lag behind.
      if (!instance) return { seen: 'the cloud does not know it' };
      const { status, privateIp } = instance;
      return status === 'Running' && privateIp ? { done: privateIp } : { seen: `it is ${status}` };
    },
  });
}
