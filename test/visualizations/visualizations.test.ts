import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createMachine } from 'xstate';
import { machines } from '../../machines/index.ts';
import { defaultNodePolicy } from '../../machines/policy.ts';
import { exportMachines } from '../../src/cli/export.ts';
import { visualizationFiles } from '../../src/visualizations/files.ts';
import { legacyConfig } from '../../src/visualizations/legacy-v4.ts';
import { allStates, allTransitions, readMachine } from '../../src/visualizations/machine-data.ts';
import { machinesToShow } from '../../src/visualizations/machines-to-show.ts';
import { mermaidDiagram, spokenMs } from '../../src/visualizations/mermaid.ts';
import { nodeOverview, overviewDiagram } from '../../src/visualizations/overview.ts';
import { stateNodes } from '../machines/pure.ts';

const shown = machinesToShow();
const committed = new URL('../../visualizations/', import.meta.url);

function show(name: string) {
  const machine = shown.find((each) => each.name === name);
  if (machine === undefined) throw new Error(`no machine ${name}`);
  return machine;
}

describe.each(shown.map((machine) => [machine.name, machine] as const))('%s', (name, machine) => {
  test.each(visualizationFiles(machine).map((file) => [file.name, file.text] as const))(
    'the committed %s is fresh: `wdrip export` would write the same',
    (file, text) => {
      expect(readFileSync(new URL(file, committed), 'utf8')).toBe(text);
    },
  );

  test('what was read of the config is the machine that XState has', () => {
    const root = readMachine(machine.config);
    const known = Object.entries(machines).find(([each]) => each === name)?.[1].machine;
    if (known === undefined) throw new Error(name);
    const nodes = stateNodes(known);
    expect(allStates(root).map(({ path }) => path)).toEqual(nodes.map((node) => node.path.join('.')));
    const targets = nodes.flatMap((node) =>
      [...node.transitions.values()]
        .flat()
        .concat(node.always ?? [])
        .map(
          (each) =>
            `${node.path.join('.')} -> ${each.target === undefined ? 'nowhere' : each.target.map((to) => to.path.join('.')).join()}`,
        ),
    );
    const ours = allTransitions(root).map(({ source, target }) => `${source} -> ${target ?? 'nowhere'}`);
    expect(ours.sort()).toEqual(targets.sort());
  });

  test('the JSON makes the same states again', () => {
    const again = createMachine(JSON.parse(readFileSync(new URL(`${name}.json`, committed), 'utf8')));
    expect(stateNodes(again).map(({ id }) => id)).toContain(`${name}`);
    expect(stateNodes(again).length).toBe(allStates(readMachine(machine.config)).length);
  });

  test('the diagram is one that Mermaid reads: known lines, declared states, closed braces', () => {
    expect(faultsOfDiagram(mermaidDiagram(machine))).toEqual([]);
  });

  test('the config for XState 4 has its words, and no other', () => {
    const text = JSON.stringify(legacyConfig(machine.config));
    expect(text).not.toMatch(/"(guard|reenter|options)":/);
    const guards = JSON.stringify(machine.config).match(/"guard":/g)?.length ?? 0;
    expect(text.match(/"cond":/g)?.length ?? 0).toBe(guards);
  });
});

