import { dirname } from 'node:path/posix';
import type { BundleReference, NodeRole } from './bundle.ts';
import { nodePaths } from './node-files.ts';

/** What a new instance is told. Every pod on it can read this, so nothing in it is a secret. */
export interface UserDataSettings extends BundleReference {
  readonly cluster: string;
  readonly role: NodeRole;
  readonly region: string;
  readonly bucket: string;
  /** Endpoint of the object store as instances reach it: a URL, or empty for the region's own. */
  readonly endpoint: string;
  /** Peer URLs of etcd members that a control-plane node may ask whether it may join. */
  readonly seeds?: readonly string[];
}

/** The least of the limits that apply: 32 KB today, 16 KB in the older documents and in ROS templates. */
export const MAX_USER_DATA_BYTES = 16 * 1024;
/** How long the bundle is tried to be fetched: a role can take minutes to be attached to a new instance. */
const FETCH_LIMIT = '10m';

/**
 * The script that a new instance runs at its first boot: it fetches its role's bundle with the credentials of its RAM role, checks the
 * hash, unpacks it and runs what is in it. Throws if a value could break out of its quotes.
 */
export function userData(settings: UserDataSettings): string {
  const { cluster, role, region, bucket, key, sha256, endpoint, seeds } = settings;
  for (const value of [cluster, role, region, bucket, key, sha256, endpoint, ...(seeds ?? [])]) {
    if (!/^[\w.:/@-]*$/.test(value)) throw new Error(`${JSON.stringify(value)} cannot stand in user data`);
  }
  const script = `#!/bin/sh
# Makes this instance a ${role} of the cluster ${cluster}. There is no secret in here: every pod can read it.
set -eu
umask 077
root="\${WDRIP_ROOT:-}"
work="$root/var/lib/wdrip"
mkdir -p "$work"

# With the credentials of the instance's RAM role, from the metadata service. It tries again by itself, and checks the hash.
wdrip-node fetch --limit ${FETCH_LIMIT} --region '${region}' --bucket '${bucket}' --endpoint '${endpoint}' \\
  --key '${key}' --sha256 '${sha256}' --out "$work/bundle.tar.gz"

umask 022
tar -xzf "$work/bundle.tar.gz" --no-same-owner -C "$root/"
rm -f "$work/bundle.tar.gz"
${seeds === undefined ? '' : seedsLines(seeds)}exec sh "$root/${nodePaths.install}"
`;
  const bytes = Buffer.byteLength(script);
  if (bytes > MAX_USER_DATA_BYTES)
    throw new Error(`user data has ${bytes} bytes, over ${MAX_USER_DATA_BYTES}`);
  return script;
}

function seedsLines(seeds: readonly string[]): string {
  return `
# Members of etcd that this node's member asks whether it was added. It joins as a learner, and in no other way.
mkdir -p "$root/${dirname(nodePaths.etcdSeeds)}"
cat > "$root/${nodePaths.etcdSeeds}" <<'END'
${seeds.map((seed) => `${seed}\n`).join('')}END
`;
}
