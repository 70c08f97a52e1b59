import { type Cluster, KubeConfig } from '@kubernetes/client-node';
import { Failure } from '../failure.ts';

/** A kubeconfig that was read and is whole: it names a cluster with a server, and a user. */
export interface LoadedKubeconfig {
  readonly config: KubeConfig;
  readonly cluster: Cluster;
  /** The server's URL, without a slash at its end. */
  readonly server: string;
}

/**
 * Reads a kubeconfig: a path, or its text (which is anything of more than one line, or JSON).
 * Throws `Failure` `rejected`, code `KubeconfigInvalid`; the message never quotes the text, which holds keys.
 */
export function loadKubeconfig(kubeconfig: string): LoadedKubeconfig {
  const isText = kubeconfig.includes('\n') || kubeconfig.trimStart().startsWith('{');
  const name = isText ? 'The kubeconfig' : `The kubeconfig ${kubeconfig}`;
  const config = new KubeConfig();
  try {
    if (isText) config.loadFromString(kubeconfig);
    else config.loadFromFile(kubeconfig);
  } catch (cause) {
    throw invalid(`${name} can't be read: ${reasonOf(cause)}`);
  }
  const cluster = config.getCurrentCluster();
  const context = config.getCurrentContext();
  if (!cluster) throw invalid(`${name} has no cluster for its current context (${context || 'none is set'})`);
  if (!config.getCurrentUser()) throw invalid(`${name} has no user for its current context (${context})`);
  if (!URL.canParse(cluster.server)) throw invalid(`${name}: the cluster's server is no URL`);
  const server = cluster.server.replace(/\/+$/, '');
  if (server.startsWith('http:') && !cluster.skipTLSVerify) {
    throw invalid(`${name}: the server is plain http; say insecure-skip-tls-verify if that is meant`);
  }
  return { config, cluster, server };
}

/** What is safe to say of an error of the YAML parser (whose message quotes the text) or of the file system. */
function reasonOf(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null) return 'unknown reason';
  if ('reason' in cause && typeof cause.reason === 'string') return `not YAML (${cause.reason})`;
  if ('code' in cause && typeof cause.code === 'string') return cause.code;
  return 'not a kubeconfig';
}

function invalid(message: string): Failure {
  return new Failure({ kind: 'rejected', code: 'KubeconfigInvalid', message });
}
