import {
  deleteInstance,
  reboot,
  replaceSystemDisk,
  runInstance,
  setUserData,
  start,
  stop,
} from './changes.ts';
import { runCommand } from './commands.ts';
import {
  executingSystemEvents,
  findInstance,
  hasSecurityGroup,
  listInstances,
  type Reading,
} from './instances.ts';
import type { Cloud } from './port.ts';
import { type AlibabaOptions, createCaller } from './sdk.ts';

/** The cloud port on Alibaba Cloud's official SDK for ECS. Nothing is loaded or connected before the first call. */
export function createAlibabaCloud(options: AlibabaOptions): Cloud {
  const reading: Reading = { call: createCaller(options), region: options.region, clock: options.clock };
  return {
    region: options.region,
    listInstances: (cluster) => listInstances(reading, cluster),
    findInstance: (id) => findInstance(reading, id),
    hasSecurityGroup: (id) => hasSecurityGroup(reading, id),
    executingSystemEvents: (ids) => executingSystemEvents(reading, ids),
    reboot: (id, rebootOptions) => reboot(reading, id, rebootOptions),
    start: (id, asking) => start(reading, id, asking),
    stop: (id, stopOptions) => stop(reading, id, stopOptions),
    setUserData: (id, userData, asking) => setUserData(reading, id, userData, asking),
    replaceSystemDisk: (id, imageId, attempt, asking) =>
      replaceSystemDisk(reading, id, imageId, attempt, asking),
    deleteInstance: (id, asking) => deleteInstance(reading, id, asking),
    runInstance: (spec, attempt, asking) => runInstance(reading, spec, attempt, asking),
    runCommand: (id, script, commandOptions) => runCommand(reading, id, script, commandOptions),
  };
}
