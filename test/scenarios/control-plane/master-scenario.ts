import type { SandboxInstance } from '../../../src/sandbox/admin-client.ts';
import type { Checks } from '../scenario.ts';
import type { MastersStage } from './stage.ts';

/** A scenario of the control plane, with a supervisor that heals it. */
export interface MasterScenario {
  readonly name: string;
  readonly fault: string;
  readonly smoke?: boolean;
  /** Masters at its end. */
  readonly masters?: number;
  /** What a client may see: with a quorum an election at most, without one until the data is back. */
  readonly outage: 'election' | 'restore' | 'byHand';
  /** Writes that may be lost: none, or those of the last moments before the fault. */
  readonly loses?: 'lastMoments';
  /** Workers are lost, too: their pods come back elsewhere. Otherwise they run on, untouched. */
  readonly workers?: 'lost';
  /** The most that it may take from the fault to the end, in ms. */
  readonly limitMs: number;
  /** Breaks it. What it returns is checked at the end. */
  run(stage: MastersStage, checks: Checks): Promise<(() => Promise<void>) | void>;
}

export const deleteAll = (stage: MastersStage, victims: readonly SandboxInstance[]) =>
  Promise.all(victims.map(({ id }) => stage.sandbox.cloud.deleteInstance(id)));

/** What was said last of where the data can come from. */
export function choiceSince(stage: MastersStage, since: number) {
  return stage.supervisor
    .lines(since)
    .filter(({ message }) => message === 'what a lost quorum can be brought back from')
    .at(-1);
}

export function sourceOf(stage: MastersStage, since: number): string {
  const said = choiceSince(stage, since);
  const because = String(said?.because);
  return said?.choice !== 'source'
    ? String(said?.choice)
    : because.includes('backup is')
      ? 'backup'
      : 'member';
}
