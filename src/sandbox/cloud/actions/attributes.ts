import { incorrectStatus, invalidParameter } from '../api-error.ts';
import { flag, list, optional, required } from '../params.ts';
import type { InstanceRecord } from '../records.ts';
import type { Action } from './action.ts';
import { refuseLocked } from './power.ts';
import { checkUserData } from './user-data.ts';

/**
 * Changes attributes. User data needs Stopped (2021 documentation), is shown from then on, and is run at the next first boot only. A
 * financial lock does not refuse this, a security lock does.
 */
export const modifyInstanceAttribute: Action = ({ world, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  refuseLocked(instance, ['security']);
  if (instance.releasing) throw incorrectStatus('Releasing');
  const userData = params.get('UserData');
  if (userData !== undefined) {
    checkUserData(userData);
    if (instance.status !== 'Stopped') throw incorrectStatus(instance.status);
  }
  const groups = list(params, 'SecurityGroupIds');
  if (!groups.every((id) => world.catalog.securityGroupIds.includes(id)))
    throw invalidParameter('SecurityGroupIds');
  const name = optional(params, 'InstanceName');
  const description = params.get('Description');
  const hostName = optional(params, 'HostName');
  const deletionProtection = flag(params, 'DeletionProtection');
  const changes: Partial<InstanceRecord> = {
    ...(userData === undefined ? {} : { userData }),
    ...(groups.length === 0 ? {} : { securityGroupIds: groups }),
    ...(name === null ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(hostName === null ? {} : { hostName }),
    ...(deletionProtection === null ? {} : { deletionProtection }),
  };
  world.update(instance.id, changes, `ModifyInstanceAttribute: ${Object.keys(changes).join(', ')}`);
  return { body: {}, effect: Object.keys(changes).length > 0 };
};
