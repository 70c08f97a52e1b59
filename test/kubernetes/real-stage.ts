import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  PolicyV1Api,
  StorageV1Api,
  setHeaderOptions,
  V1MicroTime,
} from '@kubernetes/client-node';
import type { Kubernetes } from '../../src/kubernetes/port.ts';
import type { Stage } from './stage.ts';

const NAMESPACE = 'default';
const LEASES = 'kube-node-lease';
const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

/** A stage on a real API server, whose other actors speak to it through the library's own clients as its administrator. */
export function realStage(kubernetes: Kubernetes, admin: string): Stage {
  const config = new KubeConfig();
  config.loadFromString(admin);
  const core = config.makeApiClient(CoreV1Api);
  const policy = config.makeApiClient(PolicyV1Api);
  const storage = config.makeApiClient(StorageV1Api);
  const coordination = config.makeApiClient(CoordinationV1Api);

  /** A remote clock that is an hour behind: nothing may depend on what it says. */
  let remote = Date.now() - 3_600_000;
  const podsOf = async (node: string) =>
    (await core.listNamespacedPod({ namespace: NAMESPACE, fieldSelector: `spec.nodeName=${node}` })).items;
  const cordonAsPerson = (name: string, unschedulable: true | null) =>
    core.patchNode({ name, body: { spec: { unschedulable } }, fieldManager: 'kubectl-cordon' }, merge);

  return {
    kubernetes,
    async addNode(name, { providerId, labels = {} } = {}) {
      const spec = providerId === undefined ? {} : { providerID: providerId };
      // Kubelets always set labels, and only of an object that had some field at first does the API keep who set what.
      const own = { 'kubernetes.io/hostname': name };
      await core.createNode({ body: { metadata: { name, labels: { ...own, ...labels } }, spec } });
    },
    async setReady(name, status) {
      remote += 1_000;
      const now = new Date(remote);
      const ready = {
        type: 'Ready',
        status,
        reason: 'Staged',
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      };
      await core.patchNodeStatus({ name, body: { status: { conditions: [ready] } } }, merge);
    },
    async renewLease(node) {
      remote += 10_000;
      const renewTime = new V1MicroTime(remote);
      const spec = { holderIdentity: node, leaseDurationSeconds: 40, renewTime };
      try {
        await coordination.createNamespacedLease({
          namespace: LEASES,
          body: { metadata: { name: node }, spec },
        });
      } catch (caught) {
        if (!hasCode(caught, 409)) throw caught;
        const body = { spec: { renewTime: new Date(remote).toISOString().replace('Z', '000Z') } };
        await coordination.patchNamespacedLease({ name: node, namespace: LEASES, body }, merge);
      }
    },
    async removeNode(name) {
      await core.deleteNode({ name });
    },
    node: (name) =>
      orNull(async () => {
        const { metadata, spec } = await core.readNode({ name });
        return {
          uid: metadata?.uid ?? '',
          unschedulable: spec?.unschedulable === true,
          annotations: metadata?.annotations ?? {},
        };
      }),
    async personCordons(node) {
      // As kubectl does: it looks first, and patches only what is not cordoned yet.
      if ((await core.readNode({ name: node })).spec?.unschedulable !== true)
        await cordonAsPerson(node, true);
    },
    async personUncordons(node) {
      await cordonAsPerson(node, null);
    },
    async addPod({ name, node, labels = {}, daemon, mirror, completed, claim }) {
      const uid = '00000000-0000-0000-0000-000000000000';
      const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'staged', uid, controller: true };
      await core.createNamespacedPod({
        namespace: NAMESPACE,
        body: {
          metadata: {
            name,
            labels,
            annotations: mirror ? { 'kubernetes.io/config.mirror': 'staged' } : {},
            ...(daemon ? { ownerReferences: [owner] } : {}),
          },
          spec: {
            nodeName: node,
            containers: [{ name: 'app', image: 'app' }],
            volumes: claim ? [{ name: 'data', persistentVolumeClaim: { claimName: claim } }] : [],
          },
        },
      });
      const now = new Date();
      const status = completed
        ? { phase: 'Succeeded' }
        : {
            phase: 'Running',
            conditions: [{ type: 'Ready', status: 'True', lastProbeTime: null, lastTransitionTime: now }],
          };
      await core.patchNamespacedPodStatus({ name, namespace: NAMESPACE, body: { status } }, merge);
    },
    async pods(node) {
      const items = await podsOf(node);
      return new Map(
        items.map(({ metadata }) => [
          metadata?.name ?? '',
          { deleting: metadata?.deletionTimestamp !== undefined },
        ]),
      );
    },
    async confirmDeletions(node) {
      for (const { metadata } of await podsOf(node)) {
        if (metadata?.deletionTimestamp === undefined) continue;
        const body = { gracePeriodSeconds: 0 };
        await core.deleteNamespacedPod({ name: metadata.name ?? '', namespace: NAMESPACE, body });
      }
    },
    async setBudget(name, labels, allowed) {
      const spec = { minAvailable: 1, selector: { matchLabels: labels } };
      try {
        await policy.createNamespacedPodDisruptionBudget({
          namespace: NAMESPACE,
          body: { metadata: { name }, spec },
        });
      } catch (caught) {
        if (!hasCode(caught, 409)) throw caught;
      }
      // What the disruption controller would have counted.
      const status = {
        observedGeneration: 1,
        disruptionsAllowed: allowed,
        currentHealthy: 1,
        desiredHealthy: 1,
        expectedPods: 1,
        disruptedPods: null,
      };
      await policy.patchNamespacedPodDisruptionBudgetStatus(
        { name, namespace: NAMESPACE, body: { status } },
        merge,
      );
    },
    async addVolumeAttachment(name, node) {
      const spec = { attacher: 'staged', nodeName: node, source: { persistentVolumeName: name } };
      await storage.createVolumeAttachment({ body: { metadata: { name }, spec } });
    },
    async volumeAttachments(node) {
      const { items } = await storage.listVolumeAttachment();
      return items.filter(({ spec }) => spec.nodeName === node).map(({ metadata }) => metadata?.name ?? '');
    },
    async events(node) {
      // The selector of `kubectl describe node`.
      const fieldSelector = `involvedObject.kind=Node,involvedObject.name=${node},involvedObject.uid=${node}`;
      const { items } = await core.listNamespacedEvent({ namespace: 'default', fieldSelector });
      return items.map(({ reason = '', type = '', message = '', count = 0 }) => ({
        reason,
        type,
        message,
        count,
      }));
    },
    bootstrapToken: (id) =>
      orNull(async () => {
        const { data = {} } = await core.readNamespacedSecret({
          name: `bootstrap-token-${id}`,
          namespace: 'kube-system',
        });
        return Object.fromEntries(
          Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
        );
      }),
  };
}

function hasCode(caught: unknown, code: number): boolean {
  return caught instanceof ApiException && caught.code === code;
}

async function orNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read();
  } catch (caught) {
    if (hasCode(caught, 404)) return null;
    throw caught;
  }
}
