import { type Cloud, nodeNameOf } from '../cloud/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { awaitNodes } from './await-nodes.ts';
import { type BundleReference, packBundle, publishBundle } from './bundle.ts';
import type { ClusterApi } from './cluster-api.ts';
import { type ClusterKeys, createClusterKeys, issueAdmin, issueControlPlane } from './cluster-keys.ts';
import type { ClusterMaterial } from './cluster-material.ts';
import { addressIn, type ClusterSpec } from './cluster-spec.ts';
import {
  API_PORT,
  CONTROL_PLANE_POOL,
  controlPlaneFiles,
  controlPlaneLabels,
  controlPlaneUnits,
} from './control-plane.ts';
import { kubeconfig } from './kubeconfig.ts';
import {
  BOOTSTRAP_TOKEN_MS,
  bootstrapManifests,
  bootstrapTokenSecret,
  newBootstrapToken,
} from './manifests.ts';
import type { ObjectStore } from './object-store.ts';
import { addressOf, type StartedInstance, startInstance } from './start-instance.ts';
import { userData } from './user-data.ts';
import { waitUntil } from './wait-until.ts';
import { publishWorker } from './worker-user-data.ts';

/** What creating a cluster works with. */
export interface CreateClusterOptions {
  readonly cloud: Pick<Cloud, 'region' | 'runInstance' | 'findInstance'>;
  readonly objects: Pick<ObjectStore, 'put'>;
  /** The API that a kubeconfig leads to. */
  readonly clusterApi: (kubeconfig: string, clock: Clock) => ClusterApi;
  readonly spec: ClusterSpec;
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of each step as it begins, and of what is waited for. */
  readonly onProgress?: (step: string) => void;
  /** Called as soon as there is a way into the cluster, so that it can be looked at even if the rest fails. */
  readonly onKubeconfig?: (kubeconfig: string) => Promise<void>;
  readonly signal?: AbortSignal;
  /** The most that the cloud may take to start an instance, in ms, and a node from there to Ready. */
  readonly timeouts?: { readonly instanceMs: number; readonly apiMs: number; readonly nodesMs: number };
}

export interface CreatedCluster {
  readonly material: ClusterMaterial;
  /** The owner's: everything is allowed with it. */
  readonly kubeconfig: string;
  readonly instances: readonly CreatedInstance[];
}

export interface CreatedInstance {
  readonly slot: string;
  readonly instanceId: string;
  readonly nodeName: string;
}

/** Real instances start in a minute; an API server is up some seconds after its programs are there; a node joins in less. */
const DEFAULT_TIMEOUTS = { instanceMs: 300_000, apiMs: 300_000, nodesMs: 300_000 };
/** How often the API is looked at until it answers, in ms. */
const LOOK_MS = 500;
/** The DNS service's address in the service network, as kubeadm has it. */
const DNS_INDEX = 10;

/**
 * Creates a cluster: the control plane first (one node), then the workers of every pool, until all are Ready. Every wait has an end,
 * whose `Failure` says what was last seen. What was made stays when it fails: it carries the cluster's tag, and can be looked at.
 */
