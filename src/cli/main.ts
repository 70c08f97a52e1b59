import { Command, CommanderError } from 'commander';
import { Failure } from '../failure.ts';
import { version } from '../root.ts';

/** Each command's file is loaded only when it is asked for (or for the help): some bring large libraries with them. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import('./start.ts')).startCommand(),
  supervise: async () => (await import('./supervise.ts')).superviseCommand(),
  get: async () => (await import('./nodes.ts')).getCommand(),
  explain: async () => (await import('./nodes.ts')).explainCommand(),
  backup: async () => (await import('./backup.ts')).backupCommand(),
  page: async () => (await import('./page.ts')).pageCommand(),
  pause: async () => (await import('./nodes.ts')).pauseCommand(),
  resume: async () => (await import('./nodes.ts')).resumeCommand(),
  sandbox: async () => (await import('./sandbox.ts')).sandboxCommand(),
  simulate: async () => (await import('./simulate.ts')).simulateCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  version: async () => (await import('./version.ts')).versionCommand(),
};

/** Exit statuses: 0 done, 1 failed, 2 not understood. */
const failed = 1;
const notUnderstood = 2;

/** The command line, from `process.argv`. Ends the process with the status if it is not 0; never throws. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('wdrip')
    .description(
      'resilience for Kubernetes clusters on Alibaba Cloud: whatever breaks under a cluster, wdrip brings it back',
    )
    .version(await version(), '-V, --version')
    .showHelpAfterError('(`wdrip --help` shows what there is)')
    .exitOverride();
  const asked = argv[2] ?? '';
  const loaded = Object.hasOwn(commands, asked) ? [asked] : Object.keys(commands);
  for (const name of loaded) {
    const command = await commands[name]?.();
    if (command) program.addCommand(withExitOverride(command));
  }
  try {
    await program.parseAsync([...argv]);
  } catch (caught) {
    // Whatever is still open belongs to work that has failed: it must not keep the process.
    process.exit(statusOf(caught));
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
