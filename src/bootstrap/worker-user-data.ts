import type { Kubernetes } from '../kubernetes/port.ts';
import { packBundle, publishBundle } from './bundle.ts';
import type { ClusterMaterial } from './cluster-material.ts';
import { BOOTSTRAP_TOKEN_MS } from './manifests.ts';
import type { ObjectStore } from './object-store.ts';
import { userData } from './user-data.ts';
import { workerFiles, workerUnits } from './worker.ts';

/**
 * Prepares a worker's birth, for a new instance or for a new system disk: makes a fresh bootstrap token, publishes a bundle with it,
 * and returns the user data that fetches that bundle. Nothing in the user data is a secret. Throws `Failure` of either port.
 */
export async function prepareWorkerUserData(options: {
  readonly material: ClusterMaterial;
  readonly pool: string;
  readonly kubernetes: Pick<Kubernetes, 'createBootstrapToken'>;
  readonly objects: Pick<ObjectStore, 'put'>;
}): Promise<string> {
  const { material, pool, kubernetes, objects } = options;
  const token = await kubernetes.createBootstrapToken({
    ttlMs: BOOTSTRAP_TOKEN_MS,
    description: `wdrip: a node of the pool ${pool} of ${material.cluster} joins with it`,
  });
  return publishWorker({ material, pool, token, objects });
}

/** The same with a token that is there already: workers that are born together share one. */
export async function publishWorker(options: {
  readonly material: ClusterMaterial;
  readonly pool: string;
  readonly token: string;
  readonly objects: Pick<ObjectStore, 'put'>;
}): Promise<string> {
  const { material, pool, token, objects } = options;
  const { cluster, region, server, caCertificate, clusterDns, clusterDomain, nodeGraceSeconds } = material;
  const files = workerFiles({
    cluster,
    region,
    server,
    caCertificate,
    clusterDns,
    clusterDomain,
    nodeGraceSeconds,
    token,
    pool,
  });
  const bundle = await packBundle(cluster, 'worker', files, workerUnits);
  const { key, sha256 } = await publishBundle(objects, bundle);
  return userData({ cluster, role: 'worker', ...material.objects, key, sha256 });
}