export async function createCluster(options: CreateClusterOptions): Promise<CreatedCluster> {
  const { cloud, spec, clock, random, signal } = options;
  const { cluster } = spec;
  const progress = options.onProgress ?? (() => {});
  const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  const running = { cloud, clock, signal, timeoutMs: timeouts.instanceMs };

  progress('making keys and certificates');
  const keys = await createClusterKeys(clock, random);
  const token = newBootstrapToken(random);
  const bundle = await publishControlPlane(options, keys, token);

  progress('starting the instance of the control plane');
  const controlPlane = await startInstance(cloud, random, {
    cluster,
    pool: CONTROL_PLANE_POOL,
    index: 0,
    role: 'controlPlane',
    template: spec.controlPlane,
    userData: userData({ cluster, role: 'control-plane', ...spec.objects, ...bundle }),
  });
  const ip = await addressOf(controlPlane, running);
  const server = `https://${ip}:${API_PORT}`;
  const admin = kubeconfig({
    cluster,
    server,
    caCertificate: keys.ca.certificate,
    userName: `${cluster}-admin`,
    user: { certificate: await issueAdmin(keys, clock, random) },
  });
  await options.onKubeconfig?.(admin);

  const api = options.clusterApi(admin, clock);
  try {
    /** A young API server drops calls: each is made until it answers. */
    const ask = (what: string, call: () => Promise<void>) =>
      waitUntil<void>({
        what,
        advice: `See on the instance ${controlPlane.instanceId} what its user data and its units say`,
        clock,
        signal,
        timeoutMs: timeouts.apiMs,
        intervalMs: LOOK_MS,
        look: async () => ({ done: await call() }),
      });
    progress(`waiting for the API server at ${server}`);
    await ask(`the API server at ${server}`, () => api.ready());

    progress('letting nodes join');
    const expiresAt = clock.now() + BOOTSTRAP_TOKEN_MS;
    const secret = bootstrapTokenSecret(token, expiresAt, 'wdrip: the first nodes join with it');
    await ask('the roles of new nodes', () => api.apply([...bootstrapManifests, secret]));

    const material = materialOf(options, { server, bundle, caCertificate: keys.ca.certificate });
    const workers = await startWorkers(options, material, token);
    const instances = await Promise.all(
      [controlPlane, ...workers].map(async (started) => ({
        ...started,
        nodeName: nodeNameOf({ privateIp: await addressOf(started, running), id: started.instanceId }),
      })),
    );
    await awaitNodes(api, instances, { clock, signal, timeoutMs: timeouts.nodesMs, onProgress: progress });
    const master = nodeNameOf({ privateIp: ip, id: controlPlane.instanceId });
    await ask('the labels of the control plane', () => api.label(master, controlPlaneLabels));
    return { material, kubeconfig: admin, instances };
  } finally {
    api.close();
  }
}

/** Issues the control plane's certificates and stores its bundle. */
async function publishControlPlane(
  options: CreateClusterOptions,
  keys: ClusterKeys,
  token: string,
): Promise<BundleReference> {
  const { cloud, objects, spec, clock, random } = options;
  const { podCidr, serviceCidr, domain } = spec.network;
  const serviceAddress = addressIn(serviceCidr, 1);
  const names = { serviceAddress, domain, alternatives: spec.sans };
  const certificates = await issueControlPlane(keys, names, clock, random);
  options.onProgress?.('publishing the bundle of the control plane');
  const settings = {
    cluster: spec.cluster,
    region: cloud.region,
    podCidr,
    serviceCidr,
    clusterDns: addressIn(serviceCidr, DNS_INDEX),
    clusterDomain: domain,
    nodeGraceSeconds: spec.nodeGraceSeconds,
    endpointReconciler: spec.endpointReconciler,
    token,
  };
  const files = controlPlaneFiles(settings, keys, certificates);
  return publishBundle(objects, await packBundle(spec.cluster, 'control-plane', files, controlPlaneUnits));
}

function materialOf(
  { spec, cloud }: CreateClusterOptions,
  made: { readonly server: string; readonly bundle: BundleReference; readonly caCertificate: string },
): ClusterMaterial {
  return {
    version: 1,
    cluster: spec.cluster,
    region: cloud.region,
    caCertificate: made.caCertificate,
    server: made.server,
    objects: spec.objects,
    clusterDns: addressIn(spec.network.serviceCidr, DNS_INDEX),
    clusterDomain: spec.network.domain,
    nodeGraceSeconds: spec.nodeGraceSeconds,
    controlPlaneBundle: made.bundle,
  };
}

/** Asks for the workers of every pool, those of a pool at the same time. */
async function startWorkers(
  { cloud, objects, spec, random, onProgress }: CreateClusterOptions,
  material: ClusterMaterial,
  token: string,
): Promise<readonly StartedInstance[]> {
  const all: StartedInstance[] = [];
  for (const pool of spec.pools) {
    onProgress?.(`starting ${pool.replicas} instances of the pool ${pool.id}`);
    const script = await publishWorker({ material, pool: pool.id, token, objects });
    const order = {
      cluster: spec.cluster,
      pool: pool.id,
      role: 'worker',
      template: pool,
      userData: script,
    } as const;
    const group = Array.from({ length: pool.replicas }, (_, index) =>
      startInstance(cloud, random, { ...order, index }),
    );
    all.push(...(await Promise.all(group)));
  }
  return all;
}
