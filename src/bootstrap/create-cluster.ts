import type { ListenerSpec, LoadBalancer, LoadBalancers } from '../cloud/load-balancers.ts';
import { type Cloud, cloudTags, nodeNameOf } from '../cloud/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { awaitNodes } from './await-nodes.ts';
import { type BundleReference, packBundle, publishBundle } from './bundle.ts';
import type { KeyPair } from './certificates.ts';
import type { ClusterApi } from './cluster-api.ts';
import {
  type ClusterKeys,
  createClusterKeys,
  issueAdmin,
  issueControlPlane,
  issueEtcdClient,
} from './cluster-keys.ts';
import type { ClusterMaterial } from './cluster-material.ts';
import { addressIn, type ClusterSpec } from './cluster-spec.ts';
import {
  API_PORT,
  CONTROL_PLANE_POOL,
  controlPlaneFiles,
  controlPlaneLabels,
  controlPlaneUnits,
  READY_PORT,
  servingCertificates,
} from './control-plane.ts';
import { controlPlaneUserData } from './control-plane-user-data.ts';
import { type EtcdMembership, joinMember } from './join-member.ts';
import { kubeconfig } from './kubeconfig.ts';
import {
  BOOTSTRAP_TOKEN_MS,
  bootstrapManifests,
  bootstrapTokenSecret,
  newBootstrapToken,
} from './manifests.ts';
import { nodePaths, plainFile } from './node-files.ts';
import type { ObjectStore } from './object-store.ts';
import { addressOf, type StartedInstance, startInstance } from './start-instance.ts';
import { userData } from './user-data.ts';
import { waitUntil } from './wait-until.ts';
import { publishWorker } from './worker-user-data.ts';

