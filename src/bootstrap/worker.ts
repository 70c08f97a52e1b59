import { kubernetesNames } from '../kubernetes/port.ts';
import { kubeletFiles } from './kubelet.ts';
import type { NodeFile } from './node-files.ts';

/** What a worker of a pool must know to join its cluster. */
export interface WorkerSettings {
  readonly cluster: string;
  readonly region: string;
  /** The API server as workers reach it. */
  readonly server: string;
  readonly caCertificate: string;
  /** A bootstrap token that is still fresh when the node asks for its certificate. */
  readonly token: string;
  readonly pool: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly nodeGraceSeconds: number;
}

/** Everything that makes an instance a worker. No key of an authority is in it: a worker can prove who it is, and nothing more. */
export function workerFiles(settings: WorkerSettings): readonly NodeFile[] {
  return kubeletFiles({
    ...settings,
    bootstrap: { token: settings.token },
    labels: { [kubernetesNames.pool]: settings.pool },
    taints: [],
  });
}

/** In the order in which they are started. */
export const workerUnits = ['containerd', 'kubelet'] as const;
