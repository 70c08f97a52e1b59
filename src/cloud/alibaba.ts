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
import { executingSystemEvents, findInstance, listInstances, type Reading } from './instances.ts';
import type { Cloud } from './port.ts';
import { type AlibabaOptions, createCaller } from './sdk.ts';

/** The cloud port on Alibaba Cloud's official SDK for ECS. Nothing is loaded or connected before the first call. */
export function createAlibabaCloud(options: AlibabaOptions): Cloud {
  const reading: Reading = { call: createCaller(options), region: options.region, clock: options.clock };
  return {
    region: options.region,
    listInstances: (cluster) => listInstances(reading, cluster),
    findInstance: (id) => findInstance(reading, id),
    executingSystemEvents: (ids) => executingSystemEvents(reading, ids),
    reboot: (id, { force }) => reboot(reading, id, force),
    start: (id) => start(reading, id),
    stop: (id, { force }) => stop(reading, id, force),
    setUserData: (id, userData) => setUserData(reading, id, userData),
    replaceSystemDisk: (id, imageId, attempt) => replaceSystemDisk(reading, id, imageId, attempt),
    deleteInstance: (id) => deleteInstance(reading, id),
    runInstance: (spec, attempt) => runInstance(reading, spec, attempt),
    runCommand: (id, script, commandOptions) => runCommand(reading, id, script, commandOptions),
  };
}
