import { describe, expect, test } from '@jest/globals';
import { createActor, transition } from 'xstate';
import { type NodeContext, nodeMachine, rungs } from '../../machines/node.ts';
import { defaultNodePolicy } from '../../machines/policy.ts';
import { statePath } from '../../src/supervisor/fleet.ts';
import { ladderOf } from '../../src/supervisor/ladder.ts';

const input = {
  slot: 'workers-0',
  pool: 'workers',
  zone: 'a',
  role: 'worker',
  nodeName: '10.0.0.1.i-1',
  instanceId: 'i-1',
  policy: {},
} as const;
const fresh = createActor(nodeMachine, { input }).getSnapshot().context;
const waits = {
  restartingKubelet: 'kubeletWait',
  rebooting: 'rebootWait',
  resetting: 'resetWait',
  replacing: 'replaceWait',
} as const;

/** Where the machine itself goes when the wait of a rung runs out. */
function machineGoesTo(context: NodeContext, rung: keyof typeof waits): string {
  const at = nodeMachine.resolveState({ value: { repairing: { [rung]: 'awaitingReady' } }, context });
  const [next] = transition(nodeMachine, at, {
    type: `xstate.after.${waits[rung]}.node.repairing.${rung}.awaitingReady`,
  } as never);
  const [top, inner] = statePath(JSON.parse(JSON.stringify(next.value))).split('.');
  return top === 'repairing' ? (inner ?? '') : (top ?? '');
}
const marked = (context: NodeContext, state: string, mark: string) =>
  ladderOf(context, state).flatMap((each) => (each.mark === mark ? [each.step] : []));

describe('the ladder as people see it', () => {
  const contexts = rungs.flatMap((rung, index) =>
    (['running', 'stopped', 'gone', 'unknown'] as const).flatMap((instance) =>
      [false, true].flatMap((agentSilent) =>
        [1, 2].map((reboots) => ({ rung, instance, agentSilent, reboots, tried: index + 1 })),
      ),
    ),
  );

  test.each(contexts)('what comes next is what the machine does: %j', ({ rung, ...over }) => {
    const context = { ...fresh, ...over };
    const goes = machineGoesTo(context, rung);
    const state = `repairing.${rung}.awaitingReady`;
    // A second reboot is the same rung once more, and what people see as next is the one above it.
    if (goes !== rung) expect(marked(context, state, 'next')).toEqual([goes]);
    expect(marked(context, state, 'now')).toEqual([rung]);
  });

  test('a healthy node has it all ahead, with the waits of its own policy', () => {
    const ladder = ladderOf({ ...fresh, policy: { suspectMs: 5_000 } }, 'healthy');
    expect(ladder.every(({ mark }) => mark === 'ahead')).toBe(true);
    expect(ladder[0]).toEqual({ step: 'suspect', mark: 'ahead', waitMs: 5_000 });
    expect(ladder.at(-1)?.waitMs).toBe(defaultNodePolicy.throttleMs);
  });

  test('one that is suspect stands on the first step; a stopped instance leads past the kubelet', () => {
    expect(marked({ ...fresh, instance: 'running' }, 'suspect', 'next')).toEqual(['restartingKubelet']);
    expect(marked({ ...fresh, instance: 'stopped' }, 'suspect', 'next')).toEqual(['rebooting']);
    expect(marked({ ...fresh, instance: 'gone' }, 'suspect', 'next')).toEqual(['replacing']);
    expect(marked(fresh, 'suspect', 'now')).toEqual(['suspect']);
  });

  test('after a failed climb it rests, and begins at the bottom', () => {
    const context = { ...fresh, tried: 4, failedClimbs: 1 };
    expect(marked(context, 'throttled', 'now')).toEqual(['throttled']);
    expect(marked(context, 'throttled', 'next')).toEqual(['restartingKubelet']);
    expect(marked(context, 'throttled', 'past')).toEqual(['suspect', ...rungs.slice(1)]);
  });
});
