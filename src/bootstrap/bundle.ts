import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { createGzip } from 'node:zlib';
import tar from 'tar-stream';
import { installScript } from './install-script.ts';
import type { NodeFile } from './node-files.ts';
import type { ObjectStore } from './object-store.ts';

/** The classes of nodes. Each has a RAM role that may read its own folder of bundles, and nothing else. */
export type NodeRole = 'control-plane' | 'worker';

/** A bundle as it is stored. */
export interface BundleReference {
  readonly key: string;
  /** Hex. What the node must find, or else it refuses the bundle. */
  readonly sha256: string;
}

export interface Bundle extends BundleReference {
  /** tar.gz. */
  readonly content: Buffer;
}

/** A bundle is some 10 KB; one of this size would be a mistake. */
const MAX_BUNDLE_BYTES = 1024 * 1024;

/** Where a cluster's bundles lie. RAM policies are written for this prefix. */
export function bundlePrefix(cluster: string, role: NodeRole): string {
  return `clusters/${cluster}/bootstrap/${role}/`;
}

/**
 * Packs a role's files, with the script that finishes the node from them (`steps`: installScript). The same files give the same bytes,
 * and the name is made of those: a bundle can't be swapped for another under its name.
 */
export async function packBundle(
  cluster: string,
  role: NodeRole,
  files: readonly NodeFile[],
  units: readonly string[],
  steps: readonly string[] = [],
): Promise<Bundle> {
  const all = [...files, installScript(files, units, steps)].sort((a, b) => (a.path < b.path ? -1 : 1));
  const twice = all.find((file, index) => file.path === all[index + 1]?.path);
  if (twice) throw new Error(`the ${role} bundle of ${cluster} has the file ${twice.path} twice`);
  const pack = tar.pack();
  for (const { path, mode, content } of all) {
    pack.entry({ name: path, mode, mtime: new Date(0), uid: 0, gid: 0 }, content);
  }
  pack.finalize();
  const content = await buffer(pack.pipe(createGzip({ level: 9 })));
  if (content.length > MAX_BUNDLE_BYTES) {
    throw new Error(`the ${role} bundle of ${cluster} has ${content.length} bytes, over ${MAX_BUNDLE_BYTES}`);
  }
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { key: `${bundlePrefix(cluster, role)}${sha256}`, sha256, content };
}

/** Stores a bundle. Doing it again is no harm: same name, same bytes. Rejects with the store's `Failure`. */
export async function publishBundle(
  objects: Pick<ObjectStore, 'put'>,
  bundle: Bundle,
): Promise<BundleReference> {
  await objects.put(bundle.key, bundle.content);
  return { key: bundle.key, sha256: bundle.sha256 };
}
