import { Command } from 'commander';
import { version } from '../root.ts';

export function versionCommand(): Command {
  return new Command('version').description('print the version of wdrip').action(async () => {
    process.stdout.write(`wdrip ${await version()} (Node ${process.version})\n`);
  });
}
