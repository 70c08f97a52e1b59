import { z } from 'zod';
import { askSupervisor } from './client.ts';
import type { ClusterOptions } from './config-path.ts';
import { span, table } from './table.ts';

const answer = z.object({
  now: z.number(),
  state: z.string(),
  since: z.number(),
  held: z.boolean(),
  size: z.number(),
  healthy: z.number(),
  why: z.string(),
  next: z.object({ at: z.number(), what: z.string() }).nullable(),
  waiting: z.object({ rule: z.string(), why: z.string(), since: z.number() }).nullable(),
  permit: z.boolean(),
  members: z.array(
    z.object({
      slot: z.string().nullable(),
      wanted: z.boolean(),
      instanceId: z.string().nullable(),
      instance: z.string(),
      memberId: z.string().nullable(),
      role: z.string(),
      health: z.string(),
      alarm: z.string().nullable(),
    }),
  ),
  lastFailure: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type QuorumAnswer = z.infer<typeof answer>;

export async function askQuorum(options: ClusterOptions): Promise<QuorumAnswer> {
  return answer.parse(await askSupervisor(options, 'GET', '/api/quorum'));
}

/** The quorum as people read it: what holds it, since when, what comes next, and its members. */
export function quorumText(quorum: QuorumAnswer): string {
  const { now, next, waiting, lastFailure } = quorum;
  const rows = quorum.members.map((each) => [
    each.slot ?? "(nobody's)",
    each.memberId ?? '-',
    each.alarm === null ? each.role : `${each.role} (${each.alarm})`,
    each.health,
    each.instanceId ?? '-',
    each.instance,
  ]);
  const lines = [
    `the etcd quorum is ${quorum.held ? '' : 'LOST: '}${quorum.state} since ${span(now - quorum.since)}`,
    `  why:     ${quorum.why}`,
    `  voters:  ${quorum.healthy} of ${quorum.size} healthy`,
  ];
  if (waiting !== null)
    lines.push(`  held by: the rule ${waiting.rule}, since ${span(now - waiting.since)}: ${waiting.why}`);
  lines.push(
    `  next:    ${next === null ? 'nothing, until something changes' : `in ${span(Math.max(0, next.at - now))}: ${next.what}`}`,
  );
  if (lastFailure !== null) lines.push(`  failure: ${lastFailure.code}: ${lastFailure.message}`);
  return `${lines.join('\n')}\n\n${table(['MASTER', 'MEMBER', 'ROLE', 'HEALTH', 'INSTANCE', 'CLOUD'], rows)}`;
}
