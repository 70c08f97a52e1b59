import { Command } from 'commander';
import { supervisorAddress } from './client.ts';
import type { ClusterOptions } from './config-path.ts';

/** `wdrip page`: the link to the page of the supervisor that runs here. It holds the token, so it is never in a log. */
export function pageCommand(): Command {
  return new Command('page')
    .description(
      'print the link to the page of the supervisor that runs here; whoever has it can pause repairs',
    )
    .option('-n, --name <cluster>', 'the cluster; by default that of the configuration')
    .option('--config <file>', "the supervisor's configuration")
    .action(async (options: ClusterOptions) => {
      const { url, token } = await supervisorAddress(options);
      process.stdout.write(`${url}/#token=${token}\n`);
    });
}
