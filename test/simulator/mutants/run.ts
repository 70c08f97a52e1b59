import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { edited } from './edit.ts';
import type { Mutant } from './mutant.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
/** What `wdrip simulate` needs of the project. */
const parts = ['bin', 'machines', 'src', 'package.json'];
/** A command that has not ended after so long, in ms, has made a loop. */
const longestMs = 900_000;
/** The report as JSON, with its stories, is some hundred kilobytes. */
const longestReport = 16 * 2 ** 20;
/** A cluster in which most things show, and of which a seed takes half a second. */
const usual = { nodes: '6', hours: '3', zones: '2' };

/** What became of a mutant. `seed` null: it survived all seeds. */
export interface Verdict {
  readonly seed: number | null;
  /** The invariant that it broke; null: a run threw. */
  readonly invariant: number | string | null;
  readonly what: string;
  /** How many seeds were run until then. */
  readonly seeds: number;
}

export interface Ended {
  readonly status: number;
  readonly stdout: string;
}

/** What a run with `--json` says, as far as it is looked at. */
const reportSchema = z.object({
  seeds: z.number(),
  failures: z.array(
    z.object({ seed: z.number(), invariant: z.union([z.number(), z.string()]).nullable(), what: z.string() }),
  ),
});

/** Plants the mutant in a copy of the sources, and runs seeds there until one fails. */
export function judge(mutant: Mutant): Promise<Verdict> {
  return withPlanted(mutant, async (wdrip) => {
    const { stdout } = await wdrip([
      'simulate',
      ...['--seed', '1', '--seeds', String(mutant.seeds), '--jobs', '1'],
      ...['--fail-fast', '--no-shorten', '--json'],
      ...Object.entries({ ...usual, ...mutant.options }).flatMap(([name, value]) => [`--${name}`, value]),
    ]);
    const { seeds, failures } = reportSchema.parse(JSON.parse(stdout));
    const [failure] = failures;
    return {
      seed: failure?.seed ?? null,
      invariant: failure?.invariant ?? null,
      what: failure?.what ?? '',
      seeds,
    };
  });
}

/** Lets `use` run `wdrip` commands of a copy of the sources in which the mutant is planted. The copy goes when it is done. */
export async function withPlanted<T>(
  mutant: Mutant,
  use: (wdrip: (args: readonly string[]) => Promise<Ended>) => Promise<T>,
): Promise<T> {
  const copy = mkdtempSync(join(tmpdir(), 'wdrip-mutant-'));
  try {
    for (const part of parts)
      cpSync(join(root, part), join(copy, part), {
        recursive: true,
        filter: (path) => !path.includes('/programs/'),
      });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const edit of mutant.edits) {
      const path = join(copy, edit.file);
      writeFileSync(path, edited(readFileSync(path, 'utf8'), edit));
    }
    return await use((args) => run(copy, mutant, args));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function run(copy: string, mutant: Mutant, args: readonly string[]): Promise<Ended> {
  const limits = { maxBuffer: longestReport, timeout: longestMs };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [join(copy, 'bin/wdrip.js'), ...args], limits, (error, stdout, stderr) => {
      // Status 1 is what it is all about: an invariant broke.
      if (error === null || error.code === 1) resolve({ status: error === null ? 0 : 1, stdout });
      else reject(new Error(`${mutant.name}: ${error.message}\n${stderr}`));
    });
  });
}
