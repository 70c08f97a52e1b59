import { Command } from 'commander';
import { systemClock } from '../../runtime/clock.ts';
import { adminClient } from '../../sandbox/admin-client.ts';
import { sandboxPaths } from '../../sandbox/dir.ts';
import { execHere } from '../../sandbox/exec.ts';
import { findInstance } from '../../sandbox/find-instance.ts';
import { mustReadSandboxState } from '../../sandbox/state.ts';
import { dirOption } from './options.ts';

/** `wdrip sandbox exec`. Its exit status is the command's. */
export function execCommand(): Command {
  return new Command('exec')
    .description("run a command on an instance, as if logged in there; its agent isn't needed")
    .argument('<instance>', "the instance's id, address, node name or slot")
    .argument('<command...>', 'what to run, after --')
    .addOption(dirOption())
    .action(async (name: string, command: string[], { dir }: { dir: string }) => {
      const paths = sandboxPaths(dir);
      const state = await mustReadSandboxState(paths);
      const instances = await adminClient(state.cloudEndpoint, state.adminToken, systemClock()).instances();
      process.exitCode = await execHere(paths, state, findInstance(instances, name), command);
    });
}
