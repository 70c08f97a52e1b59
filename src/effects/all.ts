import { backupMachine } from '../../machines/backup.ts';
import { quorumMachine } from '../../machines/etcd-quorum.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import { Failure } from '../failure.ts';
import type { Effect } from '../runtime/types.ts';
import type { BackupWorld } from './backup/world.ts';
import { backupEffects } from './backup.ts';
import { nodeEffects } from './node.ts';
import type { QuorumWorld } from './quorum/world.ts';
import { quorumEffects } from './quorum.ts';
import type { RecoveryWorld } from './recovery/world.ts';
import { recoveryEffects } from './recovery.ts';
import type { World } from './world.ts';

/** What the effects of all machines act on. Null: this supervisor was given nothing to do that with, and no actor asks for it. */
export interface Worlds {
  readonly node: World;
  readonly quorum: QuorumWorld | null;
  readonly recovery: RecoveryWorld | null;
  readonly backup: BackupWorld | null;
}

/** Every effect that a machine of the supervisor names. */
export function allEffects(worlds: Worlds): Readonly<Record<string, Effect>> {
  return {
    ...nodeEffects(worlds.node),
    ...(worlds.quorum === null ? notConfigured(quorumMachine) : quorumEffects(worlds.quorum)),
    ...(worlds.backup === null ? notConfigured(backupMachine) : backupEffects(worlds.backup)),
    ...(worlds.recovery === null ? notConfigured(recoveryMachine) : recoveryEffects(worlds.recovery)),
  };
}

/** A record of an earlier configuration may still ask: it hears why nothing happens. */
function notConfigured(machine: {
  readonly id: string;
  readonly implementations: { readonly actors: object };
}): Readonly<Record<string, Effect>> {
  const refuse: Effect = () =>
    Promise.reject(
      new Failure({
        kind: 'rejected',
        code: 'NotConfigured',
        message: `the supervisor's configuration has nothing for the ${machine.id}: add \`etcd\`, \`controlPlane\` and \`backup\` to it`,
      }),
    );
  return Object.fromEntries(Object.keys(machine.implementations.actors).map((name) => [name, refuse]));
}
