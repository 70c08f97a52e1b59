import { type Cloud, cloudTags } from '../cloud/port.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { packBundle, publishBundle } from './bundle.ts';
import type { ClusterApi } from './cluster-api.ts';
import { createClusterKeys, issueAdmin, issueControlPlane } from './cluster-keys.ts';
import type { ClusterMaterial } from './cluster-material.ts';
import { addressIn, type ClusterSpec, type InstanceTemplate, placement, slotName } from './cluster-spec.ts';
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
import { nodeName } from './node-files.ts';
import type { ObjectStore } from './object-store.ts';
import { userData } from './user-data.ts';
import { waitUntil } from './wait-until.ts';
import { publishWorker } from './worker-user-data.ts';

/** What creating a cluster works with. */
export interface CreateClusterOptions {
  readonly cloud: Pick<Cloud, 'region' | 'runInstance' | 'findInstance'>;
  readonly objects: Pick<ObjectStore, 'put'>;
  /** The API that a kubeconfig leads to. */
  readonly clusterApi: (kubeconfig: string) => ClusterApi;
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
/** How often instances, the API and the nodes are looked at, in ms. */
const LOOK_MS = 500;

/**
 * Creates a cluster: the control plane first (one node), then the workers of every pool, until all are Ready. Every wait has an end,
 * whose `Failure` says what was last seen. What was made stays when it fails: it carries the cluster's tag, and can be looked at.
 */
export async function createCluster(options: CreateClusterOptions): Promise<CreatedCluster> {
  const { cloud, objects, clusterApi, spec, clock, random, signal } = options;
  const progress = options.onProgress ?? (() => {});
  const timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
  const clusterDns = addressIn(spec.network.serviceCidr, 10);
  const common = { cluster: spec.cluster, clusterDns, clusterDomain: spec.network.domain };

  progress('making keys and certificates');
  const keys = await createClusterKeys(clock, random);
  const names = {
    serviceAddress: addressIn(spec.network.serviceCidr, 1),
    domain: spec.network.domain,
    alternatives: spec.sans,
  };
  const certificates = await issueControlPlane(keys, names, clock, random);
  const token = newBootstrapToken(random);

  progress('publishing the bundle of the control plane');
  const files = controlPlaneFiles(
    {
      ...common,
      region: cloud.region,
      podCidr: spec.network.podCidr,
      serviceCidr: spec.network.serviceCidr,
      nodeGraceSeconds: spec.nodeGraceSeconds,
      endpointReconciler: spec.endpointReconciler,
      token,
    },
    keys,
    certificates,
  );
  const bundle = await publishBundle(
    objects,
    await packBundle(spec.cluster, 'control-plane', files, controlPlaneUnits),
  );

  progress('starting the instance of the control plane');
  const controlPlane = await start(CONTROL_PLANE_POOL, 0, 'controlPlane', spec.controlPlane, {
    userData: userData({ cluster: spec.cluster, role: 'control-plane', ...spec.objects, ...bundle }),
  });
  const ip = await address(controlPlane);
  const server = `https://${ip}:${API_PORT}`;
  const caCertificate = keys.ca.certificate;
  const admin = kubeconfig({
    cluster: spec.cluster,
    server,
    caCertificate,
    userName: `${spec.cluster}-admin`,
    user: { certificate: await issueAdmin(keys, clock, random) },
  });
  await options.onKubeconfig?.(admin);

  progress(`waiting for the API server at ${server}`);
  const api = clusterApi(admin);
  await waitUntil({
    what: `the API server at ${server}`,
    advice: `See on the instance ${controlPlane.instanceId} what its user data and its units say`,
    clock,
    signal,
    timeoutMs: timeouts.apiMs,
    intervalMs: LOOK_MS,
    look: async () => ({ done: await api.ready() }),
  });

  progress('letting nodes join');
  const expiresAt = clock.now() + BOOTSTRAP_TOKEN_MS;
  await api.apply([
    ...bootstrapManifests,
    bootstrapTokenSecret(token, expiresAt, 'wdrip: the first nodes join with it'),
  ]);

  const material: ClusterMaterial = {
    version: 1,
    ...common,
    region: cloud.region,
    caCertificate,
    server,
    objects: spec.objects,
    nodeGraceSeconds: spec.nodeGraceSeconds,
    controlPlaneBundle: bundle,
  };
  const workers = await startWorkers(material, token);

  const instances: CreatedInstance[] = [];
  for (const started of [controlPlane, ...workers]) {
    instances.push({ ...started, nodeName: nodeName(await address(started), started.instanceId) });
  }
  await allReady(api, instances);
  await api.label(nodeName(ip, controlPlane.instanceId), controlPlaneLabels);
  return { material, kubeconfig: admin, instances };

  async function startWorkers(known: ClusterMaterial, joinToken: string): Promise<readonly Started[]> {
    const all: Started[] = [];
    for (const pool of spec.pools) {
      progress(`starting ${pool.replicas} instances of the pool ${pool.id}`);
      const script = await publishWorker({ material: known, pool: pool.id, token: joinToken, objects });
      const group = Array.from({ length: pool.replicas }, (_, index) =>
        start(pool.id, index, 'worker', pool, { userData: script }),
      );
      all.push(...(await Promise.all(group)));
    }
    return all;
  }

  async function start(
    pool: string,
    index: number,
    role: 'worker' | 'controlPlane',
    template: InstanceTemplate,
    what: { readonly userData: string },
  ): Promise<Started> {
    const { imageId, instanceType, securityGroupId, ramRole, systemDisk } = template;
    const slot = slotName(pool, index);
    const tags = {
      [cloudTags.cluster]: spec.cluster,
      [cloudTags.pool]: pool,
      [cloudTags.slot]: slot,
      [cloudTags.role]: role,
    };
    const asked = {
      imageId,
      instanceType,
      securityGroupId,
      ramRole,
      systemDisk,
      ...placement(template, index),
    };
    const instanceId = await cloud.runInstance({ ...asked, tags, ...what }, `create-${random.hex(16)}`);
    return { slot, instanceId };
  }

  /** The instance's address, once it has one and runs. */
  function address({ slot, instanceId }: Started): Promise<string> {
    return waitUntil<string>({
      what: `the instance ${instanceId} of ${slot} to run`,
      advice: 'See what the cloud says of it',
      clock,
      signal,
      timeoutMs: timeouts.instanceMs,
      intervalMs: LOOK_MS,
      look: async () => {
        const instance = await cloud.findInstance(instanceId);
        if (!instance) return { seen: 'the cloud does not know it (yet)' };
        const { status, privateIp } = instance;
        return status === 'Running' && privateIp ? { done: privateIp } : { seen: `it is ${status}` };
      },
    });
  }

  function allReady(of: ClusterApi, expected: readonly CreatedInstance[]): Promise<void> {
    progress(`waiting for ${expected.length} nodes to be Ready`);
    let before = -1;
    return waitUntil<void>({
      what: `${expected.length} nodes to be Ready`,
      advice: 'See on their instances what the user data and the unit kubelet say',
      clock,
      signal,
      timeoutMs: timeouts.nodesMs,
      intervalMs: LOOK_MS,
      look: async () => {
        const nodes = new Map((await of.nodes()).map((node) => [node.name, node]));
        const missing = expected.filter((each) => !nodes.get(each.nodeName)?.ready);
        if (missing.length === 0) return { done: undefined };
        const ready = expected.length - missing.length;
        if (ready !== before) progress(`${ready} of ${expected.length} nodes are Ready`);
        before = ready;
        const seen = missing.map(({ slot, nodeName: name }) => {
          const node = nodes.get(name);
          return `${slot} (${name}): ${node ? node.why || 'no status yet' : 'has not registered'}`;
        });
        return { seen: seen.join('; ') };
      },
    });
  }
}

interface Started {
  readonly slot: string;
  readonly instanceId: string;
}
