import assert from 'node:assert';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { sleep } from '../runtime/clock.ts';
import { cloudCodes } from './errors.ts';
import { findInstance, type Reading } from './instances.ts';
import type { Asking, InstanceSpec } from './port.ts';
import { fill, taken } from './sdk.ts';

/** User data before base64, in bytes: what ROS and the older documents promise. The API itself takes twice that by now. */
const USER_DATA_LIMIT = 16 * 1024;

/** A new system disk takes about half a minute. The rung's own deadline is ten, and the start comes after this. In ms. */
const DISK_DEADLINE_MS = 300_000;

/** Wait before the second look at the disk and the longest between two, in ms: what is lost by looking late is small beside the work. */
const DISK_FIRST_POLL_MS = 100;
const DISK_LONGEST_POLL_MS = 2_000;
const DISK_POLL_GROWTH = 1.2;

/** Asks for a reboot. Needs Running. */
export async function reboot(
  { call }: Reading,
  id: string,
  options: Asking & { readonly force: boolean },
): Promise<void> {
  await call(
    {
      action: 'RebootInstance',
      repeatable: 'once',
      answer: taken,
      send: (client, ecs) =>
        client.rebootInstance(fill(ecs.RebootInstanceRequest, { instanceId: id, forceStop: options.force })),
    },
    options,
  );
}

/** Asks for a start. Needs Stopped. */
export async function start({ call }: Reading, id: string, options?: Asking): Promise<void> {
  await call(
    {
      action: 'StartInstance',
      repeatable: 'once',
      answer: taken,
      send: (client, ecs) => client.startInstance(fill(ecs.StartInstanceRequest, { instanceId: id })),
    },
    options,
  );
}

/** Asks for a stop. Needs Running. Keeps its capacity, whatever the account's default: a start could fail for want of stock otherwise. */
export async function stop(
  { call }: Reading,
  id: string,
  options: Asking & { readonly force: boolean },
): Promise<void> {
  await call(
    {
      action: 'StopInstance',
      repeatable: 'once',
      answer: taken,
      send: (client, ecs) =>
        client.stopInstance(
          fill(ecs.StopInstanceRequest, {
            instanceId: id,
            forceStop: options.force,
            stoppedMode: 'KeepCharging',
          }),
        ),
    },
    options,
  );
}

/** Sets the user data of the next first boot. Needs Stopped. The same data twice is the same as once, so it may be asked again. */
export async function setUserData(
  { call }: Reading,
  id: string,
  userData: string,
  options?: Asking,
): Promise<void> {
  const encoded = encodeUserData(id, userData);
  await call(
    {
      action: 'ModifyInstanceAttribute',
      repeatable: 'always',
      answer: taken,
      send: (client, ecs) =>
        client.modifyInstanceAttribute(
          fill(ecs.ModifyInstanceAttributeRequest, { instanceId: id, userData: encoded }),
        ),
    },
    options,
  );
}

/** Replaces the system disk and waits until the new one is there and the instance is free again. */
export async function replaceSystemDisk(
  reading: Reading,
  id: string,
  imageId: string,
  attempt: string,
  options?: Asking,
): Promise<string> {
  const { call, clock } = reading;
  const clientToken = asClientToken(`the new system disk of ${id}`, attempt);
  const { diskId } = await call(
    {
      action: 'ReplaceSystemDisk',
      repeatable: 'token',
      answer: z.object({ diskId: z.string().min(1) }),
      send: (client, ecs) =>
        client.replaceSystemDisk(
          fill(ecs.ReplaceSystemDiskRequest, { instanceId: id, imageId, clientToken }),
        ),
    },
    options,
  );
  const deadline = clock.now() + DISK_DEADLINE_MS;
  for (let wait = DISK_FIRST_POLL_MS; ; wait = Math.min(DISK_LONGEST_POLL_MS, wait * DISK_POLL_GROWTH)) {
    const instance = await findInstance(reading, id);
    if (instance === null) {
      throw new Failure({
        kind: 'notFound',
        code: 'InvalidInstanceId.NotFound',
        message: `ReplaceSystemDisk: ${id} has gone since`,
      });
    }
    if (instance.systemDiskId === diskId && instance.locks.length === 0) return diskId;
    if (clock.now() >= deadline) {
      throw new Failure({
        kind: 'retryable',
        code: 'DiskNotReplaced',
        message: `ReplaceSystemDisk: ${id} does not have its new disk ${diskId} after ${DISK_DEADLINE_MS} ms`,
      });
    }
    await sleep(clock, Math.min(wait, deadline - clock.now()), options?.signal);
  }
}

