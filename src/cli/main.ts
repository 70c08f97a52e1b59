import { Command, CommanderError } from 'commander';
import { Failure } from '../failure.ts';
import { exportCommand } from './export.ts';
import { explainCommand, getCommand, pauseCommand, resumeCommand } from './nodes.ts';
import { sandboxCommand } from './sandbox.ts';
import { startCommand } from './start.ts';
import { superviseCommand } from './supervise.ts';
import { version, versionCommand } from './version.ts';

/** Exit statuses: 0 done, 1 failed, 2 not understood. */
const failed = 1;
const notUnderstood = 2;

/** The command line, from `process.argv`. Sets the exit status; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('wdrip')
    .description(
      'resilience for Kubernetes clusters on Alibaba Cloud: whatever breaks under a cluster, wdrip brings it back',
    )
    .version(await version(), '-V, --version')
    .showHelpAfterError('(`wdrip --help` shows what there is)')
    .exitOverride();
  const commands = [
    startCommand(),
    superviseCommand(),
    getCommand(),
    explainCommand(),
    pauseCommand(),
    resumeCommand(),
    sandboxCommand(),
    exportCommand(),
    versionCommand(),
  ];
  for (const command of commands) program.addCommand(withExitOverride(command));
  try {
    await program.parseAsync([...argv]);
  } catch (caught) {
    process.exitCode = statusOf(caught);
  }
}

/** Commander ends the process by itself unless it is told not to, for each command anew. */
function withExitOverride(command: Command): Command {
  command.exitOverride();
  for (const inner of command.commands) withExitOverride(inner);
  return command;
}

function statusOf(caught: unknown): number {
  if (caught instanceof CommanderError) return caught.exitCode === 0 ? 0 : notUnderstood;
  if (caught instanceof Failure) {
    process.stderr.write(`wdrip: ${caught.message}\n`);
    return caught.code === 'Usage' || caught.code === 'BadConfiguration' || caught.code === 'NoConfiguration'
      ? notUnderstood
      : failed;
  }
  // Not foreseen: a defect of ours, so everything that helps to find it is shown.
  process.stderr.write(
    `wdrip: ${caught instanceof Error ? (caught.stack ?? caught.message) : String(caught)}\n`,
  );
  return failed;
}
