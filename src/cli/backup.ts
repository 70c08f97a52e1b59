import { Command, Option } from 'commander';
import { z } from 'zod';
import { Failure } from '../failure.ts';
import { sleep, systemClock } from '../runtime/clock.ts';
import { askSupervisor } from './client.ts';
import type { ClusterOptions } from './config-path.ts';
import { span, table } from './table.ts';

const clock = systemClock();

const facts = z.object({
  key: z.string(),
  revision: z.number(),
  takenAt: z.number(),
  bytes: z.number(),
  regions: z.array(z.string()),
});
const answer = z.object({
  now: z.number(),
  backups: z.array(
    z.object({
      id: z.string(),
      takenAt: z.number(),
      storedBytes: z.number(),
      snapshotBytes: z.number(),
      revision: z.number(),
      regions: z.array(z.string()),
      verifiedAt: z.number().nullable(),
      failed: z.string().nullable(),
    }),
  ),
  newestVerifiedAgeMs: z.number().nullable(),
  unreached: z.array(z.string()),
  lossMs: z.number().nullable(),
  changeLog: z.object({ revision: z.number(), lagMs: z.number(), connected: z.boolean() }).nullable(),
  problems: z.number(),
  actor: z
    .object({
      state: z.string(),
      since: z.number(),
      nextAt: z.number().nullable(),
      failures: z.number(),
      lastFailure: z.object({ code: z.string(), message: z.string() }).nullable(),
      taken: facts.nullable(),
    })
    .nullable(),
});
export type BackupsAnswer = z.infer<typeof answer>;

/** Asks for a cluster's backups. */
export async function askBackups(options: ClusterOptions): Promise<BackupsAnswer> {
  return answer.parse(await askSupervisor(options, 'GET', '/api/backups'));
}

const mebibyte = 1024 * 1024;

/** The backups as people read them. */
export function backupsText(all: BackupsAnswer): string {
  const { now, actor, changeLog } = all;
  const rows = all.backups.map((each) => [
    each.id,
    span(now - each.takenAt),
    `${(each.storedBytes / mebibyte).toFixed(1)} MiB`,
    String(each.revision),
    each.regions.join(','),
    each.verifiedAt === null
      ? each.failed === null
        ? 'not yet'
        : `FAILED: ${each.failed}`
      : `${span(now - each.verifiedAt)} ago`,
  ]);
  const lines = [table(['BACKUP', 'AGE', 'SIZE', 'REVISION', 'REGIONS', 'VERIFIED'], rows), ''];
  lines.push(
    all.newestVerifiedAgeMs === null
      ? 'NO VERIFIED BACKUP: if all masters were lost now, nothing could be restored'
      : `newest verified: ${span(all.newestVerifiedAgeMs)} old`,
    all.lossMs === null
      ? 'lost if all masters were lost now: everything'
      : `lost if all masters were lost now: the last ${span(all.lossMs)}${changeLog === null ? ' (no change log)' : ''}`,
  );
  if (changeLog !== null && !changeLog.connected)
    lines.push('the change log is not shipped now: etcd is not heard');
  if (all.unreached.length > 0) lines.push(`did not answer: ${all.unreached.join(', ')}`);
  if (all.problems > 0)
    lines.push(`${all.problems} objects are damaged, foreign or could not be read: see the log`);
  if (actor !== null) {
    const next = actor.nextAt === null ? '' : `, next in ${span(Math.max(0, actor.nextAt - now))}`;
    lines.push(`${actor.state} since ${span(now - actor.since)}${next}`);
    if (actor.failures > 0 && actor.lastFailure !== null)
      lines.push(`failed ${actor.failures} times: ${actor.lastFailure.code}: ${actor.lastFailure.message}`);
  }
  return lines.join('\n');
}

/** From one look to the next while a backup is made, in ms. */
const lookMs = 500;
/** A backup of gigabytes into another region, and its rehearsal; then the command gives up looking, and the backup goes on. In ms. */
const mostMs = 1_800_000;

/** `wdrip backup`: one now, and its rehearsal. */
export function backupCommand(): Command {
  return new Command('backup')
    .description('make a backup now, and rehearse its restore; `wdrip get -r backup` lists them')
    .option('-n, --name <cluster>', 'the cluster; by default that of the configuration')
    .option('--config <file>', "the supervisor's configuration")
    .option('--reason <words>', 'kept with the story of the cluster')
    .option('--no-wait', 'do not wait for its end')
    .option(
      '--verify [id]',
      'make none: read every copy of this backup (or of the newest) to its end, and rehearse its restore',
    )
    .addOption(
      new Option('-o, --output <format>', 'how to show it').choices(['text', 'json']).default('text'),
    )
    .action(
      async (
        options: ClusterOptions & {
          readonly reason?: string;
          readonly wait: boolean;
          readonly verify?: string | true;
          readonly output: string;
        },
      ) => {
        if (options.verify !== undefined) return verify(options, options.verify);
        const body = options.reason === undefined ? {} : { reason: options.reason };
        const { at } = z
          .object({ at: z.number() })
          .parse(await askSupervisor(options, 'POST', '/api/backups', body));
        if (!options.wait)
          return void process.stdout.write('a backup is made; `wdrip get -r backup` shows it\n');
        const made = await untilMade(options, at);
        process.stdout.write(
          options.output === 'json'
            ? `${JSON.stringify(made, undefined, 2)}\n`
            : `${made.id}: ${(made.storedBytes / mebibyte).toFixed(1)} MiB, revision ${made.revision}, in ${made.regions.join(' and ')}; verified by a rehearsal\n`,
        );
      },
    );
}

const checked = z.object({ id: z.string(), whole: z.array(z.string()), problems: z.array(z.string()) });

async function verify(
  options: ClusterOptions & { readonly output: string },
  id: string | true,
): Promise<void> {
  const body = id === true ? {} : { id };
  const result = checked.parse(await askSupervisor(options, 'POST', '/api/backups/verify', body, mostMs));
  if (options.output === 'json')
    return void process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`);
  process.stdout.write(
    `${result.id} is whole in ${result.whole.join(' and ')}, and was restored in a rehearsal\n`,
  );
  for (const problem of result.problems) process.stdout.write(`  ${problem}\n`);
  if (result.problems.length > 0) process.exitCode = 1;
}

async function untilMade(options: ClusterOptions, at: number): Promise<BackupsAnswer['backups'][number]> {
  const began = clock.now();
  let said = '';
  for (;;) {
    const all = await askBackups(options);
    const made = all.backups.find(({ takenAt, verifiedAt }) => takenAt >= at && verifiedAt !== null);
    if (made !== undefined) return made;
    const { actor } = all;
    if (actor !== null && actor.failures > 0 && actor.lastFailure !== null && actor.since >= at)
      throw new Failure({
        kind: 'rejected',
        code: actor.lastFailure.code,
        message: `the backup failed, and is tried again: ${actor.lastFailure.message}`,
      });
    if (process.stderr.isTTY && actor !== null && actor.state !== said)
      process.stderr.write(`${actor.state}\n`);
    said = actor?.state ?? '';
    if (clock.now() - began > mostMs)
      throw new Failure({
        kind: 'retryable',
        code: 'TimedOut',
        message: `the backup is not done after ${span(mostMs)}; it goes on: see \`wdrip get -r backup\``,
      });
    await sleep(clock, lookMs);
  }
}
