import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where a sandbox lives unless `--dir` says otherwise. */
export function defaultSandboxDir(): string {
  return join(homedir(), '.wdrip', 'sandbox');
}

/** The files of a sandbox. */
export interface SandboxPaths {
  /** The folder itself, absolute. */
  readonly dir: string;
  /** What is known of the sandbox: endpoints and keys. */
  readonly state: string;
  /** The cloud's own state. */
  readonly cloud: string;
  readonly log: string;
  /** The way into the cluster, for its owner. */
  readonly kubeconfig: string;
  readonly material: string;
  /** wdrip's way into etcd: authority, certificate and key, PEM. */
  readonly etcdCa: string;
  readonly etcdCert: string;
  readonly etcdKey: string;
  /** The key that backups are encrypted with. */
  readonly backupKey: string;
  /** Configuration for `wdrip supervise`. */
  readonly supervise: string;
  /** The supervisor's records. */
  readonly store: string;
}

/** The files of the sandbox in a folder. */
export function sandboxPaths(folder: string): SandboxPaths {
  const dir = resolve(folder);
  const at = (name: string) => join(dir, name);
  return {
    dir,
    state: at('sandbox.json'),
    cloud: at('cloud.json'),
    log: at('daemon.log'),
    kubeconfig: at('kubeconfig'),
    material: at('material.json'),
    etcdCa: at('etcd-ca.crt'),
    etcdCert: at('etcd-client.crt'),
    etcdKey: at('etcd-client.key'),
    backupKey: at('backup.key'),
    supervise: at('supervise.yml'),
    store: at('store'),
  };
}

/** Everything that a sandbox ever puts into its folder, and nothing else: what `down` removes. */
export const sandboxEntries = [
  'sandbox.json',
  'sandbox.json.new',
  'cloud.json',
  'cloud.json.new',
  'daemon.log',
  'kubeconfig',
  'backup.key',
  'material.json',
  'material.json.new',
  'etcd-ca.crt',
  'etcd-client.crt',
  'etcd-client.key',
  'supervise.yml',
  'store',
  'instances',
  'objects',
] as const;
