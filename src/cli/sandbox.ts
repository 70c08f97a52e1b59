import { Command } from 'commander';
import { daemonCommand } from './sandbox/daemon.ts';
import { downCommand } from './sandbox/down.ts';
import { ecsCommand } from './sandbox/ecs.ts';
import { execCommand } from './sandbox/exec.ts';
import { faultCommand } from './sandbox/fault.ts';
import { statusCommand } from './sandbox/status.ts';
import { upCommand } from './sandbox/up.ts';

/** `wdrip sandbox …`: Alibaba Cloud in a box, with a real Kubernetes control plane in it. */
export function sandboxCommand(): Command {
  const commands = [
    upCommand(),
    statusCommand(),
    execCommand(),
    downCommand(),
    faultCommand(),
    ecsCommand(),
    daemonCommand(),
  ];
  const sandbox = new Command('sandbox').description(
    'a cloud and a cluster on this machine, to break and to watch being repaired',
  );
  for (const command of commands) {
    sandbox.addCommand(command, { hidden: command.name() === 'daemon' });
  }
  return sandbox;
}
