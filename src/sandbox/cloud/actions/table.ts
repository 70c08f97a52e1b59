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
import {
  addBackendServers,
  createLoadBalancer,
  createTcpListener,
  deleteLoadBalancer,
  describeHealthStatus,
  describeLoadBalancerAttribute,
  describeTcpListener,
  removeBackendServers,
  startListener,
  stopListener,
} from './load-balancers.ts';
import { deleteInstance, rebootInstance, startInstance, stopInstance } from './power.ts';
import { runInstances } from './run-instances.ts';
import { describeSecurityGroups } from './security-groups.ts';
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

/** One product's API. All are served on one port: version and action tell them apart (reference: the SDKs' request headers). */
export interface Product {
  /** As RAM policies name it. */
  readonly name: 'ecs' | 'slb';
  readonly version: string;
  readonly actions: ReadonlyMap<string, ActionEntry>;
}

/** Every action of ECS that the sandbox knows, and which of them take a ClientToken (official SDK models). */
const ecsActions: ReadonlyMap<string, ActionEntry> = new Map([
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
  ['DescribeSecurityGroups', plain(describeSecurityGroups)],
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

/** The actions of the classic load balancer (CLB), likewise. */
const slbActions: ReadonlyMap<string, ActionEntry> = new Map([
  ['CreateLoadBalancer', idempotent(createLoadBalancer)],
  ['DescribeLoadBalancerAttribute', plain(describeLoadBalancerAttribute)],
  ['DeleteLoadBalancer', plain(deleteLoadBalancer)],
  ['CreateLoadBalancerTCPListener', plain(createTcpListener)],
  ['DescribeLoadBalancerTCPListenerAttribute', plain(describeTcpListener)],
  ['StartLoadBalancerListener', plain(startListener)],
  ['StopLoadBalancerListener', plain(stopListener)],
  ['AddBackendServers', plain(addBackendServers)],
  ['RemoveBackendServers', plain(removeBackendServers)],
  ['DescribeHealthStatus', plain(describeHealthStatus)],
]);

export const products: readonly Product[] = [
  { name: 'ecs', version: '2014-05-26', actions: ecsActions },
  { name: 'slb', version: '2014-05-15', actions: slbActions },
];
