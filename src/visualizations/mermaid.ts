import {
  allStates,
  allTransitions,
  type MachineToShow,
  readMachine,
  type StateData,
  type TransitionData,
} from './machine-data.ts';

/**
 * The whole machine as a Mermaid stateDiagram-v2, which GitHub and the Stately editor show. What holds in every state (the root's own
 * transitions) stands in a note, or there would be an arrow from everywhere.
 */
export function mermaidDiagram({ config, delaysMs }: MachineToShow): string {
  const root = readMachine(config);
  const arrows = allTransitions(root).filter(({ source, target }) => source !== '' && target !== null);
  const inside = allTransitions(root).filter(({ source, target }) => source !== '' && target === null);
  const lines = [
    '%% Written by `wdrip export`.',
    'stateDiagram-v2',
    ...declarations(root, 1),
    ...inside
      .filter(({ actions }) => actions.length > 0)
      .map((each) => `  ${mermaidId(each.source)}: ${label(each, delaysMs)}`),
    ...joined(arrows, delaysMs).map((line) => `  ${line}`),
    ...notes(root, delaysMs),
  ];
  return `${lines.join('\n')}\n`;
}

/** `20000` as `20 s`. */
export function spokenMs(ms: number): string {
  if (ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`;
}

/** A path as an id that Mermaid takes. */
export function mermaidId(path: string): string {
  return path.replaceAll('.', '_');
}

function declarations(state: StateData, depth: number): readonly string[] {
  const indent = '  '.repeat(depth);
  return state.states.flatMap((inner, index) => {
    const id = mermaidId(inner.path);
    const start = !state.isParallel && inner.name === state.initial ? [`${indent}[*] --> ${id}`] : [];
    const end = inner.isFinal ? [`${indent}${id} --> [*]`] : [];
    // Mermaid knows regions only inside a state: a parallel root is drawn as states side by side.
    const between = state.isParallel && state.path !== '' && index > 0 ? [`${indent}--`] : [];
    if (inner.states.length === 0)
      return [...between, `${indent}state "${inner.name}" as ${id}`, ...start, ...end];
    return [
      ...between,
      `${indent}state "${inner.name}" as ${id} {`,
      ...declarations(inner, depth + 1),
      `${indent}}`,
      ...start,
    ];
  });
}

/** One arrow between two states, whatever leads from the one to the other. */
function joined(
  transitions: readonly TransitionData[],
  delaysMs: MachineToShow['delaysMs'],
): readonly string[] {
  const labels = new Map<string, string[]>();
  for (const each of transitions) {
    const arrow = `${mermaidId(each.source)} --> ${mermaidId(each.target ?? each.source)}`;
    labels.set(arrow, [...(labels.get(arrow) ?? []), label(each, delaysMs)]);
  }
  return [...labels].map(([arrow, texts]) => `${arrow}: ${texts.join(' or ')}`);
}

/** `after suspicion (20 s) [isReady] / noteReady`. No colon or semicolon: Mermaid would end the label there. */
function label({ cause, guard, actions }: TransitionData, delaysMs: MachineToShow['delaysMs']): string {
  const when = [causeText(cause, delaysMs), guard === null ? '' : `[${guard}]`].filter(Boolean).join(' ');
  return [when === '' ? 'otherwise' : when, actions.join(', ')].filter(Boolean).join(' / ');
}

function causeText(cause: TransitionData['cause'], delaysMs: MachineToShow['delaysMs']): string {
  switch (cause.kind) {
    case 'event':
      return cause.name;
    case 'after': {
      const ms = delaysMs[cause.delay] ?? Number(cause.delay);
      return Number.isNaN(ms) ? `after ${cause.delay}` : `after ${cause.delay} (${spokenMs(ms)})`;
    }
    case 'always':
      return '';
    case 'finished':
      return 'at its end';
    case 'done':
      return `${cause.effect} done`;
    case 'failed':
      return `${cause.effect} failed`;
  }
}

function notes(root: StateData, delaysMs: MachineToShow['delaysMs']): readonly string[] {
  const first = allStates(root).find(({ path }) => path !== '' && !path.includes('.'));
  if (first === undefined || root.transitions.length === 0) return [];
  const lines = root.transitions.map((each) =>
    each.target === null ? `    ${label(each, delaysMs)}` : `    ${label(each, delaysMs)} → ${each.target}`,
  );
  return [`  note right of ${mermaidId(first.path)}`, '    In every state', ...lines, '  end note'];
}
