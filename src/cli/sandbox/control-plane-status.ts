import { type ControlPlaneStatus, lookAtControlPlane } from '../../sandbox/control-plane-status.ts';
import type { SandboxHandle } from '../../sandbox/up.ts';
import { table } from '../table.ts';

/** What is to be seen of the control plane, or null while the cluster is being made. */
export async function controlPlaneStatus(sandbox: SandboxHandle): Promise<ControlPlaneStatus | null> {
  return sandbox.state.phase === 'up' ? lookAtControlPlane(sandbox) : null;
}

/** For people: the balancer, and each master's member and place behind it. */
export function controlPlaneLines({ server, masters }: ControlPlaneStatus): string {
  const rows = masters.map(({ slot, member, healthy, behind }) => [
    slot,
    member,
    healthy ? 'healthy' : 'not healthy',
    behind,
  ]);
  return `${table(['MASTER', 'ETCD MEMBER', 'ETCD', 'BALANCER'], rows)}\n\nthe API, through the load balancer: ${server}`;
}
