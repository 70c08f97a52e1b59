import { Command, Option } from 'commander';
import { createLog } from '../log.ts';
import { startSupervisor } from '../supervisor/wiring.ts';
import { type ClusterOptions, configFor } from './config-path.ts';
import { untilSignalled } from './until-signalled.ts';

export function superviseCommand(): Command {
  return new Command('supervise')
    .description('watch a cluster and repair whatever breaks under it, until stopped')
    .option('-n, --name <cluster>', 'the cluster; by default that of the configuration')
    .option(
      '--config <file>',
      "the supervisor's configuration; by default that of the sandbox that is up here",
    )
    .addOption(new Option('--log-level <level>').choices(['error', 'warn', 'info', 'debug']).default('info'))
    .addOption(
      new Option('--log-format <format>', 'by default people on a terminal, and json otherwise').choices([
        'people',
        'json',
      ]),
    )
    .action(
      async (
        options: ClusterOptions & { readonly logLevel: string; readonly logFormat?: 'people' | 'json' },
      ) => {
        const config = await configFor(options);
        const { logLevel: level, logFormat: format } = options;
        const log = createLog({ level, ...(format === undefined ? {} : { format }) });
        const running = await startSupervisor({ config, log });
        log.info('supervising', { cluster: config.cluster, at: running.url });
        const signal = await untilSignalled();
        log.info('stopping; what is under way is taken up again at the next start', { signal });
        await running.stop();
      },
    );
}
