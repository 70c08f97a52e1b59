import { type NodeFile, nodePaths, placeholders } from './node-files.ts';

/** The metadata service as a real instance reaches it. */
const METADATA_URL = 'http://100.100.100.200';
/** Life of the metadata service's session token, in s: two questions are asked with it. */
const METADATA_TOKEN_SECONDS = 60;

/**
 * The script that finishes a node from its unpacked bundle: it puts the node's own values into the files that wait for them, and starts
 * the units. It can be run again: a file without placeholders is left alone.
 * `steps` are lines of shell that run between the two; they know `$root`, `$ip` and `$instance`.
 */
export function installScript(
  files: readonly NodeFile[],
  units: readonly string[],
  steps: readonly string[] = [],
): NodeFile {
  const templates = files
    .filter((file) => Object.values(placeholders).some((each) => file.content.includes(each)))
    .map((file) => file.path)
    .sort();
  const content = `#!/bin/sh
# Finishes this node: run once by its user data, after the bundle was unpacked.
set -eu
root="\${WDRIP_ROOT:-}"
metadata="\${WDRIP_METADATA:-${METADATA_URL}}"

# Asks the metadata service about this instance.
about() {
  token=$(curl -fsS --retry 5 --retry-connrefused -X PUT -H 'X-aliyun-ecs-metadata-token-ttl-seconds: ${METADATA_TOKEN_SECONDS}' "$metadata/latest/api/token")
  curl -fsS --retry 5 --retry-connrefused -H "X-aliyun-ecs-metadata-token: $token" "$metadata/latest/meta-data/$1"
}
ip="\${WDRIP_IP:-$(about private-ipv4 || true)}"
instance="\${WDRIP_INSTANCE:-$(about instance-id || true)}"
[ -n "$ip" ] && [ -n "$instance" ] || {
  echo "this instance's address ('$ip') or id ('$instance') is unknown: the metadata service did not say" >&2
  exit 1
}

# Kept so that the file's permissions stay: sed -i makes a new one with them.
finish() {
  sed -i -e "s|${placeholders.root}|$root|g" -e "s|${placeholders.ip}|$ip|g" -e "s|${placeholders.instance}|$instance|g" "$root/$1"
}
${templates.map((path) => `finish ${path}`).join('\n')}
mkdir -p "$root/${nodePaths.kubernetes}/manifests"
${steps.map((step) => `${step}\n`).join('')}
systemctl daemon-reload
${units.map((unit) => `systemctl enable --now ${unit}.service`).join('\n')}
echo "this node is set up: $ip.$instance"
`;
  return { path: nodePaths.install, mode: 0o755, content };
}
