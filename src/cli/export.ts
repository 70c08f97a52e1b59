import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { Failure } from '../failure.ts';
import { visualizationFiles } from '../visualizations/files.ts';
import { machinesToShow } from '../visualizations/machines-to-show.ts';

/** Writes what shows the machines into a folder, which is made if it isn't there. Gives the paths written. Throws `Failure`. */
export async function exportMachines(folder: string): Promise<readonly string[]> {
  const written: string[] = [];
  try {
    await mkdir(folder, { recursive: true });
    for (const { name, text } of machinesToShow().flatMap(visualizationFiles)) {
      const path = join(folder, name);
      await writeFile(path, text);
      written.push(path);
    }
  } catch (cause) {
    throw new Failure(
      {
        kind: 'rejected',
        code: 'NotWritten',
        message: `the machines could not be written to ${folder} (${cause instanceof Error ? cause.message : String(cause)}): name another folder with --out`,
      },
      { cause },
    );
  }
  return written;
}

/** `wdrip export`: the machines, for the Stately tools and as diagrams. */
export function exportCommand(): Command {
  return new Command('export')
    .description('writes the machines for the Stately tools (JSON, createMachine) and as Mermaid diagrams')
    .option('--out <folder>', 'where to', 'visualizations')
    .action(async ({ out }: { readonly out: string }) => {
      for (const path of await exportMachines(out)) process.stdout.write(`${path}\n`);
    });
}
