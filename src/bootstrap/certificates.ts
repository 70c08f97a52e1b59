import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';

x509.cryptoProvider.set(webcrypto);

/** A certificate and its private key, both PEM (the key PKCS #8). */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate is for, beyond the name it carries. */
export interface CertificateRequest {
  readonly commonName: string;
  /** The groups that Kubernetes sees. */
  readonly organizations?: readonly string[];
  readonly usages: readonly ('client' | 'server')[];
  /** Subject alternative names: DNS names. */
  readonly names?: readonly string[];
  /** Subject alternative names: IP addresses. */
  readonly addresses?: readonly string[];
}

/** P-256 is what kubeadm offers for ECDSA; five CAs of it fit in 3 KB, RSA-2048 ones in 12 KB (reference/alibaba.md 5.1). */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Ten years, as kubeadm's CAs. Leaves live as long, since nothing renews them while their node lives. */
const VALID_MS = 3650 * DAY_MS;
/** A node's clock may be a little behind the one that signs. */
const BACKDATE_MS = 5 * 60 * 1000;
/** 126 random bits: RFC 5280 allows 20 bytes, and asks for a positive number. */
const SERIAL_BYTES = 16;

const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;

/** Makes a certificate authority that signs leaves only (path length 0). */
export async function createAuthority(commonName: string, clock: Clock, random: Random): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(random),
    name: [{ CN: [commonName] }],
    ...validity(clock),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pem(certificate.toString('pem')), key: await privatePem(keys.privateKey) };
}

/** Makes a key and has the authority sign a certificate for it. Rejects if the authority's PEM is broken. */
export async function issueCertificate(
  authority: KeyPair,
  request: CertificateRequest,
  clock: Clock,
  random: Random,
): Promise<KeyPair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const alternatives: x509.JsonGeneralName[] = [
    ...(request.names ?? []).map((value) => ({ type: 'dns', value }) as const),
    ...(request.addresses ?? []).map((value) => ({ type: 'ip', value }) as const),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(random),
    issuer: issuer.subjectName,
    subject: [...(request.organizations ?? []).map((name) => ({ O: [name] })), { CN: [request.commonName] }],
    ...validity(clock),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importPrivateKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(
        request.usages.map((usage) => (usage === 'client' ? clientAuth : serverAuth)),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(alternatives.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternatives)] : []),
    ],
  });
  return { certificate: pem(certificate.toString('pem')), key: await privatePem(keys.privateKey) };
}

/** The key pair that service-account tokens are signed and checked with. Both PEM. */
export async function createSigningKey(): Promise<{
  readonly publicKey: string;
  readonly privateKey: string;
}> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const spki = await webcrypto.subtle.exportKey('spki', keys.publicKey);
  return {
    publicKey: pem(x509.PemConverter.encode(spki, 'PUBLIC KEY')),
    privateKey: await privatePem(keys.privateKey),
  };
}

function validity(clock: Clock) {
  const now = clock.now();
  return { notBefore: new Date(now - BACKDATE_MS), notAfter: new Date(now + VALID_MS) };
}

/** Positive, and never with a leading zero byte. */
function serial(random: Random): string {
  const hex = random.hex(SERIAL_BYTES);
  const first = (Number.parseInt(hex.slice(0, 2), 16) & 0x3f) | 0x40;
  return first.toString(16).padStart(2, '0') + hex.slice(2);
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  return pem(x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY'));
}

function importPrivateKey(text: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(text);
  if (!der) throw new Error('the certificate authority has no private key in it');
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

/** One newline at the end, as every other tool writes it: PEM files are often joined. */
function pem(text: string): string {
  return `${text.trim()}\n`;
}
