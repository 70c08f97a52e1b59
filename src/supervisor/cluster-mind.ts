import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import { type ClusterMind, MAX_MIND_BYTES } from '../backup/mind.ts';
import type { ObjectStore } from '../backup/objects/port.ts';
import { type ClusterMaterial, loadMaterial } from '../bootstrap/cluster-material.ts';
import { Failure } from '../failure.ts';
import type { SupervisorConfig } from './config.ts';

/** Where a bundle has the cluster's authorities and service-account keys: what makes the cluster what it is. */
const keyFiles = /(^|\/)pki\//;
/** Where the API server's keys for what it encrypts would be. */
const encryptionFiles = /encryption/;

/**
 * Everything but etcd's data that a new body of the cluster needs (safety 56). Read anew for each backup: it changes when the cluster
 * does.
 */
export async function gatherMind(
  config: SupervisorConfig,
  objects: Pick<ObjectStore, 'get'>,
): Promise<ClusterMind> {
  const material = await loadMaterial(config.material);
  const bundle = await fetchBundle(material, objects);
  const files = await filesOf(bundle);
  const chosen = (pattern: RegExp) =>
    Object.fromEntries(
      [...files]
        .filter(([path]) => pattern.test(path))
        .map(([path, content]) => [path, content.toString('base64')]),
    );
  const encryption = chosen(encryptionFiles);
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  return {
    'cluster-spec': json({
      cluster: config.cluster,
      region: config.cloud.region,
      controlPlane: config.controlPlane ?? null,
      network: { clusterDns: material.clusterDns, clusterDomain: material.clusterDomain },
    }),
    'cluster-material': await readFile(config.material),
    'cluster-keys': json(chosen(keyFiles)),
    'encryption-keys': Object.keys(encryption).length === 0 ? null : json(encryption),
    'node-pools': json(config.pools),
    'control-plane-bundle': bundle,
  };
}

async function fetchBundle(
  { controlPlaneBundle: { key, sha256 } }: ClusterMaterial,
  objects: Pick<ObjectStore, 'get'>,
): Promise<Buffer> {
  const bundle = await objects.get(key, MAX_MIND_BYTES);
  if (createHash('sha256').update(bundle).digest('hex') === sha256) return bundle;
  throw new Failure({
    kind: 'rejected',
    code: 'BundleDamaged',
    message: `the control plane's bundle ${key} is not what the cluster's material says: a backup with it could not be restored`,
  });
}

async function filesOf(bundle: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const unpack = tar.extract();
  Readable.from([bundle]).pipe(createGunzip()).pipe(unpack);
  for await (const entry of unpack) files.set(entry.header.name, await buffer(entry));
  return files;
}
