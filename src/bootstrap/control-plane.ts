import { kubernetesNames } from '../kubernetes/port.ts';
import type { KeyPair } from './certificates.ts';
import type { ClusterKeys, ControlPlaneCertificates } from './cluster-keys.ts';
import { etcdClientUrl, etcdPorts, etcdUnit } from './etcd-unit.ts';
import { kubeconfig } from './kubeconfig.ts';
import { kubeletFiles } from './kubelet.ts';
import { type NodeFile, nodePaths, onNode, placeholders, plainFile, secretFile } from './node-files.ts';
import { flags, unitFile } from './units.ts';

/** The API server's port, on each master and on the load balancer. */
export const API_PORT = 6443;

/**
 * Open while the master's API server is ready, which needs its own etcd member: a load balancer that looks at `API_PORT` itself would go on
 * sending people to an API server that answers every request with an error.
 */
export const READY_PORT = 6444;

/** The pool label of control-plane nodes. */
export const CONTROL_PLANE_POOL = 'control-plane';

/** Labels that a kubelet may not give itself (NodeRestriction): whoever creates the cluster puts them on. */
export const controlPlaneLabels: Readonly<Record<string, string>> = {
  'node-role.kubernetes.io/control-plane': '',
  'node-role.kubernetes.io/master': '',
};

/** How the control plane is set up. */
export interface ControlPlaneSettings {
  readonly cluster: string;
  readonly region: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** How long a node may be silent before it counts as NotReady, in s. */
  readonly nodeGraceSeconds: number;
  /** `none` where the API server's address may not stand in an Endpoints object: a loopback address. */
  readonly endpointReconciler: 'lease' | 'none';
}

/** Everything that makes an instance a control-plane node: keys, certificates, units, kubeconfigs. It holds the CA's keys. */
export function controlPlaneFiles(
  settings: ControlPlaneSettings,
  keys: ClusterKeys,
  certificates: ControlPlaneCertificates,
): readonly NodeFile[] {
  const server = `https://${placeholders.ip}:${API_PORT}`;
  const login = (userName: string, certificate: KeyPair) =>
    kubeconfig({
      cluster: settings.cluster,
      server,
      caCertificate: keys.ca.certificate,
      userName,
      user: { certificate },
    });
  const { pki, kubernetes } = nodePaths;
  return [
    ...pair(`${pki}/ca`, keys.ca).slice(1),
    ...pair(`${pki}/front-proxy-ca`, keys.frontProxyCa),
    ...pair(`${pki}/etcd/ca`, keys.etcdCa),
    plainFile(`${pki}/sa.pub`, keys.serviceAccount.publicKey),
    secretFile(`${pki}/sa.key`, keys.serviceAccount.privateKey),
    ...pair(`${pki}/apiserver-kubelet-client`, certificates.apiserverKubeletClient),
    ...pair(`${pki}/apiserver-etcd-client`, certificates.apiserverEtcdClient),
    ...pair(`${pki}/front-proxy-client`, certificates.frontProxyClient),
    secretFile(
      `${kubernetes}/controller-manager.conf`,
      login('system:kube-controller-manager', certificates.controllerManager),
    ),
    secretFile(`${kubernetes}/scheduler.conf`, login('system:kube-scheduler', certificates.scheduler)),
    etcdUnit(settings.cluster),
    apiserverUnit(settings),
    readyUnit(),
    controllerManagerUnit(settings),
    schedulerUnit(),
    ...kubeletFiles({
      ...settings,
      server,
      caCertificate: keys.ca.certificate,
      bootstrap: { certificate: certificates.kubeletBootstrap },
      labels: { [kubernetesNames.pool]: CONTROL_PLANE_POOL },
      taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
    }),
  ];
}

/** In the order in which they are started. */
export const controlPlaneUnits = [
  'etcd',
  'kube-apiserver',
  'kube-apiserver-ready',
  'kube-controller-manager',
  'kube-scheduler',
  'containerd',
  'kubelet',
] as const;

/** What a control-plane node is known by, for the certificates it serves with. */
export interface ControlPlaneNames {
  /** The service IP of the API server: the first of the service network. */
  readonly serviceAddress: string;
  /** The cluster's DNS domain, such as `cluster.local`. */
  readonly domain: string;
  /** Addresses and names at which clients reach it, beside its own and those every API server has: the load balancer's first of all. */
  readonly alternatives: readonly string[];
}

/**
 * Shell lines of the install script with which the node issues what it serves with: its address is known to nobody before, and the
 * authorities' keys are there. Throws if a name could break out of its quotes.
 */
export function servingCertificates(names: ControlPlaneNames): readonly string[] {
  for (const name of [names.serviceAddress, names.domain, ...names.alternatives]) {
    if (!/^[\w.:-]+$/.test(name)) throw new Error(`${JSON.stringify(name)} cannot stand in a certificate`);
  }
  const addresses = ['127.0.0.1', names.serviceAddress, ...names.alternatives.filter(isAddress)];
  const service = 'kubernetes.default.svc';
  const hosts = ['kubernetes', 'kubernetes.default', service, `${service}.${names.domain}`, 'localhost'];
  const all = [...hosts, ...names.alternatives.filter((name) => !isAddress(name))];
  const pki = `"$root/${nodePaths.pki}"`;
  return [
    '# Certificates that this node serves with, valid for its own address.',
    `wdrip-node issue --ca ${pki}/ca --out ${pki}/apiserver --common-name kube-apiserver \\`,
    `  --names '${all.join(',')}' --addresses "$ip,${[...new Set(addresses)].join(',')}"`,
    // Not named as its authority is, which is called etcd: OpenSSL would take it for one that has signed itself.
    `wdrip-node issue --ca ${pki}/etcd/ca --out ${pki}/etcd/etcd --common-name "$instance" --client \\`,
    `  --names localhost --addresses "$ip,127.0.0.1"`,
  ];
}