/** Asks for the instance's deletion, in whatever state it is. That it does not exist is what was wanted. */
export async function deleteInstance({ call }: Reading, id: string, options?: Asking): Promise<void> {
  try {
    await call(
      {
        action: 'DeleteInstance',
        repeatable: 'once',
        answer: taken,
        reread: asPassing,
        send: (client, ecs) =>
          client.deleteInstance(
            fill(ecs.DeleteInstanceRequest, { instanceId: id, force: true, forceStop: true }),
          ),
      },
      options,
    );
  } catch (caught) {
    if (!(caught instanceof Failure && caught.kind === 'notFound')) throw caught;
  }
}

/** With Force an instance is deleted running or stopped, so whatever state refuses it is a passing one. */
function asPassing(failure: Failure): Failure {
  if (failure.code !== 'IncorrectInstanceStatus') return failure;
  return new Failure({ kind: 'retryable', code: cloudCodes.busy, message: failure.message });
}

/** Creates one instance. The same attempt must come with the same spec, or the cloud refuses it (IdempotentParameterMismatch). */
export async function runInstance(
  { call, region }: Reading,
  spec: InstanceSpec,
  attempt: string,
  options?: Asking,
): Promise<string> {
  const clientToken = asClientToken('a new instance', attempt);
  const userData = encodeUserData('a new instance', spec.userData);
  return await call(
    {
      action: 'RunInstances',
      repeatable: 'token',
      answer: z
        .object({ instanceIdSets: z.object({ instanceIdSet: z.array(z.string().min(1)).length(1) }) })
        .transform(({ instanceIdSets }) => instanceIdSets.instanceIdSet.join()),
      send: (client, ecs) =>
        client.runInstances(
          fill(ecs.RunInstancesRequest, {
            regionId: region,
            zoneId: spec.zone,
            imageId: spec.imageId,
            instanceType: spec.instanceType,
            securityGroupId: spec.securityGroupId,
            vSwitchId: spec.vSwitchId,
            ramRoleName: spec.ramRole,
            systemDisk: fill(ecs.RunInstancesRequestSystemDisk, {
              category: spec.systemDisk.category,
              size: String(spec.systemDisk.sizeGiB),
            }),
            tag: Object.entries(spec.tags).map(([key, value]) =>
              fill(ecs.RunInstancesRequestTag, { key, value }),
            ),
            userData,
            // Without the metadata service's own tokens, any pod that can make a server fetch a URL could read the role's credentials.
            httpEndpoint: 'enabled',
            httpTokens: 'required',
            amount: 1,
            clientToken,
          }),
        ),
    },
    options,
  );
}

/** The attempt as a ClientToken: the API takes at most 64 ASCII characters. */
export function asClientToken(purpose: string, attempt: string): string {
  assert.match(
    attempt,
    /^[\x21-\x7e]{1,64}$/,
    `the attempt of ${purpose} is no ClientToken (1-64 ASCII): ${attempt}`,
  );
  return attempt;
}

function encodeUserData(owner: string, userData: string): string {
  const bytes = Buffer.from(userData);
  assert(
    bytes.length <= USER_DATA_LIMIT,
    `the user data of ${owner} has ${bytes.length} bytes, and ${USER_DATA_LIMIT} are the limit: let the node fetch more itself`,
  );
  return bytes.toString('base64');
}
