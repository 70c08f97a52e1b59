import { type NodeContext, type Rung, rungs } from '../../machines/node.ts';
import type { Moved as Movement, Rules } from './explore.ts';

type Moved = Movement<NodeContext>;

/** The rung and the phase of it that a state value stands for; null outside the ladder. */
export function rungOf(state: string): { readonly rung: Rung; readonly phase: string } | null {
  const [, name, phase] = state.split('.');
  const rung = rungs.find((each) => each === name);
  return rung !== undefined && phase !== undefined ? { rung, phase } : null;
}

/** How a rung may be begun although cheaper ones have not been tried: the evidence of design.md section 4's shortcuts. */
function mayBegin(rung: Rung, { tried, instance, agentSilent }: NodeContext): boolean {
  switch (rung) {
    case 'restartingKubelet':
      return tried < 1 && !agentSilent && (instance === 'running' || instance === 'unknown');
    case 'rebooting':
      return tried >= 1 || agentSilent || instance === 'stopped' || instance === 'moving';
    case 'resetting':
      return tried === 2;
    case 'replacing':
      return tried === 3 || (tried < 3 && instance === 'gone');
  }
}

/** What must never happen, each by its name, and the transitions that do it. Independent of how the machine is written. */
export const rules: Rules<NodeContext> = {
  'a rung beyond the kubelet drains or acts without a permit': ({ to, after }) => {
    const now = rungOf(to);
    return (
      now !== null &&
      now.rung !== 'restartingKubelet' &&
      // Who asks once more may have given it back.
      ['draining', 'acting'].includes(now.phase) &&
      after.permit === null
    );
  },
  'a master that is out of sight holds a permit although nothing is done to it': ({ to, after }) =>
    after.role === 'controlPlane' && after.blind && after.permit !== null && !/\.(acting|removing)$/.test(to),
  'a kubelet restart gives a permit': ({ from, before, after }) =>
    rungOf(from)?.rung === 'restartingKubelet' && before.permit === null && after.permit !== null,
  'a rung asks, drains or acts anew while repairs are paused': (moved) => begins(moved) && moved.after.paused,
  'a rung asks, drains or acts anew while blind': (moved) => begins(moved) && moved.after.blind,
  'a rung asks, drains or acts anew on a Ready node': (moved) => begins(moved) && moved.after.ready,
  'a rung asks, drains or acts anew on a locked instance': (moved) =>
    begins(moved) && moved.after.instance === 'locked',
  'a rung asks, drains or acts anew while the cloud itself is at work': (moved) =>
    begins(moved) &&
    !moved.after.cloudOverdue &&
    moved.after.instance !== 'gone' &&
    (moved.after.cloudRepairing || moved.after.instance === 'moving'),
  'a rung is skipped without the evidence of a shortcut': (moved) => {
    const now = rungOf(moved.to);
    return now !== null && now.phase === 'admitting' && begins(moved) && !mayBegin(now.rung, moved.after);
  },
  'a permit is kept where nothing is under repair': ({ to, after }) =>
    ['healthy', 'throttled', 'retired', 'held', 'unknown', 'settling'].includes(to) && after.permit !== null,
  'an instance is replaced twice in one climb': ({ from, to, before }) =>
    to === 'repairing.replacing.acting' && from !== to && before.tried === rungs.length,
  'the first reboot of a climb is forced': ({ started, after }) =>
    started.some(({ src, input }) => src === 'restartInstance' && isForced(input) && after.reboots < 2),
  'the ladder goes down by itself': ({ event, before, after }) =>
    after.tried < before.tried &&
    !(event.startsWith('xstate.error.actor.') && after.failure?.code === 'NodeReady') &&
    ![
      'SLOT_FILLED',
      'SLOT_RETIRED',
      'xstate.after.throttle.node.throttled',
      'xstate.after.settling.node.settling',
    ].includes(event),
  'a rung takes something away without asking directly before': ({ from, to }) =>
    rungOf(to)?.phase === 'acting' &&
    !['admitting', 'confirming', 'acting'].includes(rungOf(from)?.phase ?? ''),
  'a slot is taken away without asking directly before': ({ from, to }) =>
    to === 'retiring.removing' && from !== to && from !== 'retiring.confirming',
  'an effect works on an instance without a permit': ({ started, after }) =>
    started.some(({ src }) =>
      ['drainNode', 'restartInstance', 'resetInstance', 'replaceInstance', 'retireInstance'].includes(src),
    ) && after.permit === null,
};

function begins({ from, to }: Moved): boolean {
  const now = rungOf(to);
  return now !== null && from !== to && ['admitting', 'draining', 'confirming', 'acting'].includes(now.phase);
}

function isForced(input: unknown): boolean {
  return typeof input === 'object' && input !== null && Reflect.get(input, 'force') === true;
}

/** The names of the rules that a transition breaks. */
export function brokenRules(moved: Moved): readonly string[] {
  return Object.keys(rules).filter((name) => rules[name]?.(moved) === true);
}
