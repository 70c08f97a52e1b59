import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { root } from '../root.ts';

/** Version of wdrip, from its package.json. */
export async function version(): Promise<string> {
  const text = await readFile(new URL('package.json', root), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

export function versionCommand(): Command {
  return new Command('version').description('print the version of wdrip').action(async () => {
    process.stdout.write(`wdrip ${await version()} (Node ${process.version})\n`);
  });
}
