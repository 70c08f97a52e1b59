import { stringify } from 'yaml';
import { type KubeconfigUser, kubeconfig } from './kubeconfig.ts';
import {
  type NodeFile,
  nodeNameTemplate,
  nodePaths,
  onNode,
  placeholders,
  plainFile,
  secretFile,
} from './node-files.ts';
import { flags, unitFile } from './units.ts';

/** What a kubelet must know to join. */
export interface KubeletSettings {
  readonly cluster: string;
  readonly region: string;
  /** Where the kubelet finds the API server: its own machine's on a control-plane node. */
  readonly server: string;
  readonly caCertificate: string;
  /** Whom it asks for its first certificate as: a bootstrap token's holder, or on a control-plane node one with a certificate. */
  readonly bootstrap: KubeconfigUser;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly effect: 'NoSchedule' }[];
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** How long the control plane waits for a heartbeat, in s. */
  readonly nodeGraceSeconds: number;
}

/** Kubernetes' default lease of a node, in s; a kubelet renews it four times in that time. */
const LONGEST_LEASE_SECONDS = 40;

/**
 * The files of the kubelet and of its container runtime. Every node has them, the control plane's too. The configuration is read by
 * the real kubelet and by the sandbox's hollow one alike.
 */
export function kubeletFiles(settings: KubeletSettings): readonly NodeFile[] {
  const { cluster, server, caCertificate, bootstrap } = settings;
  const configuration = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    // So that Kubernetes and the cloud agree on which machine this is, whatever it is called.
    providerID: `${settings.region}.${placeholders.instance}`,
    address: placeholders.ip,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: onNode(`${nodePaths.pki}/ca.crt`) },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'systemd',
    clusterDNS: [settings.clusterDns],
    clusterDomain: settings.clusterDomain,
    containerRuntimeEndpoint: `unix://${onNode('run/containerd/containerd.sock')}`,
    rotateCertificates: true,
    staticPodPath: onNode(`${nodePaths.kubernetes}/manifests`),
    registerWithTaints: settings.taints,
    // Renewed every quarter of it: several heartbeats must fit into the grace period, or a healthy node flaps.
    nodeLeaseDurationSeconds: Math.min(LONGEST_LEASE_SECONDS, settings.nodeGraceSeconds),
  };
  return [
    plainFile(nodePaths.kubeletConfig, stringify(configuration, { lineWidth: 0 })),
    plainFile(`${nodePaths.pki}/ca.crt`, caCertificate),
    plainFile(nodePaths.containerdConfig, containerdConfiguration()),
    secretFile(
      `${nodePaths.kubernetes}/bootstrap-kubelet.conf`,
      kubeconfig({ cluster, server, caCertificate, userName: 'kubelet-bootstrap', user: bootstrap }),
    ),
    unitFile({
      name: 'containerd',
      description: 'Container runtime',
      command: ['containerd', ...flags({ config: onNode(nodePaths.containerdConfig) })],
      restartSeconds: 5,
    }),
    unitFile({
      name: 'kubelet',
      description: 'Kubernetes node agent',
      wants: ['containerd'],
      command: [
        'kubelet',
        ...flags({
          config: onNode(nodePaths.kubeletConfig),
          'bootstrap-kubeconfig': onNode(`${nodePaths.kubernetes}/bootstrap-kubelet.conf`),
          kubeconfig: onNode(`${nodePaths.kubernetes}/kubelet.conf`),
          'cert-dir': onNode('var/lib/kubelet/pki'),
          'root-dir': onNode('var/lib/kubelet'),
          'hostname-override': nodeNameTemplate,
          'node-ip': placeholders.ip,
          'node-labels': Object.entries(settings.labels).map(([key, value]) => `${key}=${value}`),
        }),
      ],
      restartSeconds: 2,
    }),
  ];
}

function containerdConfiguration(): string {
  return [
    'version = 3',
    `root = "${onNode('var/lib/containerd')}"`,
    `state = "${onNode('run/containerd')}"`,
    '',
    '[grpc]',
    `  address = "${onNode('run/containerd/containerd.sock')}"`,
    '',
    "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]",
    '  SystemdCgroup = true',
    '',
  ].join('\n');
}
