import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { deadFiles, mayImport, partOf, wrongArrows } from './arrows.ts';
import { codeOf, importsOf, projectFiles, root } from './files.ts';
import { broken, emptyName, rules, tooLong } from './rules.ts';

const all = projectFiles('.');
const source = all.filter(({ path }) => /^(src|machines)\/.*\.ts$/.test(path));

/** Where the product is entered from; whatever else is in `src/` or `machines/` must be reached from here. */
const entries: Readonly<Record<string, string>> = {
  'bin/wdrip.js': 'the command',
  'bin/prepare.js': 'what `npm install` runs',
  'src/cli/main.ts': 'what the command bundles and runs',
  'src/dashboard/page/main.js': 'the page, which a browser enters',
  'src/runtime/virtual-clock.ts': 'the clock of tests, and of the simulator',
  'src/simulator/world/object-store.ts': 'the object storage of tests: the same contract as the real one',
  'src/store/memory.ts': 'the store of tests, and of the simulator',
};

describe('the layout', () => {
  test('imports point one way', () => {
    expect(source.length).toBeGreaterThan(50);
    expect(source.flatMap(wrongArrows)).toEqual([]);
  });

  test('every line about who may import whom is about parts that can exist', () => {
    const parts = Object.keys(mayImport);
    expect(
      Object.values(mayImport)
        .flat()
        .filter((part) => !parts.includes(part)),
    ).toEqual([]);
    expect(
      [...new Set(source.map(({ path }) => partOf(path)))].filter((part) => !parts.includes(part)),
    ).toEqual([]);
  });

  test.each([
    [
      'a machine that imports the product',
      'machines/x.ts',
      "import { sleep } from '../src/runtime/clock.ts';",
    ],
    ['a machine that imports Node', 'machines/x.ts', "import { readFile } from 'node:fs/promises';"],
    ['xstate outside the runtime', 'src/supervisor/x.ts', "import { createActor } from 'xstate';"],
    ['xstate in a picture', 'src/visualizations/x.ts', "import type { AnyStateMachine } from 'xstate';"],
    ['an adapter that imports another', 'src/cloud/x.ts', "import { x } from '../kubernetes/port.ts';"],
    ['an effect that imports an adapter', 'src/effects/x.ts', "import { x } from '../cloud/alibaba.ts';"],
    [
      'an effect that imports the supervisor',
      'src/effects/x.ts',
      "import { x } from '../supervisor/desk.ts';",
    ],
    [
      'the runtime that knows the supervisor',
      'src/runtime/x.ts',
      "export { x } from '../supervisor/desk.ts';",
    ],
    ['the supervisor that knows the sandbox', 'src/supervisor/x.ts', "await import('../sandbox/up.ts');"],
    ['the supervisor that knows the simulator', 'src/supervisor/x.ts', "import '../simulator/run.ts';"],
    ['a vendor outside its adapter', 'src/effects/x.ts', "import Ecs from '@alicloud/ecs20140526';"],
    ['a new folder without a line', 'src/novelties/x.ts', ''],
  ])('%s is found', (_, path, text) => {
    expect(wrongArrows({ path, text })).toHaveLength(1);
  });

  test('no file is dead: each is reached from an entry', () => {
    const files = all.filter(({ path }) => /^(src|machines|bin)\/.*\.(ts|js)$/.test(path));
    expect(deadFiles(files, Object.keys(entries))).toEqual([]);
  });

  test('a dead file is found', () => {
    const file = (path: string, text: string) => ({ path, text });
    const files = [
      file('bin/a.js', "await import('../src/b.ts');"),
      file('src/b.ts', "import type { C } from './c.ts';"),
      file('src/c.ts', "// import { d } from './d.ts';"),
      file('src/d.ts', ''),
    ];
    expect(deadFiles(files, ['bin/a.js'])).toEqual(['src/d.ts']);
  });
});

describe('the rules of the house', () => {
  test.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => {
    expect(all.flatMap((file) => broken(rule, file))).toEqual([]);
  });

  test.each(rules.map((rule) => [rule.name, rule] as const))('bites: %s', (_, rule) => {
    const path = rule.holds('src/cloud/planted.ts') ? 'src/cloud/planted.ts' : 'test/cloud/planted.test.ts';
    expect(broken(rule, { path, text: `\n${rule.planted}\n` })).toEqual([`${path}:2`]);
    expect(broken(rule, { path, text: 'export const harmless = 1;\n' })).toEqual([]);
  });

  test('an exception names a file that exists, and that needs it', () => {
    for (const rule of rules)
      for (const path of Object.keys(rule.but ?? {})) {
        const file = all.find((each) => each.path === path);
        const { but: _, ...strict } = rule;
        expect({ path, needed: file !== undefined && broken(strict, file).length > 0 }).toEqual({
          path,
          needed: true,
        });
      }
  });

  test('files and lines can be read at a glance', () => {
    expect(all.flatMap(tooLong)).toEqual([]);
    expect(tooLong({ path: 'src/a.ts', text: 'x\n'.repeat(401) })).toEqual(['src/a.ts']);
    expect(tooLong({ path: 'src/a.ts', text: `// ${'x'.repeat(140)}\n` })).toEqual(['src/a.ts:1']);
    expect(tooLong({ path: 'src/a.ts', text: `const a = '${'x'.repeat(140)}';\n` })).toEqual([]);
  });

  test('a file is named after what is in it', () => {
    expect(all.flatMap(emptyName)).toEqual([]);
    expect(emptyName({ path: 'src/cloud/retry-helpers.ts', text: '' })).toHaveLength(1);
    expect(emptyName({ path: 'src/Utils/x.ts', text: '' })).toHaveLength(1);
  });

  test('comments and texts are not code', () => {
    expect(codeOf("const a = 'Date.now'; // Date.now\n/* Date.now\n */ b();")).not.toMatch(/Date/);
    expect(importsOf("// import x from './a.ts'\nimport y from './b.ts';\nexport * from './c.ts'")).toEqual([
      './b.ts',
      './c.ts',
    ]);
    expect(importsOf("const text = `\nimport x from 'x';\n`;\nawait import('./y.ts');")).toEqual(['./y.ts']);
  });
});

describe('dependencies', () => {
  const versions = z.record(z.string(), z.string());
  const pack = z
    .object({ dependencies: versions, devDependencies: versions })
    .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
  const named = Object.entries({ ...pack.dependencies, ...pack.devDependencies });
  const reasons = readFileSync(join(root, 'docs/decisions/dependencies.md'), 'utf8');

  test('each is pinned exactly: no range can bring in something else', () => {
    const exact = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
    expect(named.filter(([, version]) => !exact.test(version))).toEqual([]);
    expect(exact.test('^1.2.3')).toBe(false);
  });

  test.each(named.map(([name]) => name))('%s has a line that says why', (name) => {
    expect(reasons).toContain(`\`${name}\``);
  });

  test('no line is about a dependency that is gone', () => {
    const lines = [...reasons.matchAll(/^- ((?:`[^`]+`(?:, | and |\/)?)+)/gm)].map((match) => match[1] ?? '');
    const told = lines.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].flatMap((match) => match[1] ?? []));
    const names = named.map(([name]) => name);
    expect(told.filter((name) => !names.includes(name))).toEqual([]);
  });
});