function isAddress(name: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(name) || name.includes(':');
}

function readyUnit(): NodeFile {
  return unitFile({
    name: 'kube-apiserver-ready',
    description: 'Port that is open while the API server is ready',
    wants: ['kube-apiserver'],
    command: [
      'wdrip-node',
      'ready',
      ...flags({
        listen: `${placeholders.ip}:${READY_PORT}`,
        url: `https://${placeholders.ip}:${API_PORT}/readyz`,
        needs: `${placeholders.ip}:${etcdPorts.client}`,
        ca: onNode(`${nodePaths.pki}/ca.crt`),
      }),
    ],
    restartSeconds: 1,
  });
}

function apiserverUnit(settings: ControlPlaneSettings): NodeFile {
  const pki = onNode(nodePaths.pki);
  return unitFile({
    name: 'kube-apiserver',
    description: 'Kubernetes API server',
    wants: ['etcd'],
    command: [
      'kube-apiserver',
      ...flags({
        'bind-address': placeholders.ip,
        'advertise-address': placeholders.ip,
        'secure-port': API_PORT,
        'endpoint-reconciler-type': settings.endpointReconciler,
        'authorization-mode': ['Node', 'RBAC'],
        'enable-admission-plugins': ['NodeRestriction'],
        'enable-bootstrap-token-auth': true,
        'allow-privileged': true,
        'client-ca-file': `${pki}/ca.crt`,
        'tls-cert-file': `${pki}/apiserver.crt`,
        'tls-private-key-file': `${pki}/apiserver.key`,
        'kubelet-client-certificate': `${pki}/apiserver-kubelet-client.crt`,
        'kubelet-client-key': `${pki}/apiserver-kubelet-client.key`,
        'kubelet-preferred-address-types': ['InternalIP', 'Hostname'],
        // Its own member only: another one may belong to a cluster that was left behind by a restore.
        'etcd-servers': etcdClientUrl(placeholders.ip),
        'etcd-cafile': `${pki}/etcd/ca.crt`,
        'etcd-certfile': `${pki}/apiserver-etcd-client.crt`,
        'etcd-keyfile': `${pki}/apiserver-etcd-client.key`,
        'proxy-client-cert-file': `${pki}/front-proxy-client.crt`,
        'proxy-client-key-file': `${pki}/front-proxy-client.key`,
        'requestheader-client-ca-file': `${pki}/front-proxy-ca.crt`,
        'requestheader-allowed-names': ['front-proxy-client'],
        'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
        'requestheader-group-headers': 'X-Remote-Group',
        'requestheader-username-headers': 'X-Remote-User',
        'service-account-issuer': `https://kubernetes.default.svc.${settings.clusterDomain}`,
        'service-account-key-file': `${pki}/sa.pub`,
        'service-account-signing-key-file': `${pki}/sa.key`,
        'service-cluster-ip-range': settings.serviceCidr,
      }),
    ],
    restartSeconds: 1,
    // It waits for up to a minute for clients that keep their connections open. It holds nothing that could be lost.
    stopSeconds: 3,
  });
}

function controllerManagerUnit(settings: ControlPlaneSettings): NodeFile {
  const pki = onNode(nodePaths.pki);
  const login = onNode(`${nodePaths.kubernetes}/controller-manager.conf`);
  return unitFile({
    name: 'kube-controller-manager',
    description: 'Kubernetes controllers',
    wants: ['kube-apiserver'],
    command: [
      'kube-controller-manager',
      ...flags({
        'bind-address': placeholders.ip,
        kubeconfig: login,
        'authentication-kubeconfig': login,
        'authorization-kubeconfig': login,
        'leader-elect': true,
        // The last two turn bootstrap tokens into something that expires; they are off unless named.
        controllers: ['*', 'bootstrap-signer-controller', 'token-cleaner-controller'],
        'use-service-account-credentials': true,
        'cluster-name': settings.cluster,
        'client-ca-file': `${pki}/ca.crt`,
        'requestheader-client-ca-file': `${pki}/front-proxy-ca.crt`,
        'root-ca-file': `${pki}/ca.crt`,
        'cluster-signing-cert-file': `${pki}/ca.crt`,
        'cluster-signing-key-file': `${pki}/ca.key`,
        'service-account-private-key-file': `${pki}/sa.key`,
        'allocate-node-cidrs': true,
        'cluster-cidr': settings.podCidr,
        'service-cluster-ip-range': settings.serviceCidr,
        'node-monitor-grace-period': `${settings.nodeGraceSeconds}s`,
      }),
    ],
    restartSeconds: 2,
    // It gives its lease back through an API server that may be gone: nobody waits for that.
    stopSeconds: 3,
  });
}

function schedulerUnit(): NodeFile {
  const login = onNode(`${nodePaths.kubernetes}/scheduler.conf`);
  return unitFile({
    name: 'kube-scheduler',
    description: 'Kubernetes scheduler',
    wants: ['kube-apiserver'],
    command: [
      'kube-scheduler',
      ...flags({
        'bind-address': placeholders.ip,
        kubeconfig: login,
        'authentication-kubeconfig': login,
        'authorization-kubeconfig': login,
        'leader-elect': true,
      }),
    ],
    restartSeconds: 2,
    // It gives its lease back through an API server that may be gone: nobody waits for that.
    stopSeconds: 3,
  });
}

function pair(path: string, keyPair: KeyPair): readonly NodeFile[] {
  return [plainFile(`${path}.crt`, keyPair.certificate), secretFile(`${path}.key`, keyPair.key)];
}
