import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { edited } from './edit.ts';
import type { Mutant } from './mutants.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** What `wdrip simulate` needs of the project. */
const parts = ['bin', 'machines', 'src', 'package.json'];
/** A mutant that no seed has found after so long, in ms, has made a loop. */
const longestMs = 600_000;
/** The report as JSON, with its stories, is some hundred kilobytes. */
const longestReport = 16 * 2 ** 20;

/** What became of a mutant. `seed` null: it survived all seeds. */
export interface Verdict {
  readonly mutant: Mutant;
  readonly seed: number | null;
  /** The number of the invariant that it broke; null: a run threw. */
  readonly invariant: number | string | null;
  readonly what: string;
  /** How many seeds were run until then. */
  readonly seeds: number;
  readonly ms: number;
}

/** What a run with `--fail-fast --json` says, as far as it is looked at. */
const reportSchema = z.object({
  seeds: z.number(),
  failures: z.array(
    z.object({ seed: z.number(), invariant: z.union([z.number(), z.string()]).nullable(), what: z.string() }),
  ),
});

const usual = { nodes: '6', hours: '3', zones: '2' };

/** Plants the mutant in a copy of the sources, and runs seeds there until one fails. */
export async function judge(mutant: Mutant, startedAt: number, now: () => number): Promise<Verdict> {
  const copy = mkdtempSync(join(tmpdir(), 'wdrip-mutant-'));
  try {
    for (const part of parts)
      cpSync(join(root, part), join(copy, part), {
        recursive: true,
        filter: (path) => !path.includes('/programs/') && !path.endsWith('node_modules'),
      });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const edit of mutant.edits) {
      const path = join(copy, edit.file);
      writeFileSync(path, edited(readFileSync(path, 'utf8'), edit));
    }
    const report = reportSchema.parse(JSON.parse(await simulate(copy, mutant)));
    const [failure] = report.failures;
    return {
      mutant,
      seed: failure?.seed ?? null,
      invariant: failure?.invariant ?? null,
      what: failure?.what ?? '',
      seeds: report.seeds,
      ms: now() - startedAt,
    };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function simulate(copy: string, mutant: Mutant): Promise<string> {
  const options = Object.entries({ ...usual, ...mutant.options }).flatMap(([name, value]) => [
    `--${name}`,
    value,
  ]);
  const args = [
    join(copy, 'bin/wdrip.js'),
    'simulate',
    ...['--seed', '1', '--seeds', String(mutant.seeds), '--jobs', '1'],
    ...['--fail-fast', '--no-shorten', '--json'],
    ...options,
  ];
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      args,
      { maxBuffer: longestReport, timeout: longestMs },
      (error, stdout, stderr) => {
        // Status 1 is what it is all about: an invariant broke.
        if (error === null || error.code === 1) resolve(stdout);
        else reject(new Error(`${mutant.name}: ${error.message}\n${stderr}`));
      },
    );
  });
}
