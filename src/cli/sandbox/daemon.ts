import { join } from 'node:path';
import { Command, Option } from 'commander';
import { createLog } from '../../log.ts';
import { systemClock } from '../../runtime/clock.ts';
import { systemRandom } from '../../runtime/random.ts';
import { startDaemon } from '../../sandbox/daemon.ts';
import { starter } from '../../sandbox/daemon-process.ts';
import { untilSignalled } from '../until-signalled.ts';
import { dirOption } from './options.ts';

/** `wdrip sandbox daemon`: what `up` starts. Hidden: it is of no use alone. */
export function daemonCommand(): Command {
  return new Command('daemon')
    .description("the sandbox's own process")
    .addOption(dirOption())
    .requiredOption('--cluster <name>')
    .requiredOption('--tools <folder>', 'where every program of an instance is')
    .addOption(new Option('--timings <speed>').choices(['fast', 'real']).default('fast'))
    .action(async (options: { dir: string; cluster: string; tools: string; timings: 'fast' | 'real' }) => {
      const log = createLog({ format: 'people' });
      const signalled: Promise<string> = untilSignalled();
      const upper = starter();
      let up = false;
      // Whoever started it is killed before the cluster is up: then nobody would ever look after it.
      const orphaned = new Promise<string>((settle) => {
        upper.onGone(() => {
          if (!up) settle('whoever started it is gone');
        });
      });
      const daemon = await startDaemon({
        ...options,
        programs: { tools: options.tools, path: (name) => join(options.tools, name) },
        clock: systemClock(),
        random: systemRandom,
        log,
      }).catch((caught: unknown) => {
        log.error(caught instanceof Error ? caught.message : String(caught));
        // What is open by then, the channel to the starter above all, would keep the process.
        process.exit(1);
      });
      upper.onUp(() => {
        up = true;
        void daemon.markUp().then(() => upper.say('marked'));
      });
      upper.say('open');
      log.info('closing the sandbox', { why: await Promise.race([signalled, orphaned]) });
      await daemon.close();
      // The lock goes with the process, and whoever takes the sandbox down waits for that.
      process.exit(0);
    });
}
