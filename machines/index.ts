import type { AnyStateMachine } from 'xstate';
import { type BackupInput, backupMachine, backupVersion } from './backup.ts';
import { type QuorumInput, quorumMachine, quorumVersion } from './etcd-quorum.ts';
import { type NodeInput, nodeMachine, nodeVersion } from './node.ts';
import { type RecoveryInput, recoveryMachine, recoveryVersion } from './recovery.ts';
import { type StormInput, stormMachine, stormVersion } from './storm.ts';
import { supervisorMachine, supervisorVersion } from './supervisor.ts';

/** A machine with the version of the records that it writes. */
export interface KnownMachine {
  readonly machine: AnyStateMachine;
  readonly version: number;
  /** An input as it might be, with the default numbers: for tools that show how long a wait is. */
  readonly example: object;
}

const exampleNode: NodeInput = {
  slot: 'workers-1',
  pool: 'workers',
  zone: 'cn-hangzhou-h',
  role: 'worker',
  nodeName: null,
  instanceId: null,
  policy: {},
};

const exampleStorm: StormInput = { scope: 'pool/workers', percent: 40, floor: 2, holdMs: 300_000 };

const exampleQuorum: QuorumInput = { cluster: 'example', size: 3, policy: {} };
const exampleBackup: BackupInput = { cluster: 'example', schedule: '*/10 * * * *', policy: {} };
const exampleRecovery: RecoveryInput = {
  cluster: 'example',
  source: { kind: 'member', slot: 'control-plane-0', instanceId: 'i-1', term: 3, index: 812 },
};

/** Every machine of wdrip by its name: what is linted, exported for the Stately tools, and drawn. */
export const machines = {
  node: { machine: nodeMachine, version: nodeVersion, example: exampleNode },
  quorum: { machine: quorumMachine, version: quorumVersion, example: exampleQuorum },
  backup: { machine: backupMachine, version: backupVersion, example: exampleBackup },
  recovery: { machine: recoveryMachine, version: recoveryVersion, example: exampleRecovery },
  storm: { machine: stormMachine, version: stormVersion, example: exampleStorm },
  supervisor: { machine: supervisorMachine, version: supervisorVersion, example: { cluster: 'example' } },
} as const satisfies Readonly<Record<string, KnownMachine>>;
