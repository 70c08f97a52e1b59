import { Command } from 'commander';
import { createLog } from '../log.ts';
import { loadConfig } from '../supervisor/config.ts';
import { startSupervisor } from '../supervisor/wiring.ts';
import { configPath } from './config-path.ts';
import { untilSignalled } from './until-signalled.ts';

export function superviseCommand(): Command {
  return new Command('supervise')
    .description('watch a cluster and repair whatever breaks under it, until stopped')
    .option('-n, --name <cluster>', 'the cluster; by default that of the configuration')
    .option(
      '--config <file>',
      "the supervisor's configuration; by default that of the sandbox that is up here",
    )
    .option('--log-level <level>', 'error, warn, info or debug', 'info')
    .option('--log-format <format>', 'people or json; by default people on a terminal')
    .action(async (options: { config?: string; logLevel: string; logFormat?: string }) => {
      const config = await loadConfig(await configPath(options.config));
      const format =
        options.logFormat === 'people' || options.logFormat === 'json' ? options.logFormat : undefined;
      const log = createLog({ level: options.logLevel, ...(format === undefined ? {} : { format }) });
      const running = await startSupervisor({ config, log });
      log.info('supervising', { cluster: config.cluster, at: running.url });
      const signal = await untilSignalled();
      log.info('stopping; what is under way is taken up again at the next start', { signal });
      await running.stop();
    });
}
