import { type Clock, wallTime } from '../runtime/clock.ts';
import { type Random, systemRandom } from '../runtime/random.ts';
import { createApis } from './apis.ts';
import { connect } from './connection.ts';
import { drain } from './drain.ts';
import { writeEvent } from './events.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import { defaultKubernetesLimits, type KubernetesLimits } from './limits.ts';
import { type KubernetesLog, silentLog } from './log.ts';
import { annotate, cordon, deleteNode, uncordon } from './nodes.ts';
import type { Kubernetes } from './port.ts';
import { releasePods } from './release.ts';
import { retrying } from './retry.ts';
import { createBootstrapToken } from './token.ts';
import { watchCluster } from './watch.ts';

export interface KubernetesOptions {
  /** A path, or the YAML itself. Certificates and tokens that it names as files are read anew for each call: they rotate. */
  readonly kubeconfig: string;
  readonly clock: Clock;
  readonly random?: Random;
  readonly log?: KubernetesLog;
  readonly limits?: Partial<KubernetesLimits>;
}

/** The port on one real API, with its connections. */
export interface KubernetesAdapter extends Kubernetes {
  /** Closes the connections; calls and watches under way end with a failure. */
  close(): void;
}

/** The port on a real API. Connects to nothing before it is used. Throws `Failure` `KubeconfigInvalid`. */
export function createKubernetes(options: KubernetesOptions): KubernetesAdapter {
  const { clock, log = silentLog, random = systemRandom } = options;
  const limits = { ...defaultKubernetesLimits, ...options.limits };
  const context = { clock, random, limits };
  const connection = connect(loadKubeconfig(options.kubeconfig), clock);
  const apis = createApis(connection, limits.callMs);
  const writes = { connection, apis, context };
  return {
    watch: (watcher) => watchCluster(connection, context, log, watcher),
    cordon: (node, mark = new Date(wallTime(clock)).toISOString(), signal) =>
      cordon({ ...writes, signal }, node, mark),
    uncordon: (node, signal) => uncordon({ ...writes, signal }, node),
    annotate: (node, annotations, signal) => annotate({ ...writes, signal }, node, annotations),
    drain: (node, drainOptions) => drain(connection, apis, context, node, drainOptions),
    releasePods: (node, signal) => releasePods(connection, apis, context, node, signal),
    deleteNode: (node, signal) => deleteNode({ ...writes, signal }, node),
    event: (entry) => writeEvent(apis, context, entry),
    createBootstrapToken: (tokenOptions) => createBootstrapToken(apis, context, tokenOptions),
    version: async () => (await retrying(context, () => apis.version.getCode())).gitVersion,
    close: () => connection.close(),
  };
}
