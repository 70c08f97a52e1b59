import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  PatchStrategy,
  type V1Node,
} from '@kubernetes/client-node';
import { Failure, type FailureKind } from '../failure.ts';
import type { ClusterApi, NodeReadiness } from './cluster-api.ts';

/** Who owns the fields that are applied here. */
const FIELD_MANAGER = 'wdrip';

/** The cluster's API through the official client, as the kubeconfig's user. Throws `Failure` `BadKubeconfig` if it can't be read. */
export function kubernetesClusterApi(kubeconfig: string): ClusterApi {
  const config = new KubeConfig();
  try {
    config.loadFromString(kubeconfig);
  } catch (cause) {
    throw new Failure(
      {
        kind: 'rejected',
        code: 'BadKubeconfig',
        message: 'the kubeconfig of the new cluster cannot be read',
      },
      { cause },
    );
  }
  const core = config.makeApiClient(CoreV1Api);
  const objects = KubernetesObjectApi.makeApiClient(config);
  const server = config.getCurrentCluster()?.server ?? 'an unknown server';
  const attempt = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (caught) {
      throw apiFailure(`${what} at ${server}`, caught);
    }
  };
  return {
    // The default namespace is made by the API server itself, last of all: with it there, all that follows has its place.
    ready: () =>
      attempt('read the namespaces', async () => void (await core.readNamespace({ name: 'kube-system' }))),
    async apply(manifests) {
      for (const manifest of manifests) {
        await attempt(`apply ${manifest.kind} ${manifest.metadata.name}`, () =>
          objects.patch(manifest, undefined, undefined, FIELD_MANAGER, true, PatchStrategy.ServerSideApply),
        );
      }
    },
    nodes: () => attempt('list the nodes', async () => (await core.listNode()).items.map(readiness)),
    label: (node, labels) =>
      attempt(`label the node ${node}`, async () => {
        const patch = { apiVersion: 'v1', kind: 'Node', metadata: { name: node, labels: { ...labels } } };
        await objects.patch(patch, undefined, undefined, FIELD_MANAGER, undefined, PatchStrategy.MergePatch);
      }),
  };
}

function readiness(node: V1Node): NodeReadiness {
  const condition = node.status?.conditions?.find((each) => each.type === 'Ready');
  return {
    name: node.metadata?.name ?? '',
    ready: condition?.status === 'True',
    why: condition ? `${condition.reason ?? ''}: ${condition.message ?? ''}` : '',
  };
}

/** Maps what the client throws: by the answer's status where there was one, else as no answer. The body is left out: it may quote a secret. */
function apiFailure(tried: string, caught: unknown): Failure {
  if (!(caught instanceof ApiException)) {
    const text = caught instanceof Error ? caught.message : String(caught);
    return new Failure(
      { kind: 'retryable', code: 'ApiUnreachable', message: `${tried}: no answer: ${text}` },
      { cause: caught },
    );
  }
  const status = caught.code;
  const kind: FailureKind =
    status === 404 ? 'notFound' : status === 429 ? 'throttled' : status >= 500 ? 'retryable' : 'rejected';
  return new Failure({ kind, code: `Api${status}`, message: `${tried}: the API server answered ${status}` });
}
