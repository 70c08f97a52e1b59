import type { MachineToShow } from './machine-data.ts';
import { mermaidId, spokenMs } from './mermaid.ts';

/** A picture with only the main arrows, for people who see the machine for the first time. */
export interface Overview {
  /** States with inner states to show, and those inner states. */
  readonly composites: Readonly<Record<string, readonly string[]>>;
  /** A state that is only passed through: an arrow may lead over it. */
  readonly passing: string;
  readonly first: string;
  /** Source, target, and what leads from one to the other; `{suspicion}` stands for that delay's time. */
  readonly arrows: readonly (readonly [source: string, target: string, label: string])[];
}

/** The node machine's overview. A test holds each arrow to the machine. */
export const nodeOverview: Overview = {
  composites: {
    repairing: [
      'repairing.restartingKubelet',
      'repairing.rebooting',
      'repairing.resetting',
      'repairing.replacing',
    ],
  },
  passing: 'repairing.choosing',
  first: 'healthy',
  arrows: [
    ['joining', 'healthy', 'Ready'],
    ['joining', 'suspect', 'not Ready in {joining}'],
    ['healthy', 'suspect', 'NotReady'],
    ['suspect', 'healthy', 'Ready'],
    ['suspect', 'repairing', 'NotReady for {suspicion}'],
    ['suspect', 'blind', 'API out of sight'],
    ['blind', 'suspect', 'sight returned'],
    [
      'repairing.restartingKubelet',
      'repairing.rebooting',
      'not Ready in {kubeletWait}, or the agent is silent',
    ],
    ['repairing.rebooting', 'repairing.resetting', 'twice not Ready in {rebootWait}'],
    ['repairing.resetting', 'repairing.replacing', 'not Ready in {resetWait}'],
    ['repairing', 'recovering', 'Ready'],
    ['repairing', 'awaitingCloud', 'the cloud repairs it'],
    ['awaitingCloud', 'repairing', 'still not Ready'],
    ['repairing', 'held', 'paused or locked'],
    ['held', 'suspect', 'resumed'],
    ['repairing', 'throttled', 'nothing helped'],
    ['throttled', 'repairing', 'after {throttle}'],
    ['recovering', 'settling', 'cordon lifted'],
    ['settling', 'healthy', 'Ready for {settling}'],
    ['settling', 'suspect', 'NotReady'],
  ],
};

/** The overview as a Mermaid stateDiagram-v2. */
export function overviewDiagram(overview: Overview, delaysMs: MachineToShow['delaysMs']): string {
  const { composites, arrows } = overview;
  const inner = new Set(Object.values(composites).flat());
  const arrow = ([source, target, label]: Overview['arrows'][number]) =>
    `${mermaidId(source)} --> ${mermaidId(target)}: ${withTimes(label, delaysMs)}`;
  const lines = Object.entries(composites).flatMap(([state, states]) => [
    `  state ${mermaidId(state)} {`,
    ...states.map((path) => `    state "${path.split('.').at(-1)}" as ${mermaidId(path)}`),
    `    [*] --> ${mermaidId(states[0] ?? state)}`,
    ...arrows.filter(([source]) => states.includes(source)).map((each) => `    ${arrow(each)}`),
    '  }',
  ]);
  const outer = arrows.filter(([source]) => !inner.has(source)).map((each) => `  ${arrow(each)}`);
  return [
    '%% Written by `wdrip export`.',
    'stateDiagram-v2',
    `  [*] --> ${mermaidId(overview.first)}`,
    ...lines,
    ...outer,
    '',
  ].join('\n');
}

function withTimes(label: string, delaysMs: MachineToShow['delaysMs']): string {
  return label.replace(/\{(\w+)\}/g, (_, delay: string) => {
    const ms = delaysMs[delay];
    if (ms === undefined)
      throw new Error(`the overview names a delay that the machine does not have: ${delay}`);
    return spokenMs(ms);
  });
}