/** What creating a cluster works with. */
export interface CreateClusterOptions {
  readonly cloud: Pick<Cloud, 'region' | 'runInstance' | 'findInstance'>;
  readonly loadBalancers: Pick<LoadBalancers, 'create' | 'ensureListener' | 'addBackends'>;
  readonly objects: Pick<ObjectStore, 'put' | 'delete'>;
  /** The etcd that these certificates lead to. Asked for only if there is more than one master. */
  readonly etcd: (access: EtcdAccess) => EtcdMembership & { close(): void };
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

/** The way into etcd: all of it is allowed with that. PEM. */
export interface EtcdAccess {
  readonly caCertificate: string;
  readonly client: KeyPair;
}

export interface CreatedCluster {
  readonly material: ClusterMaterial;
  /** The owner's: everything is allowed with it. Through the load balancer. */
  readonly kubeconfig: string;
  readonly etcd: EtcdAccess;
  readonly loadBalancer: LoadBalancer;
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
/** The balancer's listener: an API server that is not ready is out after two to three seconds, the least that the cloud offers. */
const API_LISTENER: ListenerSpec = {
  port: API_PORT,
  backendPort: API_PORT,
  healthPort: READY_PORT,
  intervalSeconds: 1,
  timeoutSeconds: 1,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
};
/** The DNS service's address in the service network, as kubeadm has it. */
const DNS_INDEX = 10;

/**
 * Creates a cluster: a load balancer, the first master, then the other masters and the workers of every pool, until all are Ready. The
 * first master begins the etcd cluster; the others join as learners, one after the other, and are promoted. Every wait has an end, whose
 * `Failure` says what was last seen. What was made stays when it fails: it carries the cluster's tag, and can be looked at.
 */
export async function createCluster(options: CreateClusterOptions): Promise<CreatedCluster> {
  const { cloud, spec, clock, random, signal } = options;
  const { cluster } = spec;
  const progress = options.onProgress ?? (() => {});
  const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  const running = { cloud, clock, signal, timeoutMs: timeouts.instanceMs };

  progress('making keys and certificates');
  const keys = await createClusterKeys(clock, random);
  const etcd = { caCertificate: keys.etcdCa.certificate, client: await issueEtcdClient(keys, clock, random) };
  progress('creating the load balancer');
  const loadBalancer = await createBalancer(options);
  const { joining, founding } = await publishControlPlane(options, keys, loadBalancer.address);
  const server = `https://${loadBalancer.address}:${API_PORT}`;
  const material = materialOf(options, { server, bundle: joining, caCertificate: keys.ca.certificate });

  progress('starting the first instance of the control plane');
  const master = (index: number, userData: string) =>
    startInstance(cloud, random, {
      cluster,
      pool: CONTROL_PLANE_POOL,
      index,
      role: 'controlPlane',
      template: spec.controlPlane,
      userData,
    });
  const first = await master(0, userData({ cluster, role: 'control-plane', ...spec.objects, ...founding }));
  const ip = await addressOf(first, running);
  const login = { cluster, caCertificate: keys.ca.certificate, userName: `${cluster}-admin` };
  const user = { certificate: await issueAdmin(keys, clock, random) };
  const admin = kubeconfig({ ...login, server, user });
  await options.onKubeconfig?.(admin);
  await options.loadBalancers.addBackends(loadBalancer.id, [first.instanceId], { signal });
  const others = startOthers(spec.controlPlane.replicas, (index) =>
    master(index, controlPlaneUserData(material, [ip])),
  );

  // Straight to the first master: the balancer takes its time to believe in it.
  const direct = `https://${ip}:${API_PORT}`;
  const api = options.clusterApi(kubeconfig({ ...login, server: direct, user }), clock);
  try {
    /** A young API server drops calls: each is made until it answers. */
    const ask = (what: string, call: () => Promise<void>) =>
      waitUntil<void>({
        what,
        advice: `See on the instance ${first.instanceId} what its user data and its units say`,
        clock,
        signal,
        timeoutMs: timeouts.apiMs,
        intervalMs: LOOK_MS,
        look: async () => ({ done: await call() }),
      });
    progress(`waiting for the API server at ${direct}`);
    await ask(`the API server at ${direct}`, () => api.ready());
    // Nobody may begin a second cluster with it: what runs the first master's user data again finds nothing.
    await options.objects.delete(founding.key);

    progress('letting nodes join');
    const token = newBootstrapToken(random);
    const expiresAt = clock.now() + BOOTSTRAP_TOKEN_MS;
    const secret = bootstrapTokenSecret(token, expiresAt, 'wdrip: the first nodes join with it');
    await ask('the roles of new nodes', () => api.apply([...bootstrapManifests, secret]));

    const [joined, workers] = await Promise.all([
      joinOthers(options, {
        etcd,
        loadBalancer,
        first: ip,
        others: await others,
        timeoutMs: timeouts.apiMs,
        running,
      }),
      startWorkers(options, material, token),
    ]);
    const masters = [first, ...joined];
    const instances = await Promise.all(
      [...masters, ...workers].map(async (started) => ({
        ...started,
        nodeName: nodeNameOf({ privateIp: await addressOf(started, running), id: started.instanceId }),
      })),
    );
    await awaitNodes(api, instances, { clock, signal, timeoutMs: timeouts.nodesMs, onProgress: progress });
    for (const { nodeName } of instances.slice(0, masters.length))
      await ask('the labels of the control plane', () => api.label(nodeName, controlPlaneLabels));
    return { material, kubeconfig: admin, etcd, loadBalancer, instances };
  } finally {
    api.close();
  }
}

async function createBalancer(options: CreateClusterOptions): Promise<LoadBalancer> {
  const { loadBalancers, spec, random, signal } = options;
  const { cluster, controlPlane } = spec;
  const balancer = await loadBalancers.create(
    {
      name: `wdrip-${cluster}`,
      ...controlPlane.loadBalancer,
      tags: { [cloudTags.cluster]: cluster, [cloudTags.role]: 'controlPlane' },
    },
    `create-${random.hex(16)}`,
    { signal },
  );
  await loadBalancers.ensureListener(balancer.id, API_LISTENER, { signal });
  return balancer;
}

/** All masters but the first, at the same time: each waits by itself until it may join. */
function startOthers(
  replicas: number,
  start: (index: number) => Promise<StartedInstance>,
): Promise<readonly StartedInstance[]> {
  const all = Promise.all(Array.from({ length: replicas - 1 }, (_, index) => start(index + 1)));
  // Whoever waits for it later hears of a failure; until then it is not unheard of.
  all.catch(() => undefined);
  return all;
}

/** Brings the other masters into etcd, one after the other, and puts them behind the balancer. */
async function joinOthers(
  options: CreateClusterOptions,
  order: {
    readonly etcd: EtcdAccess;
    readonly loadBalancer: LoadBalancer;
    /** Address of the first master. */
    readonly first: string;
    readonly others: readonly StartedInstance[];
    readonly timeoutMs: number;
    readonly running: Parameters<typeof addressOf>[1];
  },
): Promise<readonly StartedInstance[]> {
  const { clock, signal } = options;
  if (order.others.length === 0) return [];
  const etcd = options.etcd(order.etcd);
  const voters = [order.first];
  try {
    for (const started of order.others) {
      const address = await addressOf(started, order.running);
      options.onProgress?.(`bringing ${started.slot} into etcd`);
      await joinMember(etcd, { voters, address }, { clock, signal, timeoutMs: order.timeoutMs });
      voters.push(address);
      await options.loadBalancers.addBackends(order.loadBalancer.id, [started.instanceId], { signal });
    }
    return order.others;
  } finally {
    etcd.close();
  }
}

/**
 * Stores the control plane's bundle, and beside it the one that lets the first master begin a new etcd cluster. They differ in that
 * one file, and the second is deleted when the cluster is there.
 */
async function publishControlPlane(
  options: CreateClusterOptions,
  keys: ClusterKeys,
  balancer: string,
): Promise<{ readonly joining: BundleReference; readonly founding: BundleReference }> {
  const { cloud, objects, spec, clock, random } = options;
  const { podCidr, serviceCidr, domain } = spec.network;
  const certificates = await issueControlPlane(keys, clock, random);
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
  };
  const files = controlPlaneFiles(settings, keys, certificates);
  const serving = servingCertificates({
    serviceAddress: addressIn(serviceCidr, 1),
    domain,
    alternatives: [balancer, ...spec.sans],
  });
  const publish = async (all: typeof files) =>
    publishBundle(objects, await packBundle(spec.cluster, 'control-plane', all, controlPlaneUnits, serving));
  return {
    joining: await publish(files),
    founding: await publish([...files, plainFile(nodePaths.etcdFound, '')]),
  };
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
