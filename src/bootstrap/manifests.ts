import type { Random } from '../runtime/random.ts';
import type { Manifest } from './cluster-api.ts';

/** The group that every holder of a bootstrap token is in, and the kubelets of control-plane nodes before they have a certificate. */
export const BOOTSTRAPPERS = 'system:bootstrappers';

/**
 * What lets nodes join by themselves, as kubeadm sets it up: a token's holder may ask for a certificate, that certificate is signed
 * without a person, and a node may renew its own. And what lets the API server look into kubelets.
 */
export const bootstrapManifests: readonly Manifest[] = [
  binding('wdrip:kubelet-bootstrap', 'system:node-bootstrapper', { kind: 'Group', name: BOOTSTRAPPERS }),
  binding(
    'wdrip:node-autoapprove-bootstrap',
    'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    { kind: 'Group', name: BOOTSTRAPPERS },
  ),
  binding(
    'wdrip:node-autoapprove-certificate-rotation',
    'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    { kind: 'Group', name: 'system:nodes' },
  ),
  binding('wdrip:apiserver-kubelet-client', 'system:kubelet-api-admin', {
    kind: 'User',
    name: 'kube-apiserver-kubelet-client',
  }),
];

/** How long a node may take from its birth to its request for a certificate, in ms. What it needs a token for is over in seconds. */
export const BOOTSTRAP_TOKEN_MS = 30 * 60 * 1000;

/** A new bootstrap token: id of 6 characters, secret of 16 (64 random bits; it lives for half an hour). */
export function newBootstrapToken(random: Random): string {
  return `${random.hex(3)}.${random.hex(8)}`;
}

/** The Secret that makes a bootstrap token valid, until `expiresAt` (epoch ms). The token cleaner removes it then. */
export function bootstrapTokenSecret(token: string, expiresAt: number, description: string): Manifest {
  const [id = '', secret = ''] = token.split('.');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      description,
      'token-id': id,
      'token-secret': secret,
      expiration: new Date(expiresAt).toISOString(),
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
    },
  };
}

function binding(
  name: string,
  role: string,
  subject: { readonly kind: 'Group' | 'User'; readonly name: string },
): Manifest {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', ...subject }],
  };
}
