import { dirname } from 'node:path/posix';
import { etcdPeerUrl } from './etcd-unit.ts';
import { nodePaths } from './node-files.ts';

/**
 * What an operator does to one master's etcd, as shell scripts that run on its instance (`Cloud.runCommand`). The node's unit and
 * `wdrip-node etcd` see to it that none of them makes a new cluster by accident. Each may be run again; those that take an `attempt` and
 * would destroy something if they took effect twice write it down on the disk and then only say `done before`.
 *
 * The last line of the output is `done`, `done before`, or of `inspect` what `readInspection` reads. The exit status is 0, or the step that
 * failed has said why.
 */

/** etcd and what can't be without it, in the order in which they are started. */
const UNITS = [
  'etcd',
  'kube-apiserver',
  'kube-apiserver-ready',
  'kube-controller-manager',
  'kube-scheduler',
] as const;
export type ControlPlaneUnit = (typeof UNITS)[number];

/** What `restoreSnapshot` ends with if the snapshot is damaged or gone: nothing on this master was changed, and another one is needed. */
export const DAMAGED_EXIT_CODE = 65;

/** Copies of the data that are kept on an instance. The oldest go: a disk of 40 GiB holds four times 8 GiB, etcd's advised most. */
const MOST_KEPT = 3;
/** How long fetching a snapshot may take: 8 GiB at 15 MB/s. */
const FETCH_LIMIT = '10m';

const data = `"$root/${nodePaths.etcdData}"`;
const kept = `"$root/${nodePaths.etcdKept}"`;

/**
 * Says what this master's data is, which units run, and why its disk takes no writes, if it does not: `readInspection` reads it. With a
 * running etcd only the log is read, and `database` is null.
 */
export function inspectMember(): string {
  return script(
    "units=''",
    `for unit in ${UNITS.join(' ')}; do`,
    '  state=$(systemctl is-active "$unit" || true)',
    '  units="$units\\"$unit\\":\\"$state\\","',
    'done',
    `inspected=$(wdrip-node etcd-inspect --data-dir ${data})`,
    // Where copies are kept, as a recovery's first step must.
    `probed=$( (mkdir -p ${kept} && probe=$(mktemp ${kept}/.probe.XXXXXX) && trap 'rm -f "$probe"' EXIT && echo 1 > "$probe" && sync "$probe") 2>&1 ) &&`,
    "  writesFail='' ||",
    `  writesFail=$(printf '%s' "\${probed:-it failed without a word}" | tail -n 1 | tr -cd 'A-Za-z0-9 .,:/_()-')`,
    `printf '{"units":{%s},"writesFail":"%s","data":%s}\\n' "\${units%,}" "$writesFail" "$inspected"`,
  );
}

/**
 * Stops the API server and everything that talks to it, then etcd, also after a reboot: during a restore no master may come back with
 * its old data by itself (safety 45, 55). `startControlPlane` undoes it.
 */
export function stopControlPlane(): string {
  // In one call: systemd stops them in the opposite order of their start, and those that don't depend on each other at once.
  return script(`systemctl disable --now ${UNITS.join(' ')}`, 'echo done');
}

/** Starts them, now and at each boot. Also the way to restart a member: `restart` ends what runs first. */
export function startControlPlane(options: { readonly restart?: boolean } = {}): string {
  return script(
    `systemctl enable ${UNITS.join(' ')}`,
    `systemctl ${options.restart ? 'restart' : 'start'} ${UNITS.join(' ')}`,
    'echo done',
  );
}

/** Starts etcd alone, so that it can be looked at before anybody reads from it. */
export function startMember(): string {
  return script('systemctl enable etcd', 'systemctl start etcd', 'echo done');
}

/** Keeps a copy of the data under the name of the attempt, whole or not at all. etcd must be stopped. No data: no copy, and no error. */
export function keepCopy(attempt: string): string {
  return script(
    mustBeStopped,
    `mkdir -p ${kept}`,
    `if [ -d ${kept}/${named(attempt)} ]; then echo 'done before'; exit 0; fi`,
    `if [ ! -d ${data}/member ]; then echo 'done'; exit 0; fi`,
    // The oldest go first: a copy must not fail for want of the room that they take.
    `ls -1t ${kept} | tail -n +${MOST_KEPT} | while read -r old; do rm -rf ${kept}/"$old"; done`,
    `rm -rf ${kept}/.new`,
    `cp -a ${data} ${kept}/.new`,
    `mv ${kept}/.new ${kept}/${named(attempt)}`,
    'echo done',
  );
}

/** Removes the data, so that the member can join again as a learner. etcd must be stopped. Once an attempt. */
export function wipeMember(attempt: string): string {
  return script(mustBeStopped, ...once(attempt, `rm -rf ${data}/member`));
}

/**
 * Names the members that this one asks whether it was added as a learner: addresses. They are read at each question, also by an etcd that
 * waits.
 */
export function setSeeds(members: readonly string[]): string {
  const seeds = `"$root/${nodePaths.etcdSeeds}"`;
  return script(
    `mkdir -p "$root/${dirname(nodePaths.etcdSeeds)}"`,
    `cat > ${seeds}.new <<'END'`,
    ...members.map((address) => etcdPeerUrl(plain(address))),
    'END',
    `mv ${seeds}.new ${seeds}`,
    'echo done',
  );
}

