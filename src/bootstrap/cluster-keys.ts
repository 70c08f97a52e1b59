import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { createAuthority, createSigningKey, issueCertificate, type KeyPair } from './certificates.ts';
import { BOOTSTRAPPERS } from './manifests.ts';

const keyPair = z.object({ certificate: z.string().min(1), key: z.string().min(1) }).readonly();

/** The secrets that make a cluster what it is. Whoever has them is the cluster: they leave this process only for a control-plane node. */
export const clusterKeysSchema = z
  .object({
    /** Signs what the API server serves with and whom it believes. */
    ca: keyPair,
    /** Signs the API server's own calls to aggregated API servers. */
    frontProxyCa: keyPair,
    /** Signs etcd's servers, its peers and its clients: the API servers, and wdrip. */
    etcdCa: keyPair,
    serviceAccount: z.object({ publicKey: z.string().min(1), privateKey: z.string().min(1) }).readonly(),
  })
  .readonly();
export type ClusterKeys = z.infer<typeof clusterKeysSchema>;

/** Makes a new cluster's keys. */
export async function createClusterKeys(clock: Clock, random: Random): Promise<ClusterKeys> {
  const [ca, frontProxyCa, etcdCa, serviceAccount] = await Promise.all([
    createAuthority('kubernetes', clock, random),
    createAuthority('kubernetes-front-proxy', clock, random),
    createAuthority('etcd', clock, random),
    createSigningKey(),
  ]);
  return { ca, frontProxyCa, etcdCa, serviceAccount };
}

/**
 * The certificates with which the programs of a control-plane node log in, named after the files that kubeadm puts them in. What it
 * serves with is not here: a node issues that itself, since only it knows its address.
 */
export interface ControlPlaneCertificates {
  readonly apiserverKubeletClient: KeyPair;
  readonly apiserverEtcdClient: KeyPair;
  readonly frontProxyClient: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
  /** The kubelet asks for its first certificate with it. No token, which would need an API server to make it, and would end. */
  readonly kubeletBootstrap: KeyPair;
}

/** Issues a control-plane node's certificates. */
export async function issueControlPlane(
  keys: ClusterKeys,
  clock: Clock,
  random: Random,
): Promise<ControlPlaneCertificates> {
  const client = (authority: KeyPair, commonName: string, organizations: readonly string[] = []) =>
    issueCertificate(authority, { commonName, organizations, usages: ['client'] }, clock, random);
  const [
    apiserverKubeletClient,
    apiserverEtcdClient,
    frontProxyClient,
    controllerManager,
    scheduler,
    kubeletBootstrap,
  ] = await Promise.all([
    client(keys.ca, 'kube-apiserver-kubelet-client'),
    client(keys.etcdCa, 'kube-apiserver-etcd-client'),
    client(keys.frontProxyCa, 'front-proxy-client'),
    client(keys.ca, 'system:kube-controller-manager'),
    client(keys.ca, 'system:kube-scheduler'),
    client(keys.ca, 'wdrip:control-plane-bootstrap', [BOOTSTRAPPERS]),
  ]);
  return {
    apiserverKubeletClient,
    apiserverEtcdClient,
    frontProxyClient,
    controllerManager,
    scheduler,
    kubeletBootstrap,
  };
}

/** A certificate with which everything is allowed. For the cluster's owner, and for wdrip. */
export function issueAdmin(keys: ClusterKeys, clock: Clock, random: Random): Promise<KeyPair> {
  return issueCertificate(
    keys.ca,
    { commonName: 'kubernetes-admin', organizations: ['system:masters'], usages: ['client'] },
    clock,
    random,
  );
}

/** A certificate with which wdrip itself talks to etcd: members, health, snapshots. etcd asks for no more than its authority's word. */
export function issueEtcdClient(keys: ClusterKeys, clock: Clock, random: Random): Promise<KeyPair> {
  return issueCertificate(keys.etcdCa, { commonName: 'wdrip', usages: ['client'] }, clock, random);
}
