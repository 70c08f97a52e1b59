import { createLog } from '../../log.ts';
import { systemClock } from '../../runtime/clock.ts';
import { bringUp, type SandboxHandle } from '../../sandbox/up.ts';
import { loadConfig } from '../../supervisor/config.ts';
import { startSupervisor } from '../../supervisor/wiring.ts';
import { span } from '../table.ts';
import { untilSignalled } from '../until-signalled.ts';

/** What to try, while it runs: each breaks a node in another way. */
function invitation(sandbox: SandboxHandle, page: string): string {
  const wdrip = 'node bin/wdrip.js';
  return `
wdrip watches a real Kubernetes cluster, in a cloud that is emulated on this machine.
The page (for this machine only, and with this link only):
  ${page}
In another terminal, see it:
  ${wdrip} get -r nodes
  kubectl --kubeconfig ${sandbox.kubeconfig} get nodes
break a node, and watch it come back:
  ${wdrip} sandbox exec workers-0 -- systemctl stop kubelet     # its kubelet stops
  ${wdrip} sandbox ecs delete workers-1                         # its instance is deleted, behind wdrip's back
  ${wdrip} explain workers-1                                    # why it is as it is, and what comes next
Ctrl-C ends everything.
`;
}

/** `wdrip start --sandbox`: the sandbox with a supervisor on it, in the foreground. Everything is gone when it ends. */
export async function startSandbox(options: {
  readonly workers: number;
  readonly dir?: string;
  readonly programs?: string;
}): Promise<void> {
  const clock = systemClock();
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
    process.stdout.write(invitation(sandbox, `${running.url}/#token=${running.token}`));
    await signalled;
    process.stdout.write('ending everything\n');
    await running.stop();
  } finally {
    await sandbox.down();
  }
}
