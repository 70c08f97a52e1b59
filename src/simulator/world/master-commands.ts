import {
  inspectMember,
  startControlPlane,
  startMember,
  stopControlPlane,
} from '../../bootstrap/etcd-commands.ts';
import type { MemberInspection } from '../../bootstrap/etcd-inspection.ts';
import { nodePaths } from '../../bootstrap/node-files.ts';

/** What a script of src/bootstrap/etcd-commands.ts, or of the supervisor's own, does to a master's etcd. */
export type MasterCommand =
  | { readonly kind: 'inspect' | 'stopAll' | 'startAll' | 'startEtcd' | 'restartEtcd' | 'seeds' | 'keep' }
  /** Once an attempt. */
  | { readonly kind: 'wipe' | 'force'; readonly attempt: string }
  | {
      readonly kind: 'restore';
      readonly attempt: string;
      readonly key: string;
      readonly bumpRevision: number;
    };

/** Reads a script as the simulated instance understands it; null: it is none for etcd. */
export function readMasterCommand(script: string): MasterCommand | null {
  if (script === inspectMember()) return { kind: 'inspect' };
  if (script === stopControlPlane()) return { kind: 'stopAll' };
  if (script === startControlPlane()) return { kind: 'startAll' };
  if (script === startMember()) return { kind: 'startEtcd' };
  if (script.includes('systemctl restart etcd\n')) return { kind: 'restartEtcd' };
  const attempt = /attempts\/([\w.-]+)/.exec(script)?.[1] ?? '';
  if (script.includes('wdrip-node etcd-restore'))
    return {
      kind: 'restore',
      attempt,
      key: /--key '([^']*)'/.exec(script)?.[1] ?? '',
      bumpRevision: Number(/--bump-revision (\d+)/.exec(script)?.[1] ?? 0),
    };
  if (script.includes(nodePaths.etcdForce)) return { kind: 'force', attempt };
  if (script.includes(`rm -rf "$root/${nodePaths.etcdData}"/member`)) return { kind: 'wipe', attempt };
  if (script.includes(nodePaths.etcdSeeds)) return { kind: 'seeds' };
  return script.includes(nodePaths.etcdKept) ? { kind: 'keep' } : null;
}

/** What `inspectMember` prints of such data. `runs`: the master's units have been started. */
export function inspectionText(
  data: MemberInspection['data'],
  { runs = false, takesWrites = true }: { readonly runs?: boolean; readonly takesWrites?: boolean } = {},
): string {
  const state = runs ? 'active' : 'inactive';
  const units: MemberInspection['units'] = {
    etcd: state,
    'kube-apiserver': state,
    'kube-apiserver-ready': state,
    'kube-controller-manager': state,
    'kube-scheduler': state,
  };
  return `${JSON.stringify({ units, writesFail: takesWrites ? '' : 'Read-only file system', data })}\n`;
}

/** No data at all. */
export const noData: MemberInspection['data'] = {
  exists: false,
  memberId: '',
  clusterId: '',
  term: 0,
  commit: 0,
  lastTerm: 0,
  lastIndex: 0,
  database: null,
  corrupt: false,
  inUse: false,
  broken: '',
};
