import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { askBackups, backupsText } from './backup.ts';
import { askSupervisor } from './client.ts';
import type { ClusterOptions } from './config-path.ts';
import { askQuorum, quorumText } from './quorum.ts';
import { span, table } from './table.ts';

const report = z.object({
  slot: z.string(),
  pool: z.string(),
  zone: z.string(),
  role: z.string(),
  node: z.string().nullable(),
  instance: z.string().nullable(),
  ready: z.boolean(),
  state: z.string(),
  since: z.number(),
  rung: z.string().nullable(),
  next: z.object({ at: z.number(), what: z.string() }).nullable(),
  why: z.string(),
  waiting: z.object({ rule: z.string(), why: z.string(), since: z.number() }).nullable(),
  climbedTo: z.string().nullable(),
  reboots: z.number(),
  failedClimbs: z.number(),
  permit: z.boolean(),
  lastFailure: z.object({ code: z.string(), message: z.string() }).nullable(),
  instanceState: z.string(),
  quarantined: z.string().nullable(),
});

const answer = z.object({
  /** The supervisor's own clock: spans are counted by it. */
  now: z.number(),
  cluster: z.string(),
  sight: z.union([
    z.object({ state: z.literal('sighted'), since: z.number() }),
    z.object({ state: z.literal('blind'), why: z.string() }),
  ]),
  pauses: z.object({ cluster: z.boolean(), pools: z.array(z.string()), slots: z.array(z.string()) }),
  stalled: z.object({ code: z.string(), message: z.string() }).nullable(),
  nodes: z.array(report),
});

type Report = z.infer<typeof report>;

/** The nodes as a table: what `wdrip get -r nodes` prints. */
export function nodesTable(nodes: readonly Report[], now: number, wide: boolean): string {
  const headings = ['NODE', 'STATE', 'RUNG', 'SINCE', 'NEXT', 'WHY'];
  const rows = nodes.map((node) => [
    node.node ?? `(${node.slot})`,
    node.quarantined === null ? node.state : 'quarantined',
    node.rung ?? '-',
    span(now - node.since),
    node.next === null ? '-' : `in ${span(Math.max(0, node.next.at - now))}`,
    node.why,
  ]);
  if (!wide) return table(headings, rows);
  const extra = nodes.map((node) => [
    node.slot,
    node.pool,
    node.zone,
    node.instance ?? '-',
    node.instanceState,
  ]);
  return table(
    ['SLOT', 'POOL', 'ZONE', 'INSTANCE', 'CLOUD', ...headings],
    rows.map((row, index) => [...(extra[index] ?? []), ...row]),
  );
}

export function getCommand(): Command {
  return new Command('get')
    .description('show what wdrip knows of a cluster')
    .option('-n, --name <cluster>', 'the cluster; by default that of the configuration')
    .addOption(
      new Option('-r, --resource <kind>', 'what to show')
        .choices(['nodes', 'quorum', 'backup'])
        .default('nodes'),
    )
    .addOption(
      new Option('-o, --output <format>', 'how to show it')
        .choices(['table', 'wide', 'json', 'yaml'])
        .default('table'),
    )
    .option('--config <file>', "the supervisor's configuration")
    .action(async (options: ClusterOptions & { readonly output: string; readonly resource: string }) => {
      if (options.resource !== 'nodes') return showControlPlane(options);
      const all = answer.parse(await askSupervisor(options, 'GET', '/api/nodes'));
      if (printedAsData(all, options.output)) return;
      if (all.sight.state === 'blind') process.stdout.write(`BLIND: ${all.sight.why}\n`);
      if (all.pauses.cluster) process.stdout.write('PAUSED: repairs of the whole cluster are paused\n');
      if (all.stalled !== null) process.stdout.write(`STALLED: ${all.stalled.message}\n`);
      process.stdout.write(`${nodesTable(all.nodes, all.now, options.output === 'wide')}\n`);
    });
}

/** For programs. False: it is to be shown to people. */
function printedAsData(all: object, output: string): boolean {
  if (output !== 'json' && output !== 'yaml') return false;
  process.stdout.write(output === 'json' ? `${JSON.stringify(all, undefined, 2)}\n` : stringify(all));
  return true;
}

