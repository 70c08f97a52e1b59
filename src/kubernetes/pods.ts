import { z } from 'zod';
import type { Listing } from './list.ts';

/** Of a Pod, what a drain decides on. */
export const podSchema = z.object({
  metadata: z.object({
    name: z.string().min(1),
    namespace: z.string().min(1),
    uid: z.string().min(1),
    annotations: z.record(z.string(), z.string()).nullish(),
    deletionTimestamp: z.string().nullish(),
    ownerReferences: z
      .array(z.object({ apiVersion: z.string(), kind: z.string(), controller: z.boolean().nullish() }))
      .nullish(),
  }),
  spec: z
    .object({
      volumes: z
        .array(z.object({ persistentVolumeClaim: z.unknown().optional(), ephemeral: z.unknown().optional() }))
        .nullish(),
    })
    .nullish(),
  status: z.object({ phase: z.string().optional() }).nullish(),
});
export type PodObject = z.infer<typeof podSchema>;

/** All pods that are bound to a node, whatever their state. */
export function podsOn(node: string): Listing<PodObject> {
  return { path: '/api/v1/pods', query: { fieldSelector: `spec.nodeName=${node}` }, item: podSchema };
}

/** Set by the kubelet on the API's picture of a pod that comes from a file on the node: nothing can evict it. */
const MIRROR_POD = 'kubernetes.io/config.mirror';

/** `namespace/name`, as people write it. */
export function podName({ metadata }: PodObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/**
 * The pods that a drain wants away, and of those which are still there.
 * Left out: pods of a DaemonSet (made again at once), mirror pods, and completed ones. From an unreachable node, where nothing can confirm
 * that a pod has stopped: also pods with a volume claim, whose double would write to the same disk (safety 29), and a pod counts
 * as away once it is marked for deletion (safety 27).
 */
export function selectForDrain(
  pods: readonly PodObject[],
  unreachable: boolean,
): { readonly wanted: readonly PodObject[]; readonly left: readonly PodObject[] } {
  const wanted = pods.filter(
    (pod) =>
      !isDaemonPod(pod) &&
      pod.metadata.annotations?.[MIRROR_POD] === undefined &&
      pod.status?.phase !== 'Succeeded' &&
      pod.status?.phase !== 'Failed' &&
      !(unreachable && hasClaim(pod)),
  );
  return { wanted, left: unreachable ? wanted.filter((pod) => !isBeingDeleted(pod)) : wanted };
}

/** True if the API has accepted the pod's deletion; the kubelet may not have ended it yet. */
export function isBeingDeleted(pod: PodObject): boolean {
  return Boolean(pod.metadata.deletionTimestamp);
}

function isDaemonPod(pod: PodObject): boolean {
  return (pod.metadata.ownerReferences ?? []).some(
    (owner) =>
      owner.controller === true && owner.kind === 'DaemonSet' && owner.apiVersion.startsWith('apps/'),
  );
}

function hasClaim(pod: PodObject): boolean {
  return (pod.spec?.volumes ?? []).some(
    (volume) => Boolean(volume.persistentVolumeClaim) || Boolean(volume.ephemeral),
  );
}
