import { Command, Option } from 'commander';
import { Failure } from '../../failure.ts';
import type { FaultSpec } from '../../sandbox/cloud/faults.ts';
import { type LockReason, lockReasons } from '../../sandbox/cloud/records.ts';
import { findInstance } from '../../sandbox/find-instance.ts';
import { openSandbox } from '../../sandbox/up.ts';
import { dirOption, wholeNumber } from './options.ts';

/** The longest that an injected delay may be: the cloud's own limit. */
const LONGEST_DELAY_MS = 600_000;
const MOST_HITS = 1_000_000;

interface AnswerOptions {
  readonly error?: string;
  readonly reset?: boolean;
  readonly answerless?: boolean;
  readonly html?: boolean;
  readonly delay?: number;
}

interface AddOptions extends AnswerOptions {
  readonly dir: string;
  readonly instance?: string;
  readonly count?: number;
  readonly afterEffect: boolean;
}

/** `wdrip sandbox fault …`: makes the cloud misbehave. */
export function faultCommand(): Command {
  const fault = new Command('fault').description('make the cloud misbehave, or an instance');
  for (const command of [
    addCommand(),
    listCommand(),
    clearCommand(),
    breakCommand(),
    lockCommand(),
    stockCommand(),
  ]) {
    fault.addCommand(command);
  }
  return fault;
}

function addCommand(): Command {
  return new Command('add')
    .description('answer calls of an action wrongly: name one kind of answer')
    .argument('<action>', "the API's name of it, such as RebootInstance; * is all")
    .addOption(dirOption())
    .option('--instance <instance>', 'only calls that name this instance')
    .option('--count <n>', 'only so many calls; by default until cleared', wholeNumber(1, MOST_HITS))
    .option('--after-effect', 'the call takes effect, and only its answer is lost', false)
    .option('--error <code[:status]>', 'refuse with this code, such as ServiceUnavailable:503')
    .option('--reset', 'reset the connection')
    .option('--answerless', 'never answer')
    .option('--html', 'a 502 with a page, as from a proxy')
    .option('--delay <ms>', 'the right answer, but late', wholeNumber(0, LONGEST_DELAY_MS))
    .action(async (action: string, options: AddOptions) => {
      const { admin } = await openSandbox(options.dir);
      const { instance, count, afterEffect } = options;
      const fault = await admin.addFault({
        action,
        answer: answerOf(options),
        afterEffect,
        ...(count === undefined ? {} : { count }),
        ...(instance === undefined ? {} : { instanceId: findInstance(await admin.instances(), instance).id }),
      });
      process.stdout.write(`${fault.id}\n`);
    });
}

function answerOf({ error, reset, answerless, html, delay }: AnswerOptions): FaultSpec['answer'] {
  const [code = '', status = '500'] = (error ?? '').split(':');
  const wanted: FaultSpec['answer'][] = [
    ...(error === undefined ? [] : [{ kind: 'error' as const, code, status: Number(status) }]),
    ...(reset ? [{ kind: 'reset' as const }] : []),
    ...(answerless ? [{ kind: 'noAnswer' as const }] : []),
    ...(html ? [{ kind: 'html' as const }] : []),
    ...(delay === undefined ? [] : [{ kind: 'delay' as const, ms: delay }]),
  ];
  const [answer, second] = wanted;
  if (answer && !second) return answer;
  throw new Failure({
    kind: 'rejected',
    code: 'Usage',
    message: 'say how the call is to be answered: one of --error, --reset, --answerless, --html, --delay',
  });
}

function listCommand(): Command {
  return new Command('list')
    .description('show the faults that are set, and how often each was met')
    .addOption(dirOption())
    .action(async ({ dir }: { dir: string }) => {
      const { admin } = await openSandbox(dir);
      process.stdout.write(`${JSON.stringify(await admin.faults(), undefined, 2)}\n`);
    });
}

function clearCommand(): Command {
  return new Command('clear')
    .description('take a fault away, or all of them')
    .argument('[fault]', 'its id; by default all')
    .addOption(dirOption())
    .action(async (id: string | undefined, { dir }: { dir: string }) => {
      const { admin } = await openSandbox(dir);
      await (id === undefined ? admin.clearFaults() : admin.removeFault(id));
    });
}

function breakCommand(): Command {
  return new Command('break')
    .description('break an instance in a way that only a deeper repair cures')
    .argument('<instance>', "the instance's id, address, node name or slot")
    .addOption(dirOption())
    .option('--unbootable', 'it never boots again, whatever is done to it')
    .option('--hung', 'its system hangs until it is stopped or rebooted by force')
    .option('--mend', 'neither of these any more')
    .option('--now', 'its system dies at once, while the cloud goes on calling it Running')
    .action(
      async (
        name: string,
        options: { dir: string; unbootable?: boolean; hung?: boolean; mend?: boolean; now?: boolean },
      ) => {
        const { dir, mend = false, unbootable, hung, now } = options;
        const { admin } = await openSandbox(dir);
        await admin.setCondition(findInstance(await admin.instances(), name).id, {
          ...(mend ? { unbootable: false, hung: false } : {}),
          ...(unbootable === undefined ? {} : { unbootable }),
          ...(hung === undefined ? {} : { hung }),
          ...(now === undefined ? {} : { now }),
        });
      },
    );
}

function lockCommand(): Command {
  return new Command('lock')
    .description('lock an instance as the cloud does, for these reasons and no others; none unlocks it')
    .argument('<instance>', "the instance's id, address, node name or slot")
    .argument('[reasons...]', lockReasons.join(', '))
    .addOption(dirOption())
    .action(async (name: string, reasons: string[], { dir }: { dir: string }) => {
      const { admin } = await openSandbox(dir);
      const locks = reasons.map(lockReason);
      await admin.setCondition(findInstance(await admin.instances(), name).id, { locks });
    });
}

function lockReason(text: string): LockReason {
  const reason = lockReasons.find((each) => each === text);
  if (reason !== undefined) return reason;
  const message = `${text} is no reason for a lock: take one of ${lockReasons.join(', ')}`;
  throw new Failure({ kind: 'rejected', code: 'Usage', message });
}

function stockCommand(): Command {
  return new Command('stock')
    .description('take an instance type out of stock in a zone, or put it back')
    .argument('<zone>')
    .argument('<type>', 'an instance type')
    .addOption(
      new Option('--state <state>', 'refused at once, taken and failed later, or in stock')
        .choices(['out', 'late', 'in'])
        .default('out'),
    )
    .addOption(dirOption())
    .action(async (zone: string, type: string, { dir, state }: { dir: string; state: string }) => {
      const { admin } = await openSandbox(dir);
      await admin.setStock(zone, type, state === 'in' ? null : state === 'late' ? 'late' : 'now');
    });
}
