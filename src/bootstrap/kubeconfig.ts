import { stringify } from 'yaml';
import type { KeyPair } from './certificates.ts';

/** Who a kubeconfig logs in as: a certificate, or a bootstrap token for a node that has no certificate yet. */
export type KubeconfigUser = { readonly certificate: KeyPair } | { readonly token: string };

/** A kubeconfig with one cluster, one user and one context, everything in it and nothing in other files. YAML. */
export function kubeconfig(options: {
  readonly cluster: string;
  /** The API server's address, such as `https://10.0.0.4:6443`. */
  readonly server: string;
  readonly caCertificate: string;
  readonly userName: string;
  readonly user: KubeconfigUser;
}): string {
  const { cluster, server, caCertificate, userName, user } = options;
  const context = `${userName}@${cluster}`;
  return stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: cluster, cluster: { server, 'certificate-authority-data': base64(caCertificate) } }],
      users: [{ name: userName, user: credentials(user) }],
      contexts: [{ name: context, context: { cluster, user: userName } }],
      'current-context': context,
    },
    { lineWidth: 0 },
  );
}

function credentials(user: KubeconfigUser): Readonly<Record<string, string>> {
  if ('token' in user) return { token: user.token };
  return {
    'client-certificate-data': base64(user.certificate.certificate),
    'client-key-data': base64(user.certificate.key),
  };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
