import { z } from 'zod';
import { kubernetesNames, type NodeFacts } from './port.ts';

/** Name under which the adapter writes: the API keeps for each field who set it last. */
export const FIELD_MANAGER = 'wdrip';

const strings = z.record(z.string(), z.string());

const metadataSchema = z.object({
  name: z.string().min(1),
  namespace: z.string().optional(),
  uid: z.string().optional(),
  resourceVersion: z.string().optional(),
  labels: strings.nullish(),
  annotations: strings.nullish(),
  managedFields: z
    .array(
      z.object({
        manager: z.string().optional(),
        subresource: z.string().optional(),
        fieldsV1: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .nullish(),
});

/** Of a Node object, what a repair decides on. Everything else that the API sends is ignored. */
export const nodeSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ providerID: z.string().optional(), unschedulable: z.boolean().optional() }).nullish(),
  status: z
    .object({
      conditions: z
        .array(
          z.object({
            type: z.string(),
            status: z.string(),
            reason: z.string().optional(),
            lastHeartbeatTime: z.string().nullish(),
          }),
        )
        .nullish(),
    })
    .nullish(),
});
export type NodeObject = z.infer<typeof nodeSchema>;

/** Of a Lease in kube-node-lease. */
export const leaseSchema = z.object({
  metadata: metadataSchema,
  spec: z.object({ renewTime: z.string().nullish() }).nullish(),
});
export type LeaseObject = z.infer<typeof leaseSchema>;

/** `cn-hangzhou.i-bp67acfmxazb4ph` */
const PROVIDER_ID = /^[a-z0-9-]+\.(i-[A-Za-z0-9-]+)$/;
/** `192.168.0.7.i-bp67acfmxazb4ph` */
const NODE_NAME = /^\d{1,3}(?:\.\d{1,3}){3}\.(i-[A-Za-z0-9-]+)$/;

/** The instance that a node runs on (safety 35: never guessed from a part of a name that only looks like it). */
export function instanceIdOf(name: string, providerId: string | undefined): string | null {
  if (providerId) return PROVIDER_ID.exec(providerId)?.[1] ?? null;
  return NODE_NAME.exec(name)?.[1] ?? null;
}

/** A Node object in the port's words. */
export function nodeFacts(node: NodeObject): NodeFacts {
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  const unschedulable = node.spec?.unschedulable === true;
  return {
    name: node.metadata.name,
    uid: node.metadata.uid ?? '',
    instanceId: instanceIdOf(node.metadata.name, node.spec?.providerID),
    labels: node.metadata.labels ?? {},
    annotations: node.metadata.annotations ?? {},
    ready: readyOf(ready?.status),
    reason: ready?.reason ?? '',
    unschedulable,
    cordonedByWdrip: unschedulable && cordonIsOurs(node),
  };
}

function readyOf(status: string | undefined): NodeFacts['ready'] {
  if (status === undefined) return 'Absent';
  return status === 'True' || status === 'False' ? status : 'Unknown';
}

/**
 * True if wdrip set the cordon that is there now. The annotation alone can't tell: a person who lifts our cordon leaves it behind, and
 * their own cordon later would look like ours. So nobody else may own the field `spec.unschedulable` either.
 */
export function cordonIsOurs(node: NodeObject): boolean {
  if (node.metadata.annotations?.[kubernetesNames.cordoned] === undefined) return false;
  const owners = (node.metadata.managedFields ?? []).filter((entry) => {
    const spec = entry.fieldsV1?.['f:spec'];
    return !entry.subresource && typeof spec === 'object' && spec !== null && 'f:unschedulable' in spec;
  });
  return owners.length === 0 || owners.some((entry) => entry.manager === FIELD_MANAGER);
}

/** What changes with each heartbeat that a kubelet writes into its Node; empty before the first. */
export function statusHeartbeat(node: NodeObject): string {
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  return ready?.lastHeartbeatTime ?? '';
}

/** True if a repair can't tell the two apart. */
export function sameFacts(a: NodeFacts, b: NodeFacts): boolean {
  return (
    a.name === b.name &&
    a.uid === b.uid &&
    a.instanceId === b.instanceId &&
    a.ready === b.ready &&
    a.reason === b.reason &&
    a.unschedulable === b.unschedulable &&
    a.cordonedByWdrip === b.cordonedByWdrip &&
    sameStrings(a.labels, b.labels) &&
    sameStrings(a.annotations, b.annotations)
  );
}

function sameStrings(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
