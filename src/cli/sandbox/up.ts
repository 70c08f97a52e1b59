import { Command, Option } from 'commander';
import { Failure } from '../../failure.ts';
import { systemClock } from '../../runtime/clock.ts';
import {
  bringUp,
  DEFAULT_CLUSTER,
  DEFAULT_NODE_GRACE_SECONDS,
  type SandboxHandle,
} from '../../sandbox/up.ts';
import { dirOption, wholeNumber } from './options.ts';

/** A hollow kubelet takes 75 MB: two hundred are more than any laptop wants. */
const MOST_WORKERS = 200;
/** Kubernetes gives up on a node after this at most; longer is no test of anything. */
const LONGEST_GRACE_SECONDS = 3600;

interface UpOptions {
  readonly masters: string;
  readonly workers: number;
  readonly dir: string;
  readonly programs?: string;
  readonly timings: 'fast' | 'real';
  readonly nodeGrace: number;
  readonly cluster: string;
}

/** `wdrip sandbox up`. */
export function upCommand(): Command {
  return new Command('up')
    .description('bring up a sandbox: a cloud, a control plane, and workers that join it')
    .addOption(
      new Option('-m, --masters <n>', 'how many masters, each with its own etcd member and API server')
        .choices(['1', '3', '5'])
        .default('1'),
    )
    .option('-w, --workers <n>', 'how many workers', wholeNumber(0, MOST_WORKERS), 3)
    .addOption(dirOption())
    .option('--programs <folder>', 'where etcd and the Kubernetes programs are; by default found or built')
    .addOption(
      new Option('--timings <speed>', 'how long the cloud takes over things')
        .choices(['fast', 'real'])
        .default('fast'),
    )
    .option(
      '--node-grace <seconds>',
      'how long a node may be silent before it is NotReady',
      wholeNumber(4, LONGEST_GRACE_SECONDS),
      DEFAULT_NODE_GRACE_SECONDS,
    )
    .option('--cluster <name>', 'what the cluster is called', clusterName, DEFAULT_CLUSTER)
    .action(async (options: UpOptions) => {
      const clock = systemClock();
      const start = clock.now();
      const seconds = () => `${((clock.now() - start) / 1000).toFixed(1).padStart(6)} s`;
      const stop = new AbortController();
      const onSignal = () => {
        process.stderr.write(`${seconds()}  stopped: taking it all down again\n`);
        stop.abort(
          new Failure({
            kind: 'rejected',
            code: 'Interrupted',
            message: 'stopped before the sandbox was up',
          }),
        );
      };
      process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
      try {
        const sandbox = await bringUp({
          ...options,
          masters: Number(options.masters),
          nodeGraceSeconds: options.nodeGrace,
          signal: stop.signal,
          onProgress: (step) => process.stderr.write(`${seconds()}  ${step}\n`),
        });
        process.stderr.write(`${seconds()}  the sandbox is up\n`);
        process.stdout.write(whatNext(sandbox, options.workers));
      } finally {
        process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      }
    });
}

function whatNext({ dir, kubeconfig }: SandboxHandle, workers: number): string {
  const where = process.argv.includes('--dir') ? ` --dir ${dir}` : '';
  const config = where ? ` --config ${dir}/supervise.yml` : '';
  return `
Look at it:       export KUBECONFIG=${kubeconfig}
                  kubectl get nodes
                  wdrip sandbox status${where}
Let wdrip watch:  wdrip supervise${config}
Break something:  kubectl delete node NODE
                  wdrip sandbox exec${where} ${workers > 0 ? 'workers-0' : 'control-plane-0'} -- systemctl stop kubelet
                  wdrip sandbox ecs stop${where} ${workers > 0 ? 'workers-0' : 'control-plane-0'}
See it heal:      wdrip get -r nodes${config}
Take it down:     wdrip sandbox down${where}
`;
}

function clusterName(text: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/.test(text)) return text;
  throw new Failure({
    kind: 'rejected',
    code: 'Usage',
    message: `${JSON.stringify(text)} is no name for a cluster: up to 30 lower-case letters, digits and dashes`,
  });
}