/**
 * Lets this master's data go on as a cluster of one, at etcd's next start, which this is (`--force-new-cluster`): all other members are
 * forgotten. Everything in its log counts as agreed first (`wdrip-node etcd` sees to that), since etcd itself would discard what the lost
 * members may have acknowledged. Once an attempt.
 */
export function forceNewCluster(attempt: string): string {
  return script(
    `mkdir -p "$root/${dirname(nodePaths.etcdForce)}"`,
    'systemctl enable etcd',
    'systemctl stop etcd',
    ...once(attempt, `: > "$root/${nodePaths.etcdForce}"`, 'systemctl start etcd'),
  );
}

/** What a member begins from. */
export interface RestoreSource {
  /** A ticket for a sealed snapshot (src/backup/restore/ticket.ts): an object that the instance's RAM role may read. */
  readonly object: {
    readonly region: string;
    readonly bucket: string;
    /** A URL, or empty for the region's own. */
    readonly endpoint: string;
    readonly key: string;
    /** Hex, of the sealed snapshot: the same however often a ticket is issued, so that the script is the same when it is sent again. */
    readonly sha256: string;
  };
  /** Fresh for each restore: no member of the old cluster can talk to what comes of it (safety 55). */
  readonly token: string;
  /**
   * Revisions to add, so that none that a client has seen comes again. Everything before is compacted then, so that watches that were open
   * fail and are begun anew (etcd#15381). 0: none.
   */
  readonly bumpRevision: number;
}

/**
 * Makes a cluster of one out of a snapshot, as this master's data: with new ids, so that no member of the old cluster can talk to it. The
 * data that is there is put away as a copy. etcd must be stopped; start it with `startMember`. Once an attempt.
 */
export function restoreSnapshot(attempt: string, source: RestoreSource): string {
  const { object, token, bumpRevision } = source;
  if (!/^[0-9a-f]{64}$/.test(object.sha256))
    throw new Error('the SHA-256 of a snapshot has 64 hexadecimal digits');
  if (!Number.isSafeInteger(bumpRevision) || bumpRevision < 0)
    throw new Error(`${bumpRevision} bumps no revision`);
  const work = '"$root/var/lib/wdrip/restore"';
  return script(
    mustBeStopped,
    // The unit file has what the install script has put into it: how this member is called, and where its peers find it.
    `unit="$root/${nodePaths.units}/etcd.service"`,
    `name=$(sed -n 's/.*--name=\\([^ \\\\]*\\).*/\\1/p' "$unit" | head -n 1)`,
    `peer=$(sed -n 's/.*--peer-url=\\([^ \\\\]*\\).*/\\1/p' "$unit" | head -n 1)`,
    `if [ -e ${marker(attempt)} ]; then echo 'done before'; exit 0; fi`,
    `rm -rf ${work}`,
    `mkdir -p ${work}`,
    // All of it is authenticated, and what was stored held to the signed manifest's hash (docs/decisions/backup.md).
    `wdrip-node etcd-restore --limit ${FETCH_LIMIT} --region ${quoted(object.region)} --bucket ${quoted(object.bucket)} --endpoint ${quoted(object.endpoint)} \\`,
    `  --key ${quoted(object.key)} --sha256 '${object.sha256}' --data-dir ${work}/data --name "$name" --peer-url "$peer" \\`,
    `  --token '${plain(token)}' --bump-revision ${bumpRevision}`,
    `mkdir -p ${data} ${kept}`,
    ...once(
      attempt,
      `if [ -d ${data}/member ]; then mkdir -p ${kept}/${named(attempt)}; mv ${data}/member ${kept}/${named(attempt)}/member; fi`,
      `mv ${work}/data/member ${data}/member`,
    ),
  );
}

const mustBeStopped =
  'if [ "$(systemctl is-active etcd || true)" = active ]; then echo "etcd runs: stop it first" >&2; exit 1; fi';

function script(...lines: readonly string[]): string {
  return ['set -eu', `root="\${WDRIP_ROOT:-}"`, ...lines, ''].join('\n');
}

/**
 * Runs the steps unless this attempt has got to them before. Written down first: steps that a power failure cuts off are not done again,
 * and looking at the data shows it.
 */
function once(attempt: string, ...steps: readonly string[]): readonly string[] {
  return [
    `mkdir -p "$root/var/lib/wdrip/attempts"`,
    `if mkdir ${marker(attempt)} 2> /dev/null; then`,
    '  sync',
    ...steps.map((step) => `  ${step}`),
    '  echo done',
    'else',
    "  echo 'done before'",
    'fi',
  ];
}

function marker(attempt: string): string {
  return `"$root/var/lib/wdrip/attempts/${plain(attempt)}"`;
}

function named(attempt: string): string {
  return `'${plain(attempt)}'`;
}

/** Throws unless it may stand in a script as it is. */
function plain(text: string): string {
  if (!/^[\w.-]+$/.test(text) || text.startsWith('.'))
    throw new Error(`${JSON.stringify(text)} cannot stand in a script`);
  return text;
}

/** In single quotes. Throws if it could break out of them. */
function quoted(text: string): string {
  if (!/^[\w.:/@-]*$/.test(text)) throw new Error(`${JSON.stringify(text)} cannot stand in a script`);
  return `'${text}'`;
}
