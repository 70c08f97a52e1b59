import { kubernetesNames } from '../kubernetes/port.ts';
import type { KeyPair } from './certificates.ts';
import type { ClusterKeys, ControlPlaneCertificates } from './cluster-keys.ts';
import { etcdPorts, etcdUnit } from './etcd-unit.ts';
import { kubeconfig } from './kubeconfig.ts';
import { kubeletFiles } from './kubelet.ts';
import { type NodeFile, nodePaths, onNode, placeholders, plainFile, secretFile } from './node-files.ts';
import { flags, unitFile } from './units.ts';

/** The API server's port. */
export const API_PORT = 6443;

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
  /** Bootstrap token with which the node's own kubelet joins. */
  readonly token: string;
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
    ...pair(`${pki}/apiserver`, certificates.apiserver),
    ...pair(`${pki}/apiserver-kubelet-client`, certificates.apiserverKubeletClient),
    ...pair(`${pki}/apiserver-etcd-client`, certificates.apiserverEtcdClient),
    ...pair(`${pki}/front-proxy-client`, certificates.frontProxyClient),
    ...pair(`${pki}/etcd/etcd`, certificates.etcd),
    secretFile(
      `${kubernetes}/controller-manager.conf`,
      login('system:kube-controller-manager', certificates.controllerManager),
    ),
    secretFile(`${kubernetes}/scheduler.conf`, login('system:kube-scheduler', certificates.scheduler)),
    etcdUnit(settings.cluster),
    apiserverUnit(settings),
    controllerManagerUnit(settings),
    schedulerUnit(),
    ...kubeletFiles({
      ...settings,
      server,
      caCertificate: keys.ca.certificate,
      labels: { [kubernetesNames.pool]: CONTROL_PLANE_POOL },
      taints: [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
    }),
  ];
}

/** In the order in which they are started. */
export const controlPlaneUnits = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'containerd',
  'kubelet',
] as const;

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
        'etcd-servers': `https://${placeholders.ip}:${etcdPorts.client}`,
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
  });
}

function pair(path: string, keyPair: KeyPair): readonly NodeFile[] {
  return [plainFile(`${path}.crt`, keyPair.certificate), secretFile(`${path}.key`, keyPair.key)];
}
