import { createOssStore } from '../backup/objects/oss.ts';
import { saveMaterial } from '../bootstrap/cluster-material.ts';
import { createCluster } from '../bootstrap/create-cluster.ts';
import { kubernetesClusterApi } from '../bootstrap/kubernetes-cluster-api.ts';
import { createAlibabaCloud } from '../cloud/alibaba.ts';
import { createAlibabaLoadBalancers } from '../cloud/alibaba-load-balancers.ts';
import type { LoadBalancers } from '../cloud/load-balancers.ts';
import type { Cloud } from '../cloud/port.ts';
import type { AlibabaOptions } from '../cloud/sdk.ts';
import { createEtcd } from '../etcd/adapter.ts';
import { Failure } from '../failure.ts';
import { systemClock } from '../runtime/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { type AdminClient, adminClient } from './admin-client.ts';
import { type SandboxClusterSettings, sandboxClusterSpec, superviseConfiguration } from './cluster.ts';
import { startDaemonProcess } from './daemon-process.ts';
import { defaultSandboxDir, type SandboxPaths, sandboxPaths } from './dir.ts';
import { takeDown } from './down.ts';
import { type ExecResult, execOn } from './exec.ts';
import { findInstance } from './find-instance.ts';
import { preparePrograms } from './host/programs.ts';
import { isSandboxLocked } from './lock.ts';
import { writePrivately } from './private-file.ts';
import { mustReadSandboxState, readSandboxState, type SandboxState } from './state.ts';