async function showControlPlane(
  options: ClusterOptions & { readonly output: string; readonly resource: string },
): Promise<void> {
  if (options.resource === 'quorum') {
    const quorum = await askQuorum(options);
    if (!printedAsData(quorum, options.output)) process.stdout.write(`${quorumText(quorum)}\n`);
    return;
  }
  const backups = await askBackups(options);
  if (!printedAsData(backups, options.output)) process.stdout.write(`${backupsText(backups)}\n`);
}

/** One node's whole story as text: what holds it, since when, and what comes next. */
export function explanation(node: Report, now: number): string {
  const lines = [
    `${node.node ?? node.slot} is ${node.quarantined === null ? node.state : 'quarantined'} since ${span(now - node.since)}`,
    `  why:       ${node.why}`,
  ];
  if (node.waiting !== null)
    lines.push(
      `  held by:   the rule ${node.waiting.rule}, since ${span(now - node.waiting.since)}: ${node.waiting.why}`,
    );
  lines.push(
    node.next === null
      ? `  next:      ${node.waiting === null ? 'nothing, until something changes' : 'it goes on as soon as the rule no longer holds'}`
      : `  next:      in ${span(Math.max(0, node.next.at - now))}: ${node.next.what}`,
    `  climbed:   ${node.climbedTo === null ? 'not yet' : `to ${node.climbedTo}`}${node.reboots > 0 ? ` (${node.reboots} reboots)` : ''}`,
    `  permit:    ${node.permit ? 'yes, to take it away from users' : 'none'}`,
    `  slot:      ${node.slot} (pool ${node.pool}, zone ${node.zone}, ${node.role})`,
    `  instance:  ${node.instance ?? 'none'} (${node.instanceState})`,
  );
  if (node.failedClimbs > 0) lines.push(`  climbs:    ${node.failedClimbs} failed since it was last healthy`);
  if (node.lastFailure !== null)
    lines.push(`  failure:   ${node.lastFailure.code}: ${node.lastFailure.message}`);
  return lines.join('\n');
}

export function explainCommand(): Command {
  return new Command('explain')
    .description('say why a node is in the state it is in, and what comes next')
    .argument('<node>', 'name of the node, its instance id, or its slot; or `quorum`: etcd')
    .option('-n, --name <cluster>', 'the cluster; by default that of the configuration')
    .option('--config <file>', "the supervisor's configuration")
    .addOption(
      new Option('-o, --output <format>', 'how to show it').choices(['text', 'json']).default('text'),
    )
    .action(async (name: string, options: ClusterOptions & { readonly output: string }) => {
      if (name === 'quorum') return showControlPlane({ ...options, resource: 'quorum' });
      const got = await askSupervisor(options, 'GET', `/api/nodes/${encodeURIComponent(name)}`);
      const { now, ...node } = report.extend({ now: z.number() }).parse(got);
      process.stdout.write(
        `${options.output === 'json' ? JSON.stringify(node, undefined, 2) : explanation(node, now)}\n`,
      );
    });
}

function pauseLike(verb: 'pause' | 'resume', description: string): Command {
  return new Command(verb)
    .description(description)
    .option('-n, --name <cluster>', 'the cluster; by default that of the configuration')
    .option('--pool <id>', 'only this pool')
    .option('--node <node>', 'only this node: its name, instance id or slot')
    .option('--config <file>', "the supervisor's configuration")
    .action(async (options: ClusterOptions & { readonly pool?: string; readonly node?: string }) => {
      if (options.pool !== undefined && options.node !== undefined)
        throw new Failure({ kind: 'rejected', code: 'Usage', message: 'name a pool or a node, not both' });
      const scope =
        options.node !== undefined
          ? { kind: 'node', id: options.node }
          : options.pool !== undefined
            ? { kind: 'pool', id: options.pool }
            : { kind: 'cluster' };
      await askSupervisor(options, 'POST', `/api/${verb}`, scope);
      const what = scope.id === undefined ? 'the whole cluster' : `${scope.kind} ${scope.id}`;
      process.stdout.write(
        verb === 'pause'
          ? `repairs of ${what} are paused; running ones stop at their next step\n`
          : `repairs of ${what} go on\n`,
      );
    });
}

export const pauseCommand = () => pauseLike('pause', 'suspend repairs, also running ones at their next step');
export const resumeCommand = () => pauseLike('resume', 'let repairs go on');
