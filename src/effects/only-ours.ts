import { type Asking, type Cloud, cloudTags, type Instance } from '../cloud/port.ts';
import { Failure } from '../failure.ts';

/** Throws `rejected`, `ForeignInstance`, unless the instance carries the cluster's tag. */
export function assertTagged(cluster: string, instance: Pick<Instance, 'id' | 'tags'>): void {
  if (instance.tags[cloudTags.cluster] !== cluster)
    throw new Failure({
      kind: 'rejected',
      code: 'ForeignInstance',
      message: `instance ${instance.id} does not carry the tag ${cloudTags.cluster}=${cluster}: it is not touched`,
    });
}

/**
 * The cloud, by which only instances of this cluster can be worked on: right before each try of a call that changes one, or gives it a
 * command, its tag is looked at. Everything that a supervisor does passes through here, so that nobody else need look again after a
 * wait. Throws `ForeignInstance` of one that is not ours, and `Unreachable` (nothing was done) where the look gets no answer.
 */
export function onlyOurs(cloud: Cloud, cluster: string): Cloud {
  /** One that is not there is left to the call, which has a word for it. */
  const look = async (id: string): Promise<void> => {
    const instance = await cloud.findInstance(id).catch((cause: unknown) => {
      if (!(cause instanceof Failure) || cause.kind !== 'retryable') throw cause;
      const message = `it could not be looked whether ${id} is this cluster's, so nothing was done: ${cause.message}`;
      throw new Failure({ kind: 'retryable', code: 'Unreachable', message }, { cause });
    });
    if (instance !== null) assertTagged(cluster, instance);
  };
  const looking = <T extends Asking>(id: string, asking: T): T & Required<Pick<Asking, 'before'>> => ({
    ...asking,
    before: async () => {
      await look(id);
      // Last, for the look may have waited for its answer.
      await asking.before?.();
    },
  });
  return {
    region: cloud.region,
    listInstances: (of) => cloud.listInstances(of),
    findInstance: (id) => cloud.findInstance(id),
    hasSecurityGroup: (id) => cloud.hasSecurityGroup(id),
    executingSystemEvents: (ids) => cloud.executingSystemEvents(ids),
    reboot: (id, options) => cloud.reboot(id, looking(id, options)),
    start: (id, options = {}) => cloud.start(id, looking(id, options)),
    stop: (id, options) => cloud.stop(id, looking(id, options)),
    setUserData: (id, userData, options = {}) => cloud.setUserData(id, userData, looking(id, options)),
    replaceSystemDisk: (id, imageId, attempt, options = {}) =>
      cloud.replaceSystemDisk(id, imageId, attempt, looking(id, options)),
    deleteInstance: (id, options = {}) => cloud.deleteInstance(id, looking(id, options)),
    runInstance: (spec, attempt, options) => cloud.runInstance(spec, attempt, options),
    runCommand: (id, script, options) => cloud.runCommand(id, script, looking(id, options)),
  };
}
