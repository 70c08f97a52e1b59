import { Command, Option } from 'commander';
import { findInstance, slotOf } from '../../sandbox/find-instance.ts';
import { openSandbox } from '../../sandbox/up.ts';
import { dirOption } from './options.ts';

const verbs = ['stop', 'start', 'reboot', 'delete'] as const;
type Verb = (typeof verbs)[number];

/** `wdrip sandbox ecs …`: what anybody with the account's key could do in the cloud's console, behind wdrip's back. */
export function ecsCommand(): Command {
  const ecs = new Command('ecs').description("do something through the cloud's API, behind wdrip's back");
  const does: Readonly<Record<Verb, string>> = {
    stop: 'stop an instance',
    start: 'start a stopped instance',
    reboot: 'reboot an instance',
    delete: 'delete an instance for good',
  };
  for (const verb of verbs) {
    const command = new Command(verb)
      .description(does[verb])
      .argument('<instance>', "the instance's id, address, node name or slot")
      .addOption(dirOption())
      .action(async (name: string, { dir, force = false }: { dir: string; force?: boolean }) => {
        const { cloud, admin } = await openSandbox(dir);
        const instance = findInstance(await admin.instances(), name);
        if (verb === 'stop') await cloud.stop(instance.id, { force });
        else if (verb === 'start') await cloud.start(instance.id);
        else if (verb === 'reboot') await cloud.reboot(instance.id, { force });
        else await cloud.deleteInstance(instance.id);
        process.stdout.write(`the cloud has taken it: ${verb} ${instance.id} (${slotOf(instance)})\n`);
      });
    if (verb === 'stop' || verb === 'reboot') {
      command.addOption(new Option('--force', 'as if the power went').default(false));
    }
    ecs.addCommand(command);
  }
  return ecs;
}
