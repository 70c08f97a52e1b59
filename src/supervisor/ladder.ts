import { type NodeContext, type Rung, rungs } from '../../machines/node.ts';
import { type NodePolicy, policyValue } from '../../machines/policy.ts';

/** `past`: tried, or led past. `now`: at work. `next`: comes if what is at work does not help. `ahead`: later, if at all. */
export type Mark = 'past' | 'now' | 'next' | 'ahead';

/** One step of a node's ladder as people see it, with the wait that it ends with, in ms. */
export interface LadderStep {
  readonly step: 'suspect' | Rung | 'throttled';
  readonly mark: Mark;
  readonly waitMs: number;
}

const waits: Readonly<Record<LadderStep['step'], keyof NodePolicy>> = {
  suspect: 'suspectMs',
  restartingKubelet: 'kubeletWaitMs',
  rebooting: 'rebootWaitMs',
  resetting: 'resetWaitMs',
  replacing: 'replaceWaitMs',
  throttled: 'throttleMs',
};

/** The ladder of a node: what it has behind it, where it stands, and what would come next. Pure. */
export function ladderOf(context: NodeContext, state: string): readonly LadderStep[] {
  const steps = ['suspect', ...rungs, 'throttled'] as const;
  const now = standsOn(context, state);
  const next = nextOf(context, state, now);
  return steps.map((step, index) => {
    const tried = index >= 1 && index <= context.tried;
    const below = now !== null && index < steps.indexOf(now);
    const mark: Mark = step === now ? 'now' : step === next ? 'next' : tried || below ? 'past' : 'ahead';
    return { step, mark, waitMs: policyValue(context.policy, waits[step]) };
  });
}

function standsOn(_context: NodeContext, state: string): LadderStep['step'] | null {
  const [top, rung] = state.split('.');
  if (top === 'suspect' || top === 'blind') return 'suspect';
  if (top === 'throttled') return 'throttled';
  return top === 'repairing' ? (rungs.find((each) => each === rung) ?? null) : null;
}

/** What `choosing` of the node machine would pick after the step at work; a test holds this to the machine. */
function nextOf(
  context: NodeContext,
  state: string,
  now: LadderStep['step'] | null,
): LadderStep['step'] | null {
  const top = state.split('.')[0];
  if (top === 'throttled') return 'restartingKubelet';
  if (top !== 'suspect' && top !== 'repairing' && top !== 'awaitingCloud') return null;
  const isRunning = context.instance === 'running' || context.instance === 'unknown';
  const atWork = now === null || now === 'suspect' || now === 'throttled' ? 0 : rungs.indexOf(now) + 1;
  const tried = Math.max(context.tried, atWork);
  // A reboot is counted when its work begins.
  const reboots = context.reboots + (now === 'rebooting' && !/\.(acting|awaitingReady)$/.test(state) ? 1 : 0);
  if (context.instance === 'gone') return tried < 4 ? 'replacing' : 'throttled';
  if (tried < 1 && !context.agentSilent && isRunning) return 'restartingKubelet';
  if (tried < 2) return 'rebooting';
  // The second reboot is the rung at work once more: what people see next is the one above it.
  if (tried === 2 && now !== 'rebooting' && reboots < policyValue(context.policy, 'rebootTries'))
    return 'rebooting';
  if (tried < 3) return 'resetting';
  return tried < 4 ? 'replacing' : 'throttled';
}
