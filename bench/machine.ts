import { cpus } from 'node:os';

/** On what a benchmark ran: figures of different machines can't be compared. */
export function describeMachine() {
  const all = cpus();
  return { cpu: all[0]?.model.trim() ?? 'unknown', cores: all.length, node: process.version };
}
