import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { createAuthority, createSigningKey, issueCertificate, type KeyPair } from './certificates.ts';

const keyPair = z.object({ certificate: z.string().min(1), key: z.string().min(1) }).readonly();

/** The secrets that make a cluster what it is. Whoever has them is the cluster: they leave this process only for a control-plane node. */
export const clusterKeysSchema = z
  .object({
    /** Signs what the API server serves with and whom it believes. */
    ca: keyPair,
    /** Signs the API server's own calls to aggregated API servers. */
    frontProxyCa: keyPair,
    /** Signs etcd's servers, its peers and its one client, the API server. */
    etcdCa: keyPair,
    serviceAccount: z.object({ publicKey: z.string().min(1), privateKey: z.string().min(1) }).readonly(),
  })
  .readonly();
export type ClusterKeys = z.infer<typeof clusterKeysSchema>;

/** What a control-plane node is known by, for the certificates it serves with. */
export interface ControlPlaneNames {
  /** The service IP of the API server: the first of the service network. */
  readonly serviceAddress: string;
  /** The cluster's DNS domain, such as `cluster.local`. */
  readonly domain: string;
  /** Addresses and names at which clients reach it, beside those every API server has. */
  readonly alternatives: readonly string[];
}

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

/** The certificates of a control-plane node, named after the files that kubeadm puts them in. */
export interface ControlPlaneCertificates {
  readonly apiserver: KeyPair;
  readonly apiserverKubeletClient: KeyPair;
  readonly apiserverEtcdClient: KeyPair;
  readonly frontProxyClient: KeyPair;
  readonly etcd: KeyPair;
  readonly controllerManager: KeyPair;
  readonly scheduler: KeyPair;
}

/** Issues a control-plane node's certificates. */
export async function issueControlPlane(
  keys: ClusterKeys,
  names: ControlPlaneNames,
  clock: Clock,
  random: Random,
): Promise<ControlPlaneCertificates> {
  const addresses = names.alternatives.filter(isAddress);
  const hosts = names.alternatives.filter((name) => !isAddress(name));
  const issue = (authority: KeyPair, request: Parameters<typeof issueCertificate>[1]) =>
    issueCertificate(authority, request, clock, random);
  const client = (authority: KeyPair, commonName: string) =>
    issue(authority, { commonName, usages: ['client'] });
  const [
    apiserver,
    apiserverKubeletClient,
    apiserverEtcdClient,
    frontProxyClient,
    etcd,
    controllerManager,
    scheduler,
  ] = await Promise.all([
    issue(keys.ca, {
      commonName: 'kube-apiserver',
      usages: ['server'],
      names: [
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        `kubernetes.default.svc.${names.domain}`,
        'localhost',
        ...hosts,
      ],
      addresses: unique(['127.0.0.1', names.serviceAddress, ...addresses]),
    }),
    client(keys.ca, 'kube-apiserver-kubelet-client'),
    client(keys.etcdCa, 'kube-apiserver-etcd-client'),
    client(keys.frontProxyCa, 'front-proxy-client'),
    issue(keys.etcdCa, {
      commonName: 'etcd',
      usages: ['server', 'client'],
      names: ['localhost', ...hosts],
      addresses: unique(['127.0.0.1', ...addresses]),
    }),
    client(keys.ca, 'system:kube-controller-manager'),
    client(keys.ca, 'system:kube-scheduler'),
  ]);
  return {
    apiserver,
    apiserverKubeletClient,
    apiserverEtcdClient,
    frontProxyClient,
    etcd,
    controllerManager,
    scheduler,
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

function isAddress(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || name.includes(':');
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}
