import type { ActionEntry } from './action.ts';
import { modifyInstanceAttribute } from './attributes.ts';
import {
  describeCloudAssistantStatus,
  describeInvocationResults,
  describeInvocations,
  runCommand,
  stopInvocation,
} from './cloud-assistant.ts';
import {
  describeInstanceAttribute,
  describeInstanceStatus,
  describeInstances,
} from './describe-instances.ts';
import { describeDisks, replaceSystemDisk } from './disks.ts';
import { deleteInstance, rebootInstance, startInstance, stopInstance } from './power.ts';
import { runInstances } from './run-instances.ts';
import {
  createSimulatedSystemEvents,
  describeInstanceHistoryEvents,
  describeInstancesFullStatus,
} from './system-events.ts';
import { listTagResources, tagResources, untagResources } from './tags.ts';
import { describeUserData } from './user-data.ts';
import { describeAvailableResource, describeZones } from './zones.ts';

const plain = (run: ActionEntry['run']): ActionEntry => ({ run, idempotent: false });
const idempotent = (run: ActionEntry['run']): ActionEntry => ({ run, idempotent: true });

/** The version of the API whose actions these are. */
export const ecsVersion = '2014-05-26';

/** Every action of ECS that the sandbox knows, and which of them take a ClientToken (official SDK models). */
export const ecsActions: ReadonlyMap<string, ActionEntry> = new Map([
  ['RunInstances', idempotent(runInstances)],
  ['DescribeInstances', plain(describeInstances)],
  ['DescribeInstanceAttribute', plain(describeInstanceAttribute)],
  ['DescribeInstanceStatus', plain(describeInstanceStatus)],
  ['StartInstance', plain(startInstance)],
  ['StopInstance', plain(stopInstance)],
  ['RebootInstance', plain(rebootInstance)],
  ['DeleteInstance', plain(deleteInstance)],
  ['ModifyInstanceAttribute', plain(modifyInstanceAttribute)],
  ['DescribeUserData', plain(describeUserData)],
  ['ReplaceSystemDisk', idempotent(replaceSystemDisk)],
  ['DescribeDisks', plain(describeDisks)],
  ['TagResources', plain(tagResources)],
  ['UntagResources', plain(untagResources)],
  ['ListTagResources', plain(listTagResources)],
  ['DescribeZones', plain(describeZones)],
  ['DescribeAvailableResource', plain(describeAvailableResource)],
  ['RunCommand', idempotent(runCommand)],
  ['DescribeInvocationResults', plain(describeInvocationResults)],
  ['DescribeInvocations', plain(describeInvocations)],
  ['StopInvocation', plain(stopInvocation)],
  ['DescribeCloudAssistantStatus', plain(describeCloudAssistantStatus)],
  ['CreateSimulatedSystemEvents', plain(createSimulatedSystemEvents)],
  ['DescribeInstanceHistoryEvents', plain(describeInstanceHistoryEvents)],
  ['DescribeInstancesFullStatus', plain(describeInstancesFullStatus)],
]);
