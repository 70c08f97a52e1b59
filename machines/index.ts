import type { AnyStateMachine } from 'xstate';
import { nodeMachine, nodeVersion } from './node.ts';
import { stormMachine, stormVersion } from './storm.ts';
import { supervisorMachine, supervisorVersion } from './supervisor.ts';

/** A machine with the version of the records that it writes. */
export interface KnownMachine {
  readonly machine: AnyStateMachine;
  readonly version: number;
}

/** Every machine of wdrip by its name: what is linted, exported for the Stately tools, and drawn. */
export const machines = {
  node: { machine: nodeMachine, version: nodeVersion },
  storm: { machine: stormMachine, version: stormVersion },
  supervisor: { machine: supervisorMachine, version: supervisorVersion },
} as const satisfies Readonly<Record<string, KnownMachine>>;
