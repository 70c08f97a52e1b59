import type { RestoreSource } from '../../machines/quorum-contract.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import type { Mark } from './ladder.ts';

/** One step of the way back from a lost quorum, as people see it. */
export interface RecoveryStep {
  readonly step: string;
  readonly mark: Mark;
}

const before = ['confirming', 'reviving', 'choosingSource'] as const;
const after = ['rejoining', 'verifying'] as const;
/** In the order in which the machine names them, which is the order in which they come. */
const ofRecovery = Object.entries(recoveryMachine.states)
  .filter(([, { type }]) => type !== 'final')
  .map(([name]) => name);

/**
 * The way back from a lost quorum: what is behind, where it stands, and what comes. Empty while the quorum holds. `recovery`: the state of
 * the recovery that is at work; null: none is. Pure.
 */
export function recoveryLadder(
  quorum: string,
  recovery: string | null,
  source: RestoreSource | null,
): readonly RecoveryStep[] {
  const [top, step = ''] = quorum.split('.');
  if (top !== 'lost') return [];
  // Only a backup has a log of changes after it.
  const inside = ofRecovery.filter((each) => each !== 'replayingChanges' || source?.kind !== 'member');
  const steps = [...before, ...inside, ...after];
  const now = steps.indexOf(standsOn(step, recovery, inside));
  return steps.map((each, index) => ({
    step: each,
    mark: index < now ? 'past' : index === now ? 'now' : index === now + 1 ? 'next' : 'ahead',
  }));
}

function standsOn(step: string, recovery: string | null, inside: readonly string[]): string {
  switch (step) {
    case 'restoring': {
      const at = recovery?.split('.')[0] ?? '';
      return inside.includes(at) ? at : ((at === 'recovered' ? inside.at(-1) : inside[0]) ?? '');
    }
    case 'undecided':
    case 'failed':
    case 'throttled':
      return 'choosingSource';
    case 'unverified':
      return 'verifying';
    default:
      return step;
  }
}