/** How a sandbox is brought up. */
export interface BringUpOptions {
  /** Its folder; by default the user's own. */
  readonly dir?: string | undefined;
  readonly workers: number;
  /** 1, 3 or 5; by default 1. */
  readonly masters?: number | undefined;
  /** A folder with etcd's and Kubernetes' programs; by default they are looked for, or built. */
  readonly programs?: string | undefined;
  /** How long the cloud takes over things: as a real one, or as fast as it can be watched. */
  readonly timings: 'fast' | 'real';
  /** How long a node may be silent before it is NotReady, in s. */
  readonly nodeGraceSeconds?: number | undefined;
  readonly cluster?: string | undefined;
  /** Changes to machines/policy.ts, for the supervisor's configuration. */
  readonly policy?: Readonly<Record<string, number>> | undefined;
  readonly onProgress?: ((step: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A sandbox that is up. */
export interface SandboxHandle {
  readonly dir: string;
  /** Path of the kubeconfig, and of the supervisor's configuration. */
  readonly kubeconfig: string;
  readonly superviseConfig: string;
  readonly paths: SandboxPaths;
  readonly state: SandboxState;
  /** The hand on the sandbox's cloud: faults, counted calls, history. */
  readonly admin: AdminClient;
  /** The cloud as anybody with the account's key sees it: to do things behind wdrip's back. */
  readonly cloud: Cloud;
  readonly loadBalancers: LoadBalancers;
  /** Runs a command on an instance (its id, address, node name or slot), without its agent. */
  exec(instance: string, command: readonly string[]): Promise<ExecResult>;
  down(options?: { readonly keep?: boolean }): Promise<void>;
}

/** Kubelets of the sandbox renew their lease every quarter of it: NotReady comes within 10 s of a failure. */
export const DEFAULT_NODE_GRACE_SECONDS = 10;
export const DEFAULT_MASTERS = 1;
export const DEFAULT_CLUSTER = 'sandbox';
/** The control plane starts in 10 s on an idle machine; ten times that is for a busy one. */
const TIMEOUTS = { instanceMs: 120_000, apiMs: 120_000, nodesMs: 180_000 };

/**
 * Brings up a sandbox: its cloud, and in that a cluster, by the product's own bootstrap. When it fails nothing runs, and its files stay
 * to be looked at; when `signal` is aborted nothing stays. Throws `Failure` `SandboxBusy` if there is one in that folder already.
 */
export async function bringUp(options: BringUpOptions): Promise<SandboxHandle> {
  const { workers, signal } = options;
  const clock = systemClock();
  const random = systemRandom;
  const progress = options.onProgress ?? (() => {});
  const paths = sandboxPaths(options.dir ?? defaultSandboxDir());
  const settings: SandboxClusterSettings = {
    masters: options.masters ?? DEFAULT_MASTERS,
    workers,
    nodeGraceSeconds: options.nodeGraceSeconds ?? DEFAULT_NODE_GRACE_SECONDS,
    policy: options.policy ?? {},
  };
  await mustBeFree(paths);
  progress('looking for the programs');
  const programs = await preparePrograms({ folder: options.programs, clock, signal, onProgress: progress });
  signal?.throwIfAborted();
  // What an earlier sandbox has left here, after a crash or kept on purpose: a cluster can't be continued from it.
  const before = await takeDown(paths.dir, { keep: false, clock });
  if (before.leftovers > 0 || before.removed) progress('cleared away what an earlier sandbox had left here');

  progress('opening the cloud');
  const daemon = await startDaemonProcess(paths, {
    clock,
    arguments: [
      ...['--cluster', options.cluster ?? DEFAULT_CLUSTER],
      ...['--timings', options.timings],
      ...['--tools', programs.tools],
    ],
  });
  try {
    const handle = await openSandbox(paths.dir);
    const { state, cloud, loadBalancers } = handle;
    signal?.throwIfAborted();

    const created = await createCluster({
      cloud,
      loadBalancers,
      etcd: ({ caCertificate, client }) =>
        createEtcd({ tls: { ca: caCertificate, cert: client.certificate, key: client.key }, clock }),
      objects: createOssStore({
        ...state,
        endpoint: state.objectsEndpoint,
        sldEnable: true,
        credentials: async () => state,
        clock,
        random,
      }),
      clusterApi: kubernetesClusterApi,
      spec: sandboxClusterSpec(state, settings),
      clock,
      random,
      timeouts: TIMEOUTS,
      onProgress: progress,
      onKubeconfig: (text) => writePrivately(paths.kubeconfig, text),
      ...(signal ? { signal } : {}),
    });
    await saveMaterial(paths.material, created.material);
    const { caCertificate, client } = created.etcd;
    await writePrivately(paths.etcdCa, caCertificate);
    await writePrivately(paths.etcdCert, client.certificate);
    await writePrivately(paths.etcdKey, client.key);
    const { id } = created.loadBalancer;
    await writePrivately(paths.supervise, superviseConfiguration(paths, state, settings, id));
    await daemon.release();
    return handle;
  } catch (caught) {
    await takeDown(paths.dir, { keep: !signal?.aborted, clock, onProgress: progress });
    throw caught;
  }
}

/** The handle of a sandbox that was brought up before. Throws `Failure` `NoSandbox`. */
export async function openSandbox(dir: string): Promise<SandboxHandle> {
  const clock = systemClock();
  const paths = sandboxPaths(dir);
  const state = await mustReadSandboxState(paths);
  const admin = adminClient(state.cloudEndpoint, state.adminToken, clock);
  const account: AlibabaOptions = {
    region: state.region,
    endpoint: state.cloudEndpoint,
    protocol: 'http',
    credentials: state,
    clock,
    random: systemRandom,
  };
  return {
    dir: paths.dir,
    kubeconfig: paths.kubeconfig,
    superviseConfig: paths.supervise,
    paths,
    state,
    admin,
    cloud: createAlibabaCloud(account),
    loadBalancers: createAlibabaLoadBalancers(account),
    exec: async (name, command) => execOn(paths, state, findInstance(await admin.instances(), name), command),
    down: async ({ keep = false } = {}) => void (await takeDown(paths.dir, { keep, clock })),
  };
}

async function mustBeFree(paths: SandboxPaths): Promise<void> {
  if (!(await isSandboxLocked(paths.dir))) return;
  const state = await readSandboxState(paths);
  const what = state?.phase === 'up' ? 'is up already' : 'is being brought up by another process';
  throw new Failure({
    kind: 'rejected',
    code: 'SandboxBusy',
    message: `the sandbox in ${paths.dir} ${what}: take it down with \`wdrip sandbox down\``,
  });
}
