import { Command } from 'commander';
import { createLog } from '../log.ts';
import { systemClock } from '../runtime/clock.ts';
import { bringUp, type SandboxHandle } from '../sandbox/up.ts';
import { loadConfig } from '../supervisor/config.ts';
import { startSupervisor } from '../supervisor/wiring.ts';
import { wholeNumber } from './sandbox/options.ts';
import { span } from './table.ts';
import { untilSignalled } from './until-signalled.ts';

const clock = systemClock();

/** A hollow kubelet takes 75 MB: more than this many are no quick look. */
const mostWorkers = 50;

/** What to try, while it runs: each breaks a node in another way. */
function invitation(sandbox: SandboxHandle): string {
  const wdrip = 'node bin/wdrip.js';
  return `
wdrip watches a real Kubernetes cluster, in a cloud that is emulated on this machine. In another terminal, see it:
  ${wdrip} get -r nodes
  kubectl --kubeconfig ${sandbox.kubeconfig} get nodes
break a node, and watch it come back:
  ${wdrip} sandbox exec workers-0 -- systemctl stop kubelet     # its kubelet stops
  ${wdrip} sandbox ecs delete workers-1                         # its instance is deleted, behind wdrip's back
  ${wdrip} explain workers-1                                    # why it is as it is, and what comes next
Ctrl-C ends everything.
`;
}

/** `npm start`: the sandbox with a supervisor on it, in the foreground. Everything is gone when it ends. */
export function startCommand(): Command {
  return new Command('start')
    .description(
      'bring up a sandbox with a supervisor on it, until Ctrl-C: the quickest way to see wdrip at work',
    )
    .option('--workers <n>', 'how many worker nodes', wholeNumber(1, mostWorkers), 3)
    .option('--dir <folder>', 'where the sandbox lives')
    .option(
      '--programs <folder>',
      "where etcd's and Kubernetes' programs are; by default they are found or built",
    )
    .action(async (options: { workers: number; dir?: string; programs?: string }) => {
      const began = clock.now();
      const abort = new AbortController();
      const signalled = untilSignalled();
      void signalled.then(() => abort.abort(new Error('interrupted')));
      const sandbox = await bringUp({
        ...options,
        timings: 'fast',
        signal: abort.signal,
        onProgress: (step) => process.stdout.write(`${span(clock.now() - began).padStart(6)}  ${step}\n`),
      });
      try {
        const log = createLog({ format: 'people' });
        const running = await startSupervisor({ config: await loadConfig(sandbox.superviseConfig), log });
        process.stdout.write(invitation(sandbox));
        await signalled;
        process.stdout.write('ending everything\n');
        await running.stop();
      } finally {
        await sandbox.down();
      }
    });
}