/** Mermaid's own parser needs a browser's DOM; this is the part of its grammar that we write. */
function faultsOfDiagram(text: string): readonly string[] {
  const faults: string[] = [];
  const [comment, head, ...lines] = text.trimEnd().split('\n');
  if (!comment?.startsWith('%%') || head !== 'stateDiagram-v2') faults.push('no head');
  const states = new Set(['[*]']);
  const used = new Map<string, string>();
  let depth = 0;
  let inNote = false;
  for (const line of lines.map((each) => each.trim())) {
    const declared = /^state (?:"[\w ]+" as )?(\w+)( \{)?$/.exec(line);
    const arrow = /^(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: ([^:;#]+))?$/.exec(line);
    const inside = /^(\w+): [^:;#]+$/.exec(line);
    if (inNote) inNote = line !== 'end note';
    else if (/^note right of \w+$/.test(line)) inNote = true;
    else if (declared?.[1] !== undefined) {
      states.add(declared[1]);
      if (declared[2] !== undefined) depth += 1;
    } else if (line === '}') depth -= 1;
    else if (arrow?.[1] !== undefined && arrow[2] !== undefined) used.set(arrow[1], line).set(arrow[2], line);
    else if (inside?.[1] !== undefined) used.set(inside[1], line);
    else if (line !== '--') faults.push(`not understood: ${line}`);
  }
  if (depth !== 0) faults.push('braces are not closed');
  if (inNote) faults.push('a note is not closed');
  for (const [state, line] of used) if (!states.has(state)) faults.push(`${state} is not declared: ${line}`);
  return faults;
}

test('the check of diagrams bites', () => {
  const head = '%% x\nstateDiagram-v2\n';
  expect(faultsOfDiagram(`${head}  state "a" as a\n  a --> a: x\n`)).toEqual([]);
  expect(faultsOfDiagram(`${head}  state "a" as a\n  a --> b: x\n`)).toEqual([
    'b is not declared: a --> b: x',
  ]);
  expect(faultsOfDiagram(`${head}  state "a" as a {\n`)).toEqual(['braces are not closed']);
  expect(faultsOfDiagram(`${head}  state "a" as a\n  a --> a: after: 5\n`)).toHaveLength(1);
});

test('labels say how long a wait is, and what guards an arrow', () => {
  const diagram = mermaidDiagram(show('node'));
  expect(diagram).toContain('suspect --> repairing: after suspicion (20 s)');
  expect(diagram).toContain('throttled --> repairing: after throttle (10 min) / startFromBottom');
  expect(diagram).toContain('repairing_choosing --> held: [mustStayHeld]');
  expect(diagram).toContain('SLOT_RETIRED / forget → retiring');
});

test('each arrow of the overview is one of the machine, perhaps over the state that only chooses', () => {
  const { config, delaysMs } = show('node');
  const root = readMachine(config);
  const within = (path: string, state: string) => path === state || path.startsWith(`${state}.`);
  const arrows = allTransitions(root).flatMap(({ source, target }) =>
    target === null ? [] : [{ source, target }],
  );
  const leads = (from: string, to: string) =>
    arrows.some(({ source, target }) => within(source, from) && within(target, to));
  for (const [source, target] of nodeOverview.arrows) {
    const over = leads(source, nodeOverview.passing) && leads(nodeOverview.passing, target);
    expect({ source, target, leads: leads(source, target) || over }).toEqual({ source, target, leads: true });
  }
  expect(leads('healthy', 'throttled')).toBe(false);
  const drawn = overviewDiagram(nodeOverview, delaysMs);
  expect(drawn).toContain('suspect --> repairing: NotReady for 20 s');
  expect(() => overviewDiagram(nodeOverview, {})).toThrow(/delay/);
});

describe('wdrip export', () => {
  test('writes every file, and nothing else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wdrip-export-'));
    try {
      const out = join(folder, 'new', 'folder');
      const written = await exportMachines(out);
      expect(written).toHaveLength(4 * Object.keys(machines).length + 1);
      expect(readdirSync(out).sort()).toEqual(readdirSync(committed).sort());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a folder that cannot be made ends with a failure that names it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wdrip-export-'));
    try {
      writeFileSync(join(folder, 'file'), '');
      await expect(exportMachines(join(folder, 'file'))).rejects.toMatchObject({
        name: 'Failure',
        code: 'NotWritten',
        message: expect.stringContaining('--out'),
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test('the README shows the overview as it is', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const overview = readFileSync(new URL('node.overview.mmd', committed), 'utf8').trimEnd();
  expect(readme).toContain(`\`\`\`mermaid\n${overview}\n\`\`\``);
});

describe('what people read of the machine is true', () => {
  const page = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const guide = page('docs/machines.md');

  test.each(['README.md', 'docs/machines.md'])('%s shows the overview as it is exported', (path) => {
    const drawn = overviewDiagram(nodeOverview, show('node').delaysMs);
    expect(page(path)).toContain(`\`\`\`mermaid\n${drawn}\`\`\``);
  });

  test.each(Object.entries(defaultNodePolicy))('docs/machines.md has the default of %s', (setting, value) => {
    const said = setting.endsWith('Ms') ? spokenMs(value) : String(value);
    expect(guide).toContain(`| \`${setting}\` | ${said} |`);
  });

  test('docs/machines.md tells of every state that is not inside another', () => {
    for (const { name } of readMachine(show('node').config).states)
      expect(guide).toContain(`\n| \`${name}\` |`);
  });
});
