import type { V1Node } from '@kubernetes/client-node';
import { createApis } from '../kubernetes/apis.ts';
import { connect } from '../kubernetes/connection.ts';
import { loadKubeconfig } from '../kubernetes/kubeconfig.ts';
import type { Clock } from '../runtime/clock.ts';
import type { ClusterApi, Manifest, NodeReadiness } from './cluster-api.ts';

/** Who owns the fields that are applied here. */
const FIELD_MANAGER = 'wdrip';
/** The most that one call may take, in ms: all are small. A young API server that hangs is asked again. */
const CALL_MS = 10_000;

/** The cluster's API, as the kubeconfig's user (a path, or its text). Throws `Failure` `KubeconfigInvalid`. */
export function kubernetesClusterApi(kubeconfig: string, clock: Clock): ClusterApi {
  const connection = connect(loadKubeconfig(kubeconfig), clock);
  const { core } = createApis(connection, CALL_MS);
  const patch = async (
    path: string,
    kind: string,
    body: unknown,
    query: Readonly<Record<string, string>>,
  ) => {
    await connection.request({
      method: 'PATCH',
      url: connection.url(path, query),
      headers: { 'content-type': `application/${kind}` },
      body: JSON.stringify(body),
      timeoutMs: CALL_MS,
    });
  };
  return {
    // The API server makes this namespace itself, after all else: once it is there, whatever follows has its place.
    async ready() {
      await core.readNamespace({ name: 'kube-system' });
    },
    async apply(manifests) {
      for (const manifest of manifests) {
        // JSON is YAML.
        await patch(pathOf(manifest), 'apply-patch+yaml', manifest, {
          fieldManager: FIELD_MANAGER,
          force: 'true',
        });
      }
    },
    nodes: async () => (await core.listNode()).items.map(readiness),
    label: (node, labels) =>
      patch(
        `/api/v1/nodes/${node}`,
        'merge-patch+json',
        { metadata: { labels } },
        {
          fieldManager: FIELD_MANAGER,
        },
      ),
    close: () => connection.close(),
  };
}

/** Where the API keeps it. Only the kinds that are applied here have a place. */
function pathOf({ kind, metadata }: Manifest): string {
  switch (kind) {
    case 'ClusterRoleBinding':
      return `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${metadata.name}`;
    case 'Secret':
      return `/api/v1/namespaces/${metadata.namespace}/secrets/${metadata.name}`;
  }
}

function readiness(node: V1Node): NodeReadiness {
  const condition = node.status?.conditions?.find((each) => each.type === 'Ready');
  return {
    name: node.metadata?.name ?? '',
    ready: condition?.status === 'True',
    why: condition ? `${condition.reason ?? ''}: ${condition.message ?? ''}` : '',
  };
}
