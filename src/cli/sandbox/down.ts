import { Command } from 'commander';
import { systemClock } from '../../runtime/clock.ts';
import { takeDown } from '../../sandbox/down.ts';
import { dirOption } from './options.ts';

/** `wdrip sandbox down`. */
export function downCommand(): Command {
  return new Command('down')
    .description('take the sandbox down, whatever state it is in: no process is left, and no file')
    .addOption(dirOption())
    .option('--keep', 'leave its files where they are', false)
    .action(async ({ dir, keep }: { dir: string; keep: boolean }) => {
      const onProgress = (step: string) => process.stderr.write(`${step}\n`);
      const { daemon, leftovers, removed } = await takeDown(dir, { keep, clock: systemClock(), onProgress });
      const nothing = !daemon && leftovers === 0 && !removed;
      process.stdout.write(nothing ? `there was no sandbox in ${dir}\n` : `the sandbox in ${dir} is down\n`);
    });
}
