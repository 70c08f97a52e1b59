import { readFile } from 'node:fs/promises';
import { loadMaterial } from '../bootstrap/cluster-material.ts';
import { API_PORT } from '../bootstrap/control-plane.ts';
import { etcdClientUrl, etcdPeerUrl } from '../bootstrap/etcd-unit.ts';
import type { Backend } from '../cloud/load-balancers.ts';
import { cloudTags } from '../cloud/port.ts';
import { createEtcd, type EtcdClient } from '../etcd/adapter.ts';
import type { Member } from '../etcd/port.ts';
import { systemClock } from '../runtime/clock.ts';
import type { SandboxInstance } from './admin-client.ts';
import { slotOf } from './find-instance.ts';
import type { SandboxHandle } from './up.ts';

/** A dead member is not worth a person's wait: in ms. */
const ASK_MS = 2_000;

/** One master, as `wdrip sandbox status` shows it. */
export interface MasterStatus {
  readonly slot: string;
  /** `voter`, `leader`, `learner`, `none`, or `unknown` if no member could be asked. */
  readonly member: string;
  /** A read through the quorum succeeded there. */
  readonly healthy: boolean;
  /** What the balancer thinks of it: `normal`, `abnormal`, `unknown`, or `not behind it`. */
  readonly behind: string;
}

export interface ControlPlaneStatus {
  /** The API server as everybody but the masters reaches it. */
  readonly server: string;
  readonly masters: readonly MasterStatus[];
}

/**
 * Looks at the members of etcd and at the balancer. What does not answer is shown as that. Throws `Failure` if the material can't be
 * read.
 */
export async function lookAtControlPlane(sandbox: SandboxHandle): Promise<ControlPlaneStatus> {
  const { server } = await loadMaterial(sandbox.paths.material);
  const instances = (await sandbox.admin.instances()).filter(
    ({ tags }) => tags[cloudTags.role] === 'controlPlane',
  );
  const etcd = await openEtcd(sandbox);
  try {
    const endpoints = instances.map(({ ip }) => etcdClientUrl(ip));
    const asking = { timeoutMs: ASK_MS };
    const [membership, backends] = await Promise.all([
      etcd.members(endpoints, asking).catch(() => null),
      backendsOf(sandbox, new URL(server).hostname),
    ]);
    const masters = await Promise.all(
      instances.map((instance) => look(etcd, instance, membership?.members ?? null, backends)),
    );
    return { server, masters: masters.sort((a, b) => (a.slot < b.slot ? -1 : 1)) };
  } finally {
    etcd.close();
  }
}

async function look(
  etcd: EtcdClient,
  instance: SandboxInstance,
  members: readonly Member[] | null,
  backends: readonly Backend[],
): Promise<MasterStatus> {
  const endpoint = etcdClientUrl(instance.ip);
  const member = members?.find(({ peerUrls }) => peerUrls.includes(etcdPeerUrl(instance.ip)));
  const asking = { timeoutMs: ASK_MS };
  const [status, health] = await Promise.all([
    etcd.status(endpoint, asking).catch(() => null),
    etcd.health(endpoint, 'linearizable', asking),
  ]);
  const leads = status !== null && status.leader === status.memberId;
  const role = member?.learner ? 'learner' : leads ? 'leader' : 'voter';
  return {
    slot: slotOf(instance),
    member: members === null ? 'unknown' : member === undefined ? 'none' : role,
    healthy: health.healthy,
    behind: backends.find(({ instanceId }) => instanceId === instance.id)?.health ?? 'not behind it',
  };
}

async function backendsOf(sandbox: SandboxHandle, address: string): Promise<readonly Backend[]> {
  const id = (await sandbox.admin.balancers()).find((balancer) => balancer.address === address)?.id;
  return id === undefined ? [] : sandbox.loadBalancers.backends(id, API_PORT);
}

async function openEtcd({ paths }: SandboxHandle): Promise<EtcdClient> {
  const [ca = '', cert = '', key = ''] = await Promise.all(
    [paths.etcdCa, paths.etcdCert, paths.etcdKey].map((path) => readFile(path, 'utf8')),
  );
  return createEtcd({ tls: { ca, cert, key }, clock: systemClock() });
}
