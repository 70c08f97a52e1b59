import { Command } from 'commander';
import { answerWork } from '../../simulator/jobs.ts';

/** `wdrip simulate worker`: carries out runs for the command that started it. Hidden: it is of no use alone. */
export function workerCommand(): Command {
  return new Command('worker').description('carries out runs for another process').action(answerWork);
}
