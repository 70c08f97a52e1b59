import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Deployment,
} from '@kubernetes/client-node';
import { type Patience, until } from './until.ts';

/** A Deployment whose pods are spread over the workers: what users would miss. */
export interface Workload {
  readonly replicas: number;
  /** How many pods are Ready, of the newest generation. */
  ready(): Promise<number>;
  /** How many of its pods are bound to this node. */
  on(node: string): Promise<number>;
  /** Waits until all replicas are Ready. */
  untilWhole(limitMs: number): Promise<void>;
  /** Makes all pods anew, spread evenly. */
  spread(): Promise<void>;
  /** Deletes a Node object, as `kubectl delete node` does. */
  deleteNode(name: string): Promise<void>;
}

const namespace = 'default';
const name = 'web';
const selector = `app=${name}`;
/** A rollout of a handful of pretended containers takes seconds. */
const rolloutMs = 120_000;

/** Creates the Deployment and waits for its pods. */
export async function deployWorkload(
  kubeconfig: string,
  replicas: number,
  patience: Patience,
): Promise<Workload> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const apps = config.makeApiClient(AppsV1Api);
  const core = config.makeApiClient(CoreV1Api);
  await apps.createNamespacedDeployment({ namespace, body: deployment(replicas) });

  const ready = async () => {
    const { metadata, status } = await apps.readNamespacedDeployment({ namespace, name });
    if (status?.observedGeneration !== metadata?.generation) return 0;
    return status?.updatedReplicas === replicas && status.replicas === replicas
      ? (status.readyReplicas ?? 0)
      : 0;
  };
  const on = async (node: string) => {
    const fieldSelector = `spec.nodeName=${node}`;
    const { items } = await core.listNamespacedPod({ namespace, labelSelector: selector, fieldSelector });
    return items.length;
  };
  const untilWhole = async (limitMs: number) => {
    let seen = 0;
    await until(
      patience,
      `${replicas} Ready pods of the Deployment`,
      limitMs,
      async () => {
        seen = await ready();
        return seen === replicas;
      },
      () => `${seen} are`,
      200,
    );
  };
  await untilWhole(rolloutMs);
  return {
    replicas,
    ready,
    on,
    untilWhole,
    async spread() {
      const annotations = { 'test.wdrip.io/spread': String(patience.clock.now()) };
      await apps.patchNamespacedDeployment(
        { namespace, name, body: { spec: { template: { metadata: { annotations } } } } },
        setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
      );
      await untilWhole(rolloutMs);
    },
    async deleteNode(node) {
      await core.deleteNode({ name: node });
    },
  };
}

function deployment(replicas: number): V1Deployment {
  const labels = { app: name };
  return {
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels },
            },
          ],
          containers: [{ name: 'web', image: 'registry.invalid/web:1' }],
        },
      },
    },
  };
}
