import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { createAuthority, issueCertificate } from '../../src/bootstrap/certificates.ts';
import {
  createClusterKeys,
  issueAdmin,
  issueControlPlane,
  issueEtcdClient,
} from '../../src/bootstrap/cluster-keys.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { systemRandom } from '../../src/runtime/random.ts';

const clock = systemClock();
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

test('an authority signs leaves, and is believed only for its own', async () => {
  const ours = await createAuthority('kubernetes', clock, systemRandom);
  const other = await createAuthority('kubernetes', clock, systemRandom);
  const pair = await issueCertificate(
    ours,
    { commonName: 'someone', organizations: ['a', 'b'], usages: ['client'] },
    clock,
    systemRandom,
  );
  const ca = new X509Certificate(ours.certificate);
  const leaf = new X509Certificate(pair.certificate);
  expect(ca.ca).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.checkIssued(ca)).toBe(true);
  expect(leaf.verify(ca.publicKey)).toBe(true);
  expect(leaf.verify(new X509Certificate(other.certificate).publicKey)).toBe(false);
  expect(leaf.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
  expect(leaf.subject).toBe('O=a\nO=b\nCN=someone');
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
});

test('certificates are valid from a little before now, for ten years', async () => {
  const now = Date.UTC(2026, 10, 24, 12, 0, 0);
  const fixed = { now: () => now, after: () => () => {} };
  const { certificate } = await createAuthority('kubernetes', fixed, systemRandom);
  const { validFrom, validTo } = new X509Certificate(certificate);
  expect(Date.parse(validFrom)).toBe(now - 5 * 60 * 1000);
  expect(Date.parse(validTo)).toBe(now + 3650 * 24 * 60 * 60 * 1000);
});

test('serial numbers are positive and of full length, whatever the dice say', async () => {
  const zeros = { next: () => 0, hex: (bytes: number) => '00'.repeat(bytes) };
  const ones = { next: () => 0, hex: (bytes: number) => 'ff'.repeat(bytes) };
  for (const random of [zeros, ones]) {
    const { certificate } = await createAuthority('kubernetes', clock, random);
    expect(new X509Certificate(certificate).serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
  }
});

test("a control plane's programs log in with certificates that Kubernetes and etcd know by name, and can't serve with them", async () => {
  const keys = await createClusterKeys(clock, systemRandom);
  const issued = await issueControlPlane(keys, clock, systemRandom);
  for (const { certificate } of Object.values(issued))
    expect(new X509Certificate(certificate).keyUsage).toEqual([CLIENT_AUTH]);
  const etcd = new X509Certificate((await issueEtcdClient(keys, clock, systemRandom)).certificate);
  expect(etcd.keyUsage).toEqual([CLIENT_AUTH]);
  expect(etcd.verify(new X509Certificate(keys.etcdCa.certificate).publicKey)).toBe(true);
  expect(etcd.verify(new X509Certificate(keys.ca.certificate).publicKey)).toBe(false);

  const subjects = Object.entries(issued).map(([name, pair]) => [
    name,
    new X509Certificate(pair.certificate).subject,
  ]);
  expect(Object.fromEntries(subjects)).toEqual({
    apiserverKubeletClient: 'CN=kube-apiserver-kubelet-client',
    apiserverEtcdClient: 'CN=kube-apiserver-etcd-client',
    frontProxyClient: 'CN=front-proxy-client',
    controllerManager: 'CN=system:kube-controller-manager',
    scheduler: 'CN=system:kube-scheduler',
    kubeletBootstrap: 'O=system:bootstrappers\nCN=wdrip:control-plane-bootstrap',
  });
  const admin = new X509Certificate((await issueAdmin(keys, clock, systemRandom)).certificate);
  expect(admin.subject).toBe('O=system:masters\nCN=kubernetes-admin');
  expect(admin.keyUsage).toEqual([CLIENT_AUTH]);
});

test("the service accounts' keys are one pair", async () => {
  const { serviceAccount } = await createClusterKeys(clock, systemRandom);
  const derived = createPublicKey(serviceAccount.privateKey).export({ type: 'spki', format: 'pem' });
  expect(derived).toBe(serviceAccount.publicKey);
});
