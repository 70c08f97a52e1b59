import { Command, InvalidArgumentError } from 'commander';
import { Failure } from '../failure.ts';
import { type Speed, speeds } from '../simulator/embedded/speeds.ts';
import { wholeNumber } from './sandbox/options.ts';

/** A hollow kubelet takes 75 MB: more than this many are no quick look. */
const mostWorkers = 50;
const highestPort = 65_535;

interface Options {
  readonly sandbox?: true;
  readonly speed?: Speed;
  readonly port?: number;
  readonly workers?: number;
  readonly dir?: string;
  readonly programs?: string;
}

/** `npm start`: the quickest way to see wdrip at work. Each kind brings its own libraries, so only one is loaded. */
export function startCommand(): Command {
  return new Command('start')
    .description('show wdrip at work on a simulated cluster, with a page to break it from, until Ctrl-C')
    .option('--speed <factor>', `how much faster time goes by: ${speeds.join(', ')}`, toSpeed)
    .option('--port <n>', 'the page’s port; by default the usual one, or any', wholeNumber(1, highestPort))
    .option('--sandbox', 'instead: a real Kubernetes in an emulated cloud on this machine')
    .option('--workers <n>', 'with --sandbox: how many worker nodes', wholeNumber(1, mostWorkers))
    .option('--dir <folder>', 'with --sandbox: where the sandbox lives')
    .option(
      '--programs <folder>',
      "with --sandbox: where etcd's and Kubernetes' programs are; by default they are found or built",
    )
    .action(async ({ sandbox, speed, port, workers, dir, programs }: Options) => {
      if (sandbox) {
        refuse({ speed, port }, 'is not for --sandbox: its time is real, and its port is drawn');
        await (await import('./start/sandbox.ts')).startSandbox({
          workers: workers ?? 3,
          ...(dir === undefined ? {} : { dir }),
          ...(programs === undefined ? {} : { programs }),
        });
        return;
      }
      refuse({ workers, dir, programs }, 'is only for --sandbox');
      await (await import('./start/embedded.ts')).startEmbeddedCluster({
        speed: speed ?? 1,
        ...(port === undefined ? {} : { port }),
      });
    });
}

function toSpeed(text: string): Speed {
  const speed = speeds.find((each) => String(each) === text);
  if (speed !== undefined) return speed;
  throw new InvalidArgumentError(`It must be one of ${speeds.join(', ')}.`);
}

function refuse(options: Readonly<Record<string, unknown>>, why: string): void {
  const given = Object.keys(options).find((name) => options[name] !== undefined);
  if (given !== undefined)
    throw new Failure({ kind: 'rejected', code: 'Usage', message: `--${given} ${why}` });
}
